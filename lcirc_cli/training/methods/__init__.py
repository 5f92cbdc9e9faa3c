"""What trains, and its losses. Knows nothing about steps, logs and checkpoints."""
