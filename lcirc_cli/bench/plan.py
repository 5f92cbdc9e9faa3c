"""Which samples a run asks, and how they are put into batches: the same every time.

Batches are fixed by the plan and never by what is already done, so that a run which was killed
computes with the same batches when it goes on, and ends in the same numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.errors import DocumentError

from .sample import Sample, Task, TextSample
from .systems.base import Batch


@dataclass(frozen=True)
class Planned:
    """The samples of one task.

    Attributes:
        everything: the samples of the whole file.
        asked: those that are asked, in the file's order.
    """

    task: Task
    everything: Sequence[Sample | TextSample]
    asked: Sequence[Sample | TextSample]

    def batches(self, size: int) -> Iterator[Batch]:
        """At most `size` samples of one document each; another document's text for controls."""
        groups: dict[str, list[Sample | TextSample]] = {}
        for sample in self.asked:
            groups.setdefault(sample.document_id, []).append(sample)
        others = self._others(list(groups))
        for identity, group in groups.items():
            for start in range(0, len(group), size):
                part = group[start : start + size]
                yield Batch(
                    samples=[s for s in part if isinstance(s, Sample)],
                    texts=[s for s in part if isinstance(s, TextSample)],
                    other=others[identity],
                )

    def _others(self, asked: Sequence[str]) -> dict[str, str]:
        """For each document the text of the next one of the file that has nothing of it.

        Benchmarks repeat documents under several ids, and joined ones may share members: a
        control that held a part of its own document would be none. "" if there is no other.
        """
        texts: dict[str, str] = {}
        parts: dict[str, frozenset[str]] = {}
        for sample in self.everything:
            if sample.document_id not in texts:
                texts[sample.document_id] = sample.document
                joined = sample.parts if isinstance(sample, Sample) else ()
                own = joined or (sample.document,)
                parts[sample.document_id] = frozenset(text for text in own if text.strip())
        order = list(texts)
        place = {identity: index for index, identity in enumerate(order)}
        others = {}
        for identity in asked:
            after = place[identity] + 1
            following = (order[(after + step) % len(order)] for step in range(len(order) - 1))
            others[identity] = next(
                (
                    texts[other]
                    for other in following
                    if texts[other].strip() and parts[identity].isdisjoint(parts[other])
                ),
                "",
            )
        return others


def plan(task: Task, *, limit: int | None, seed: int) -> Planned:
    """All samples of a task, or `limit` of its questions or whole texts drawn by `seed`.

    The draw is the same wherever the data lie: of `qa:DIR` and `perplexity:FILE` the last
    name counts.

    Raises:
        DocumentError: the data can't be read, holds no sample, or two with the same id.
    """
    everything: list[Sample | TextSample] = list(task.samples())
    if not everything:
        raise DocumentError(f"{task.name} holds no sample that can be asked")
    identities = {sample.id for sample in everything}
    if len(identities) < len(everything):
        raise DocumentError(f"{task.name} has samples with the same id")
    units: dict[str, list[Sample | TextSample]] = {}
    for sample in everything:  # all lengths of a text belong together: else they can't be compared
        unit = sample.document_id if isinstance(sample, TextSample) else sample.id
        units.setdefault(unit, []).append(sample)
    asked = everything
    if limit is not None and limit < len(units):
        chosen = set(random.Random(f"{seed}/{_drawn_as(task)}").sample(range(len(units)), limit))
        asked = [one for i, unit in enumerate(units.values()) if i in chosen for one in unit]
    return Planned(task, everything, asked)


def _drawn_as(task: Task) -> str:
    kind, colon, path = task.name.partition(":")
    return f"{kind}:{Path(path).resolve().name}" if colon else task.name
