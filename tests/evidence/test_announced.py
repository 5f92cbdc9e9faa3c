"""What a passage announces with a colon comes with it: a list, or an example."""

from __future__ import annotations

import pytest

from lcirc_cli.evidence.index import PassageIndex
from tests.evidence.memories import memory
from tests.evidence.test_running_heads import paged

OPENING = f"The society keeps rules. {'The rules are old. ' * 27}The editors in office are"
BEHIND = f"Dora Quill and Emil Rast. {'They met in the shed. ' * 24}"
LATER = "Nothing else was said. " * 30


def index_of(mark: str, *, pages: bool) -> PassageIndex:
    if not pages:
        return PassageIndex(memory(f"{OPENING}{mark}\n\n{BEHIND}\n\n{LATER}"))
    text, places = paged(
        [
            f"Annual Report\n{body}\n{n}"
            for n, body in enumerate([LATER, OPENING + mark, BEHIND, LATER, LATER], 1)
        ]
    )
    return PassageIndex(memory(text, pages=places))


def at(index: PassageIndex, words: str) -> int:
    (found,) = [n for n, _ in enumerate(index.passages) if words in index.text(n)]
    return found


@pytest.mark.parametrize("pages", [False, True])
@pytest.mark.parametrize(("mark", "comes_along"), [(":", True), ("\uff1a", True), (".", False)])
def test_what_is_announced_goes_before_what_is_ranked_lower(
    mark: str, comes_along: bool, pages: bool
) -> None:
    index = index_of(mark, pages=pages)
    first, behind = at(index, "editors"), at(index, "Quill")
    assert behind == first + 1
    other = len(index.passages) - 1
    ranked = [index.passages[n] for n in (first, other, behind)]
    order = (first, behind, other) if comes_along else (first, other, behind)
    assert list(index.with_halves(ranked)) == [index.passages[n] for n in order]


def test_what_stands_before_a_colon_is_not_brought_by_what_follows() -> None:
    index = index_of(":", pages=False)
    first, behind = at(index, "editors"), at(index, "Quill")
    ranked = [index.passages[n] for n in (behind, first)]
    assert list(index.with_halves(ranked)) == ranked
