"""A run: tasks times systems, row by row, that can be killed and gone on with.

Samples of one document are asked of all systems one after another, so that what systems share (a
document's memory) is made once. Processes started by torchrun take turns in the batches.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lcirc_cli import console, files
from lcirc_cli.errors import LcircError, StorageError, UsageError
from lcirc_cli.peak import peak_bytes

from . import metrics
from .plan import Planned
from .rows import NOT_APPLICABLE, Row, Rows
from .sample import Output, Sample, TextSample
from .systems import Batch, Measured, NotApplicable, System

Progress = Callable[[float], object]


@dataclass(frozen=True)
class RunSettings:
    """What makes two runs the same run; kept in run.json.

    Attributes:
        tasks, systems: as given on the command line.
        model, adapter: the backbone and the adapter of the command line, with fingerprints.
        window, evidence: tokens, see `Limits`.
        batch: questions of a document asked at once.
        dtype: number format of the backbone.
    """

    tasks: tuple[str, ...]
    systems: tuple[str, ...]
    protocol: str
    model: str
    fingerprint: str
    adapter: str
    adapter_fingerprint: str
    limit: int | None
    seed: int
    join: int
    window: int
    evidence: int
    batch: int
    dtype: str
    lengths: tuple[int, ...]
    facts: int


_MAY_GROW = ("tasks", "systems")


def start(out: Path, settings: RunSettings) -> None:
    """Make the folder, or check that the run in it is this one.

    Tasks and systems may be added to a run; everything else must be as it was.

    Raises:
        UsageError: the folder holds another run.
        StorageError: it can't be made.
    """
    files.make_folder(out)
    path = out / "run.json"
    given = json.loads(json.dumps(asdict(settings)))
    with files.locked(path):
        if path.exists():
            known = json.loads(path.read_text("utf-8"))
            for name in given:
                if name in _MAY_GROW:
                    given[name] = list(dict.fromkeys([*known[name], *given[name]]))
                elif known.get(name) != given[name]:
                    raise UsageError(
                        f"{out} holds another run: its {name} is {known.get(name)}, not "
                        f"{given[name]}; use another --out"
                    )
        files.atomic_write(path, json.dumps(given, indent=2).encode() + b"\n")


def run(
    planned: Sequence[Planned],
    systems: Sequence[tuple[str, Callable[[Planned], System]]],
    out: Path,
    *,
    batch: int,
) -> None:
    """Ask what has no row yet, and write the rows.

    Args:
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
                    _step(one, part, name, system, rows, done, mine=number % world == rank)
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
) -> None:
    samples: Sequence[Sample | TextSample] = part.samples or part.texts
    missing = {s.id for s in samples if (planned.task.name, name, s.id) not in done}
    if not mine or not missing:
        return
    begun = time.perf_counter()
    measured = _measure(system, part)
    seconds = (time.perf_counter() - begun) / len(samples)
    written = [
        _row(planned.task.name, name, sample, one, seconds)
        for sample, one in zip(samples, measured, strict=True)
    ]
    rows.append(row for row in written if row.id in missing)


def _measure(system: System, part: Batch) -> Sequence[Measured | str]:
    """What a system returns for a batch; for a sample that fails, what went wrong.

    One sample's failure is counted and shown; it doesn't end a run of hours, and doesn't take the
    other samples of its batch with it.
    """
    count = len(part.samples) + len(part.texts)
    try:
        return system.run(part)
    except NotApplicable as reason:
        return [f"{NOT_APPLICABLE}{reason}"] * count
    except StorageError:
        raise
    except (LcircError, RuntimeError, ValueError, IndexError, KeyError, MemoryError) as error:
        if count > 1:
            singles = [replace(part, samples=[s], texts=[]) for s in part.samples]
            singles += [replace(part, samples=[], texts=[t]) for t in part.texts]
            return [one for single in singles for one in _measure(system, single)]
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [f"{type(error).__name__}: {said}"]


def _row(
    task: str, system: str, sample: Sample | TextSample, measured: Measured | str, seconds: float
) -> Row:
    common: dict[str, Any] = {
        "task": task,
        "system": system,
        "id": sample.id,
        "metric": sample.metric,
        "document_id": sample.document_id,
        "facets": dict(sample.facets),
        "seconds": round(seconds, 4),
        "peak_mb": round(peak_mb(), 1),
    }
    if isinstance(measured, str):
        return Row(**common, values=_failed(sample), error=measured)
    scored = metrics.score(sample, measured.output)
    return Row(
        **common,
        values=dict(scored.values),
        blank=scored.blank,
        format_failure=scored.format_failure,
        output=measured.output.text,
        closed_book=measured.output.closed_book,
        prompt_sha256=measured.prompt_sha256,
        window=measured.window,
        compressed=measured.compressed,
        dropped=measured.dropped,
    )


def _failed(sample: Sample | TextSample) -> dict[str, float]:
    """0 for every score that an answer would have got; losses have no such value."""
    if isinstance(sample, TextSample):
        return {}
    return dict.fromkeys(metrics.score(sample, Output()).values, 0.0)


def peak_mb() -> float:
    """Peak memory so far: the device's where there is one, else this process's."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return peak_bytes() / 1e6
