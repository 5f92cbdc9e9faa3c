"""A question and memories to an answer. Knows nothing about files or the command line."""
