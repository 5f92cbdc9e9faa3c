"""`full`: all of the document that the backbone's positions hold."""

from .reading import Reading


class Full(Reading):
    """Reads what fits into the positions."""

    shows = "ends"
    positions = 1
