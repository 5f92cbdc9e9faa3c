"""A model in this process, and which one a run asks. Knows nothing about pairs."""
