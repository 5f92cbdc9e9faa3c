"""The filters on 200 good and 200 spoiled pairs, with a scripted judge."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lcirc_cli.endpoints.asking import Asker
from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.lqa.pairs.examiner import Examiner, without_duplicates
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Judged
from lcirc_cli.lqa.settings import Thresholds

from .pair_set import Labelled, Oracle, labelled, load

LIMITS = Thresholds()


async def _judge(pairs: list[Labelled], asker: Asker) -> list[Judged]:
    views = {entry.document.id: DocumentView(entry.document) for entry in pairs}
    judged = []
    for entry in pairs:
        examiner = Examiner(views[entry.document.id], asker, LIMITS)
        judged.append(Judged(entry.pair, await examiner.judge(entry.pair)))
    return judged


def verdicts(pairs: list[Labelled], asker: Asker) -> dict[tuple[str, int], Judged]:
    """The verdict on every pair, near-duplicates looked for within each document."""
    judged = asyncio.run(_judge(pairs, asker))
    groups = defaultdict(list)
    for entry in judged:
        groups[entry.pair.document_id].append(entry)
    final = [
        entry
        for group in groups.values()
        for entry in without_duplicates(group, LIMITS.near_duplicate)
    ]
    # A question may be in the set twice, good and spoiled: its index and question tell it.
    return {(entry.pair.question, entry.pair.index): entry for entry in final}


@pytest.fixture(scope="module")
def pairs(data_dir: Path) -> list[Labelled]:
    return labelled(data_dir)


def test_the_set_is_what_it_says(pairs: list[Labelled]) -> None:
    counts = Counter(entry.spoil for entry in pairs)
    assert counts.pop("") == 200
    assert len(counts) == 8
    assert set(counts.values()) == {25}


def test_spoiled_pairs_are_dropped_and_good_ones_kept(
    pairs: list[Labelled], data_dir: Path, tmp_path: Path
) -> None:
    cache = ReplayCache(tmp_path / "replies.sqlite")
    asker = Asker(Oracle(load(data_dir)), cache, in_flight=1, attempts=1)
    found = verdicts(pairs, asker)
    dropped: Counter[str] = Counter()
    wrongly = []
    for entry in pairs:
        rejection = found[entry.pair.question, entry.pair.index].rejection
        dropped[entry.spoil] += rejection is not None
        if not entry.spoil and rejection is not None:
            wrongly.append((entry.pair.question, entry.pair.answers, rejection))
    print(f"dropped, by what was done to them: {dict(dropped)}")
    assert len(wrongly) <= 0.05 * 200, wrongly
    spoiled = {spoil: count for spoil, count in dropped.items() if spoil}
    assert sum(spoiled.values()) >= 0.95 * 200, spoiled
    assert min(spoiled.values()) >= 20, spoiled
