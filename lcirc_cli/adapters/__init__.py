"""Name to adapter, and published checkpoints as adapters. Knows nothing about documents."""
