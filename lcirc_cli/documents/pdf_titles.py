"""Finds what stands alone in the middle of a PDF page or region: titles, page numbers. They belong
to no column, though they may be as narrow as one.

Knows chunks only.
"""

from __future__ import annotations

from collections.abc import Sequence

from lcirc_cli.documents.pdf_chunks import Chunk

_MIDDLE_SHARE = 0.02  # of the width: so near to the middle something stands in it


def find_titles(chunks: Sequence[Chunk]) -> list[float]:
    """The baselines of titles and page numbers: in the middle, with nothing beside them."""
    left, right = min(chunk.x0 for chunk in chunks), max(chunk.x1 for chunk in chunks)
    ordered = sorted(chunks, key=lambda chunk: -chunk.y)
    found = []
    for before, chunk, after in zip([None, *ordered], ordered, [*ordered[1:], None], strict=False):
        off = (chunk.x0 + chunk.x1) / 2 - (left + right) / 2
        if (
            abs(off) < _MIDDLE_SHARE * (right - left)
            and chunk.text.strip()
            and (before is None or before.y - 0.3 * before.size > chunk.top)
            and (after is None or after.top < chunk.y - 0.3 * chunk.size)
        ):
            found.append(chunk.y)
    return found
