"""`ends`: the document's head and tail, or what else the benchmark's own rule keeps."""

from .reading import Reading


class Ends(Reading):
    """Reads what fits into the window."""

    shows = "ends"
