"""A memory for each of many documents, by stages on this machine, Slurm or Ray."""
