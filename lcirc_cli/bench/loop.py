"""A resumable run: every task with every system, row by row.

Samples of one document are asked of all systems one after another, so that what systems share (a
document's memory) is made once; its seconds count for each of them. Processes started by torchrun
take turns in the batches.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.cost.peak import peak_mb, restart_peak_mb
from lcirc_cli.errors import StorageError, first_line

from . import metrics
from .plan import Planned
from .results import NOT_APPLICABLE, Row, Rows
from .sample import Sample, Scored, TextSample
from .systems import Batch, Measured, NotApplicable, System

Answer = tuple[Measured, Scored] | str  # or what went wrong
# No sample can be the cause of these: the run ends and says so, instead of failing every sample.
_BUGS = (AttributeError, NameError, ImportError, AssertionError)


def run(
    planned: Sequence[Planned],
    systems: Sequence[tuple[str, Callable[[Planned], System]]],
    out: Path,
    *,
    batch: int,
    keep_prompts: bool = False,
) -> None:
    """Ask what has no row yet, and write the rows.

    Args:
        keep_prompts: rows hold the whole prompts.
        systems: name, and how to open it for a task (the constant one reads the whole file).

    Raises:
        StorageError: a row can't be written.
    """
    rows = Rows(out / "samples.jsonl")
    done = set(rows.read())
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    total = sum(len(one.asked) for one in planned) * len(systems)
    with console.progress(total, "asking", "answers") as advance:
        for one in planned:
            opened = [(name, make(one)) for name, make in systems]
            for number, part in enumerate(one.batches(batch)):
                for name, system in opened:
                    _step(
                        one,
                        part,
                        name,
                        system,
                        rows,
                        done,
                        mine=number % world == rank,
                        keep_prompts=keep_prompts,
                    )
                    advance(len(part.samples) + len(part.texts))


def _step(
    planned: Planned,
    part: Batch,
    name: str,
    system: System,
    rows: Rows,
    done: set[tuple[str, str, str]],
    *,
    mine: bool,
    keep_prompts: bool,
) -> None:
    samples: Sequence[Sample | TextSample] = part.samples or part.texts
    missing = {s.id for s in samples if (planned.task.name, name, s.id) not in done}
    if not mine or not missing:
        return
    restart_peak_mb()  # each system's own
    begun = time.perf_counter()
    answers = _answers(system, part)
    spared = sum(answer[0].spared for answer in answers if not isinstance(answer, str))
    seconds = (time.perf_counter() - begun + spared) / len(samples)
    written = [
        _row(planned.task.name, name, sample, answer, seconds, ranks=system.ranks)
        for sample, answer in zip(samples, answers, strict=True)
    ]
    if not keep_prompts:
        written = [replace(row, prompt="") for row in written]
    rows.append(row for row in written if row.id in missing)


def _answers(system: System, part: Batch) -> list[Answer]:
    """What a system returns for a batch, scored; for a sample that fails, what went wrong.

    One sample's failure is counted and shown; it doesn't end a run of hours, and doesn't take the
    other samples of its batch with it.
    """
    samples: Sequence[Sample | TextSample] = part.samples or part.texts
    try:
        measured = system.run(part)
    except NotApplicable as reason:
        return [f"{NOT_APPLICABLE}{reason}"] * len(samples)
    except (StorageError, *_BUGS):
        raise
    except Exception as error:
        if len(samples) > 1:
            singles = [replace(part, samples=[s], texts=[]) for s in part.samples]
            singles += [replace(part, samples=[], texts=[t]) for t in part.texts]
            return [one for single in singles for one in _answers(system, single)]
        return [_reason(error)]
    return [_scored(*pair) for pair in zip(samples, measured, strict=True)]


def _scored(sample: Sample | TextSample, measured: Measured) -> Answer:
    try:
        return measured, metrics.score(sample, measured.output)
    except _BUGS:
        raise
    except Exception as error:
        return _reason(error)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _row(
    task: str,
    system: str,
    sample: Sample | TextSample,
    answer: Answer,
    seconds: float,
    *,
    ranks: bool,
) -> Row:
    common: dict[str, Any] = {
        "task": task,
        "system": system,
        "id": sample.id,
        "metric": sample.metric,
        "document_id": sample.document_id,
        "facets": {name: value for name, value in sample.facets.items() if value != ""},
        "seconds": round(seconds, 4),
        "peak_mb": round(peak_mb(), 1),
    }
    if isinstance(sample, Sample):
        common |= {"question": sample.question, "references": list(sample.answers)}
    if isinstance(answer, str):
        if answer.startswith(NOT_APPLICABLE):
            return Row(**common, error=answer)
        values = metrics.worst(sample, ranks=ranks)
        return Row(**common, values=values, missing=metrics.losses(sample), error=answer)
    measured, scored = answer
    return Row(
        **common,
        values=dict(scored.values),
        blank=scored.blank,
        format_failure=scored.format_failure,
        output=measured.output.text,
        closed_book=measured.output.closed_book,
        prompt_sha256=measured.prompt_sha256,
        prompt=measured.prompt,
        window=measured.window,
        compressed=measured.compressed,
        dropped=measured.dropped,
    )
