"""Requests to replies, by an endpoint or in this process. Knows nothing about pairs."""
