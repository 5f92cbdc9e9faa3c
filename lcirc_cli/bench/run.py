"""What `lcirc bench run` does, from names to a report."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli import files
from lcirc_cli.settings import CommonSettings

from .identity import describe, start, weights
from .loop import run
from .plan import Planned, plan
from .report import Line, check_baseline, make_report, read_run
from .report.tuning import tuning_of
from .settings import RunRequest
from .systems import Limits, System, SystemSpec, open_system, parse_system
from .systems.constant import Constant
from .tasks import TaskOptions, open_task

if TYPE_CHECKING:
    from .systems import Workbench

COST_LENGTHS = (4096, 8192, 16384, 32768, 65536, 131072)


def execute(request: RunRequest, settings: CommonSettings) -> list[Line]:
    """Run or go on, and write the report.

    Everything that can be wrong with the request is found before the first answer.

    Raises:
        UsageError: an unknown task or system, or the folder holds another run.
        DocumentError: data that is missing or broken.
        ModelError: a model or adapter that is missing or doesn't fit.
        StorageError: the folder can't be written.
    """
    specs = [parse_system(text) for text in dict.fromkeys(request.systems)]
    known = read_run(request.out)["systems"] if (request.out / "run.json").exists() else []
    check_baseline(request.baseline, [*dict.fromkeys([*known, *request.systems])])
    needed = any(spec.name != "constant" for spec in specs)
    opened = cache(lambda: _workbench(settings))
    planned = _planned(request, opened if needed else None, offline=settings.offline)
    bench = opened() if needed else None
    limits = Limits(request.window, request.evidence, request.segments)
    systems = [(spec.text, _opener(spec, bench, limits)) for spec in specs]
    start(request.out, _run_settings(request, settings, planned, specs, bench))
    _write_notes(request.out, planned, specs, bench)
    run(
        planned,
        systems,
        request.out,
        batch=request.batch,
        keep_prompts=request.keep_prompts,
    )
    return make_report(request.out, baseline=request.baseline, compare_paper=request.compare_paper)


def _workbench(settings: CommonSettings) -> Workbench:
    """The backbone, opened by the first who needs it: what is missing is told before."""
    from lcirc_cli.engine import Engine

    from .systems import Workbench

    settings = replace(settings, device=_device(settings.device))
    engine = Engine.load(settings.model, settings.adapter, **settings.loading)
    return Workbench(engine, offline=settings.offline)


def _device(requested: str) -> str:
    """Each process of torchrun takes a GPU of its own, where the one to take is not named."""
    import torch

    wanted = requested == "cuda" or (requested == "auto" and torch.cuda.is_available())
    if not wanted or "LOCAL_RANK" not in os.environ:
        return requested
    return f"cuda:{os.environ['LOCAL_RANK']}"


def _planned(
    request: RunRequest, opened: Callable[[], Workbench] | None, *, offline: bool
) -> list[Planned]:
    counter = cache(_counter)
    options = TaskOptions(
        data_dir=request.data_dir,
        offline=offline,
        protocol=request.protocol,
        seed=request.seed,
        join=request.join,
        listed=not request.open_questions,
        lengths=request.lengths,
        facts=request.facts,
        count_tokens=None if opened is None else lambda text: counter(opened())(text),
    )
    tasks = [open_task(name, options) for name in dict.fromkeys(request.tasks)]
    return [plan(task, limit=request.limit, seed=request.seed) for task in tasks]


def _counter(bench: Workbench) -> Callable[[str], int]:
    from .systems.prompting import Prompter

    return Prompter(bench.backbone).count


def _opener(
    spec: SystemSpec, bench: Workbench | None, limits: Limits
) -> Callable[[Planned], System]:
    if bench is None or spec.name == "constant":
        return lambda planned: Constant(planned.everything)
    system = open_system(spec, bench, limits=limits)
    return lambda _: system


def _run_settings(
    request: RunRequest,
    settings: CommonSettings,
    planned: Sequence[Planned],
    specs: Sequence[SystemSpec],
    bench: Workbench | None,
) -> dict[str, Any]:
    """What makes two runs the same run; kept in run.json."""
    own = [spec for spec in specs if spec.adapter is not None]
    return {
        "tasks": [one.task.name for one in planned],
        "systems": [*dict.fromkeys(request.systems)],
        **request.deciding(),
        "model": settings.model,
        "fingerprint": "" if bench is None else bench.backbone.fingerprint,
        "adapter": "" if bench is None else bench.engine(None).adapter.name,
        "adapter_fingerprint": "" if bench is None else bench.engine(None).adapter.fingerprint,
        "dtype": "" if bench is None else str(bench.backbone.lm.dtype).removeprefix("torch."),
        "data": {one.task.name: describe(one) for one in planned},
        "weights": {} if bench is None else {spec.text: weights(spec, bench) for spec in own},
    }


def _write_notes(
    out: Path, planned: Sequence[Planned], specs: Sequence[SystemSpec], bench: Workbench | None
) -> None:
    """What the report says beside scores, and the operations for its plot."""
    notes = []
    for one in planned:
        for spec in specs:
            if text := "; ".join(filter(None, (_note(one, spec, bench), one.task.note))):
                notes.append({"task": one.task.name, "system": spec.text, "note": text})
    known = out / "notes.json"
    old = json.loads(known.read_text("utf-8")) if known.exists() else []
    new = {(n["task"], n["system"]): n for n in [*old, *notes]}
    files.atomic_write(known, json.dumps(list(new.values()), indent=1).encode() + b"\n")
    if bench is not None:
        path = out / "tuning.json"
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        kept |= {spec.text: tuning_of(spec, bench) for spec in specs if spec.name != "constant"}
        files.atomic_write(path, json.dumps(kept, indent=1).encode() + b"\n")
        files.atomic_write(
            out / "cost.json", json.dumps(_costs(specs, bench, out)).encode() + b"\n"
        )


def _note(planned: Planned, spec: SystemSpec, bench: Workbench | None) -> str:
    if spec.name == "constant":
        constant = Constant(planned.everything)
        second = f" and {constant.closed_book!r}" if constant.closed_book else ""
        said = textwrap.shorten(constant.answer, 120, placeholder=" ...")
        return (
            f"always {said!r}{second}: the most frequent answer of the whole file, "
            f"{constant.share:.1%} of it"
        )
    if spec.name == "window" and spec.adapter is None:
        return "no LoRA adapter given (window@FOLDER): the bare model"
    untrained = False
    if bench is not None and spec.through_adapter:
        untrained = not bench.engine(spec.adapter).adapter.changes
    if spec.name == "autocompressor":
        untrained = spec.adapter is None
    return "untrained: the memory changes nothing or nothing useful" if untrained else ""


def _costs(specs: Sequence[SystemSpec], bench: Workbench, out: Path) -> list[dict[str, object]]:
    """A curve a system; a shuffled memory costs the same. Those of earlier calls stay."""
    from lcirc_cli.cost import SYSTEMS, Workload, count, shape_of_config

    known = json.loads((out / "run.json").read_text("utf-8"))
    shape = shape_of_config(bench.backbone.name, bench.backbone.lm.config)
    counted = [spec for spec in specs if spec.name in SYSTEMS]
    counted = [  # of a sentence encoder nothing is counted, so the passages' part would mislead
        spec for spec in counted if spec.name != "retrieval" or spec.adapter is None
    ]
    named = {spec.text.removesuffix("~shuffled"): spec for spec in counted}
    path = out / "cost.json"
    old = json.loads(path.read_text("utf-8")) if path.exists() else []
    rows: list[dict[str, object]] = [row for row in old if row["system"] not in named]
    for text, spec in named.items():
        adapter = spec.adapter if spec.through_adapter else None
        config = bench.engine(adapter).adapter.config
        for tokens in COST_LENGTHS:
            work = Workload(tokens, known["window"], shown=spec.window, evidence=known["evidence"])
            total = count(spec.name, shape, config, work).total
            rows.append({"system": text, "tokens": tokens, "total": total})
    return rows
