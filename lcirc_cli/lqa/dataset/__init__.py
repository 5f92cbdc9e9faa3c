"""Judged pairs to a data set: shards, manifest, numbers, card. Asks no model."""
