"""A document to checked pairs. Knows nothing about where models run and files lie."""
