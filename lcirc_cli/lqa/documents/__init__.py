"""Inputs to the documents that pairs are made from, in shards. Asks no model."""
