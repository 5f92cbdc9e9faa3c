"""The `.lcirc` file: what a memory holds, written, read and checked. Knows no model, no torch."""
