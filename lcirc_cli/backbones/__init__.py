"""Name to a frozen language model with its tokenizer. Knows nothing about memories."""
