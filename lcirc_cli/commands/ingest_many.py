"""`lcirc ingest FOLDER --out DIR`: a memory for each document, on one machine or many."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.memories import SUFFIX
from lcirc_cli.commands.ready import Models, find_models, is_up_to_date
from lcirc_cli.commands.updating import sweep_beside
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.executors import ExecutorSettings
from lcirc_cli.files import check_writable, make_folder
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.batch.run import Made


def ingest_many(
    sources: Sequence[str], out: Path, executor: ExecutorSettings, settings: CommonSettings
) -> None:
    """Make OUT/NAME.lcirc of each document that has no memory there, and report.

    Raises:
        UsageError: standard input, or an executor that can't be used.
        DocumentError: there is nothing to read, or nothing of it could be.
    """
    from lcirc_cli.documents import collect_sources

    start = time.perf_counter()
    executor.check()
    if "-" in sources or "" in sources:
        raise UsageError("--out makes memories of files and folders; name them")
    if missing := [name for name in ("datatrove", "orjson") if find_spec(name) is None]:
        raise UsageError(
            f"--out needs {', '.join(missing)}; install them with: pip install 'lcirc[lqa]'"
        )
    # Absolute, for tasks may run elsewhere; also no name leads out of the folder then.
    found = collect_sources([os.path.abspath(each) for each in sources])  # noqa: PTH100
    out = make_folder(out).absolute()
    check_writable(out / SUFFIX)
    places = {source: out / f"{source.name}{SUFFIX}" for source in found}
    known = _models(settings)
    recipe = "" if known is None else known.recipe()
    there = [
        source
        for source, target in places.items()
        if known is not None
        and is_up_to_date(
            target,
            [source],
            pages=None,
            ocr=settings.ocr,
            models=known,
            append=False,
            recipe=recipe,
        )
    ]
    for source in there:
        sweep_beside(places[source])
    from lcirc_cli.batch.run import PRELOAD, Made, make_memories
    from lcirc_cli.batch.steps import Compressing, Item

    done, wanted = Made(0, ()), set(places) - set(there)
    if wanted:
        items = [Item(source, places[source]) for source in places if source in wanted]
        models = Compressing(settings, recipe, _threads(executor))
        executor = replace(executor, preload=PRELOAD)
        done = make_memories(items, out, models, executor)
    _report(out, done, len(there), time.perf_counter() - start, as_json=settings.json)
    if done.failed and not done.made and not there:
        raise DocumentError("no memory was made: none of the documents could be read")


def _models(settings: CommonSettings) -> Models | None:
    """Fetched here where they are not on this machine, so that no two tasks do it at once."""
    known = find_models(settings)
    if known is None:
        from lcirc_cli.backbones import loading

        loading.pull(settings.model, offline=settings.offline)
        known = find_models(settings, cached=True)
    return known


def _threads(executor: ExecutorSettings) -> int | None:
    """Workers of one machine share its cores; elsewhere the machine deals them out."""
    if executor.executor != "local" or executor.workers == 1:
        return None
    return max(1, (os.cpu_count() or 1) // executor.workers)


def _report(out: Path, done: Made, there: int, seconds: float, *, as_json: bool) -> None:
    for _, line in done.failed:
        console.warn(f"skipped {line}")
    why = ", ".join(f"{count:,} {reason}" for reason, count in done.reasons.most_common())
    console.note(
        f"{out}: {done.made:,} made, {there:,} there already, {len(done.failed):,} failed"
        + (f" ({why})" if why else "")
        + f", {seconds:,.1f} s"
    )
    if not as_json:
        console.out_path(out)
        return
    console.out_json(
        {
            "schema": 1,
            "out": str(out),
            "made": done.made,
            "kept": there,
            "failed": [{"name": name, "reason": line} for name, line in done.failed],
            "reasons": dict(done.reasons),
            "seconds": round(seconds, 3),
        }
    )
