"""Which pairs to make from a document, and where their evidence shall lie.

A document is divided into as many equal parts as it gets single pieces of evidence, with one
somewhere in each: every depth is as likely as any other, and a document with many pairs covers
all of itself. Pairs of several pieces get places far apart, in the order of the document.
Everything depends on the document, the seed and the settings alone, never on the order of work.
"""

from __future__ import annotations

from lcirc_cli.lqa import chance
from lcirc_cli.lqa.pairs.outline import PASSAGE_CHARACTERS, Outline
from lcirc_cli.lqa.records import PairPlan
from lcirc_cli.lqa.settings import KINDS, PairSettings

_MULTI_KINDS = ("span", "yes_no", "list", "choice")
_ROOM = 6 * PASSAGE_CHARACTERS  # in a shorter document places far apart would still touch

Label = tuple[object, ...]


def plan_pairs(document_id: str, text: str, settings: PairSettings) -> list[PairPlan]:
    """The pairs to make from a document; empty where no sentence of it can be asked about."""
    outline = Outline(text)
    if not outline:
        return []
    label: Label = (settings.seed, document_id)
    slots = [
        _slot(label, index, settings, len(text)) for index in range(settings.pairs_per_document)
    ]
    singles = [index for index, (hops, kind) in enumerate(slots) if _single(hops, kind)]
    depths = dict(zip(singles, _even_depths(len(singles), label), strict=True))
    return [
        _plan(outline, label, index, hops, kind, depth=depths.get(index))
        for index, (hops, kind) in enumerate(slots)
    ]


def _single(hops: int, kind: str) -> bool:
    return hops == 1 and kind != "unanswerable"


def _slot(label: Label, index: int, settings: PairSettings, length: int) -> tuple[int, str]:
    """How many pieces of evidence a pair has, and its kind."""
    shares = dict(zip(KINDS, settings.weights, strict=True))
    several = [shares[kind] for kind in _MULTI_KINDS]
    if (
        length >= _ROOM
        and sum(several) > 0
        and chance.uniform(*label, "hops", index) < settings.multi_hop
    ):
        hops = 2 + chance.integer(*label, "three", index) % 2
        return hops, chance.choose(_MULTI_KINDS, several, *label, "kind", index)
    return 1, chance.choose(KINDS, settings.weights, *label, "kind", index)


def _even_depths(count: int, label: Label) -> list[float]:
    """A depth from each of `count` equal parts of a document, in a mixed order.

    Each is drawn by itself within its part: with one common shift, the depths of a document
    would fall into every second or third bin together, and a set of them would be less even.
    """
    depths = [(index + chance.uniform(*label, "depth", index)) / count for index in range(count)]
    return chance.shuffled(depths, *label, "order")


def _number_or_span(kind: str, digits: bool, label: Label) -> str:
    """Ask for numbers where there are some: most sentences that depth picks have none."""
    if kind == "number" and not digits:
        return "span"
    if kind == "span" and digits and chance.uniform(*label) < 0.5:
        return "number"
    return kind


def _plan(
    outline: Outline, label: Label, index: int, hops: int, kind: str, *, depth: float | None
) -> PairPlan:
    if depth is not None:
        places = [outline.place_at(depth)]
    else:
        places = outline.far_apart(hops, chance.uniform(*label, "place", index))
    if len(places) == 1:
        kind = _number_or_span(kind, outline.has_digit(places[0]), (*label, "number", index))
    extracts = (
        outline.extracts(places, chance.uniform(*label, "extract", index))
        if kind == "choice"
        else ()
    )
    wanted = ("yes", "no")[chance.integer(*label, "wanted", index) % 2]
    return PairPlan(
        index=index,
        kind=kind,
        places=tuple(places),
        extracts=tuple(extracts),
        wanted=wanted if kind == "yes_no" else "",
    )
