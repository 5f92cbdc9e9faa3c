"""Stages of work on this machine, Slurm or Ray. Knows nothing about what is worked on."""
