"""`none`: what the backbone knows by itself."""

from .reading import Reading


class NoDocument(Reading):
    """Reads the question alone."""

    shows = "none"
    positions = 1
