"""`none`: what the backbone knows by itself."""

from .reading import Reading


class NoDocument(Reading):
    """Reads the question alone."""

    about = "the question alone, without the document"
    shows = "none"
    positions = 1
