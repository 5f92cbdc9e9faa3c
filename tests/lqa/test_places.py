"""Where pairs are planned: depth, distance, and what is not asked about."""

from __future__ import annotations

from collections import Counter

import pytest

from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.lqa.dataset.statistics import Statistics, chi_square_tail, even_p_value
from lcirc_cli.lqa.pairs.outline import Outline
from lcirc_cli.lqa.pairs.spans import plan_pairs
from lcirc_cli.lqa.settings import KINDS, PairSettings

from .corpus import document
from .interviews import SETTINGS, Scripted, pairs_of, source


def test_depth_of_single_evidence_is_uniform(cache: ReplayCache) -> None:
    numbers = Statistics()
    number = 0
    while numbers.total("depth") < 1_000:
        found = source(number, sentences=60 + number % 90)
        for entry in pairs_of(number, Scripted(), cache, sentences=60 + number % 90):
            numbers.add_pair(found, entry)
        number += 1
    bins = [numbers.group("depth").get(str(bin), 0) for bin in range(10)]
    print(f"depth of {sum(bins):,} single pieces: {bins}, p = {even_p_value(bins):.2f}")
    assert even_p_value(bins) > 0.01, bins


def test_chi_square_tail_against_the_tables() -> None:
    # Critical values at 5 % and 1 % (Abramowitz and Stegun, table 26.8).
    for value, freedom, tail in (
        (3.841459, 1, 0.05),
        (5.991465, 2, 0.05),
        (7.814728, 3, 0.05),
        (16.918978, 9, 0.05),
        (21.665994, 9, 0.01),
        (18.307038, 10, 0.05),
    ):
        assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=1e-5)


def test_plans_depend_on_the_document_and_the_seed_alone() -> None:
    text = document(3, sentences=120)
    first = plan_pairs("a", text, SETTINGS)
    assert first == plan_pairs("a", text, SETTINGS)
    assert first != plan_pairs("b", text, SETTINGS)
    assert first != plan_pairs("a", text, PairSettings("scripted", seed=1, pairs_per_document=10))
    assert [plan.index for plan in first] == list(range(10))


def test_all_kinds_are_planned_and_places_of_several_are_far_apart() -> None:
    kinds: Counter[str] = Counter()
    several = 0
    for number in range(60):
        text = document(number, sentences=150)
        for plan in plan_pairs(f"doc-{number}", text, SETTINGS):
            kinds[plan.kind] += 1
            for place in plan.places:
                assert place.start <= place.focus_start < place.focus_end <= place.end
                assert text[place.focus_start : place.focus_end].strip()
            if len(plan.places) > 1:
                several += 1
                gaps = [b.start - a.end for a, b in zip(plan.places, plan.places[1:], strict=False)]
                assert min(gaps) > 0.15 * len(text)
    assert set(kinds) == set(KINDS)
    assert 60 <= several <= 180  # about a fifth of 600


def test_tables_headings_and_short_lines_are_not_asked_about() -> None:
    table = "12 | 34 | 56 | 78 | 90 | 11 | 22 | 33 | 44 | 55 | 66 | 77"
    text = f"# Results\n\n{table}\n\nOk.\n\nThe mill by the river was sold in May of that year."
    outline = Outline(text)
    for depth in (0.0, 0.3, 0.6, 0.99):
        place = outline.place_at(depth)
        assert text[place.focus_start : place.focus_end].startswith("The mill by the river")
    assert not Outline(table)
    assert plan_pairs("x", table, SETTINGS) == []
