"""Whether the pages of a document fit its text. Never imports torch."""

from __future__ import annotations

from collections.abc import Sequence

from lcirc_cli.documents.document import Page


def check_pages(pages: Sequence[Page], *, characters: int, name: str) -> None:
    """Raises ValueError where pages overlap, are out of order or outside of the text."""
    position = 0
    for page in pages:
        if not position <= page.start <= page.end <= characters:
            raise ValueError(f"the pages of {name!r} don't fit its text")
        if page.number is not None and page.number < 1:
            raise ValueError(f"{name!r} has a page number under 1")
        position = page.end
