"""Documents to latents, at ingest and for a question. Knows nothing about files or answers."""
