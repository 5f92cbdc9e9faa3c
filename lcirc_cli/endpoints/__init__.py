"""Requests to replies, from a server. Knows nothing of what is asked."""
