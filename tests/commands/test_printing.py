"""How the place of a citation is written."""

from __future__ import annotations

import pytest

from lcirc_cli.commands.printing import citation_lines
from lcirc_cli.evidence import Citation


class _Answer:
    def __init__(self, citation: Citation) -> None:
        self.citations, self.read = (citation,), None


@pytest.mark.parametrize(
    ("page", "pages", "label", "place"),
    [
        (32, (32, 32), None, "p. 32"),
        (32, (32, 32), "32", "p. 32"),
        (32, (32, 32), "18", "p. 32 (printed 18)"),
        (4, (4, 4), "iv", "p. 4 (printed iv)"),
        (33, (32, 33), None, "pp. 32-33"),
        (33, (32, 33), "A-3", "pp. 32-33 (33 printed A-3)"),
    ],
)
def test_pages_and_printed_numbers(
    page: int, pages: tuple[int, int], label: str | None, place: str
) -> None:
    citation = Citation("a.pdf", 0, page, pages, label, None, 0, 2, "It", 0.5, ((0, 2),))
    (line,) = citation_lines(_Answer(citation))  # type: ignore[arg-type]
    assert line == f'[1] a.pdf, {place} (0.50): "It"'
