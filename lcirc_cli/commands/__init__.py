"""The commands: each parses, calls and prints. What is computed, others know."""
