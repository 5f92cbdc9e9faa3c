"""`full`: all of the document that the backbone's positions hold."""

from .reading import Reading


class Full(Reading):
    """Reads what fits into the positions."""

    about = "the document as far as the backbone's positions go"
    shows = "ends"
    positions = 1
