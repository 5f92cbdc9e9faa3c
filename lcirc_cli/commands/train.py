"""`lcirc train`: train an adapter."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import options, takes
from lcirc_cli.commands.ready import find_models
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import exists
from lcirc_cli.qa.hub import is_dataset_name
from lcirc_cli.settings import CommonSettings
from lcirc_cli.training.settings import TrainSettings

_FIRST = (
    *("stage", "method", "preset", "data", "source_tokenizer", "out", "validation"),
    *("validation_limit", "init", "steps", "seed", "log_to"),
)


@takes(
    *("model", "device", "dtype", "attention", "offline", "quiet", "json"),
    given=options(TrainSettings, flags=True),
    panels={"": _FIRST},
)
def train(
    *,
    given: dict[str, Any],
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="paper-lm, paper-qa or smollm2-cpu."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="The run's folder.")] = (
        None
    ),
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other setting; see --print-config."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print every setting and leave.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Tokens, steps, memory and hours of the run, and leave."),
    ] = False,
    rate: Annotated[
        float,
        typer.Option(
            "--rate",
            metavar="TFLOPS",
            help="--dry-run without the model's weights: what one device is assumed to do.",
        ),
    ] = 150.0,
    devices: Annotated[
        int, typer.Option("--devices", metavar="N", help="The same: how many share a step.")
    ] = 1,
    settings: CommonSettings,
) -> None:
    """Train an LCIRC / QD-LCIRC adapter on documents with questions.

    The run's folder holds config.toml, log.jsonl, curves.png, checkpoints/ and best/, an adapter
    that --adapter takes (of the methods to compare with: what `lcirc bench run` takes as
    window@RUN/best). Killed at any moment, it goes on with --resume.
    """
    from lcirc_cli.training.config import make_settings, parse_assignments, to_toml

    given["model"] = settings.model
    chosen = {key: value for key, value in given.items() if value is not None}
    run = make_settings(preset, chosen | parse_assignments(assignments or []))
    if print_config:
        console.out(to_toml(run), end="")
        return
    if not run.data:
        raise UsageError("say what to train on: --data DIR")
    if dry_run:
        _dry_run(run, settings, rate=rate * 1e12, devices=devices)
        return
    if out is None:
        raise UsageError("say where the run's folder shall be: --out RUN")
    for source in (*run.data, *run.validation):
        _check_there(source)
    find_models(dataclasses.replace(settings, adapter=None))
    from lcirc_cli.training.loop import Interrupted
    from lcirc_cli.training.run import train as start

    try:
        start(run, out, resume=resume, **settings.loading)
    except Interrupted as interrupted:
        console.note(
            f"stopped after step {interrupted.step:,}; the same command with --resume goes on"
        )
        raise KeyboardInterrupt from None
    console.out_path(out / "best")


def _check_there(source: str) -> None:
    """What is missing is told before torch is imported.

    Raises:
        DocumentError: there is no such file or folder, and no data set of the Hub has such a name.
    """
    if not exists(Path(source).expanduser()) and not is_dataset_name(source):
        raise DocumentError(
            f"there is no {source}: give a folder with documents.jsonl, Parquet files, or a data "
            "set of the Hub (OWNER/NAME)"
        )


def _dry_run(run: TrainSettings, settings: CommonSettings, *, rate: float, devices: int) -> None:
    from lcirc_cli.backbones.loading import load_backbone
    from lcirc_cli.training.dry_run import counted_plan, has_weights, measured_plan

    if rate <= 0 or devices < 1:
        raise UsageError("--rate must be over 0, and --devices at least 1")
    if has_weights(run.model) and not run.shard_backbone:
        backbone = load_backbone(run.model, **settings.loading | {"offline": True})
        plan = measured_plan(run, backbone, offline=settings.offline)
    else:
        why = "shared among devices" if run.shard_backbone else "not here"
        console.note(f"the weights of {run.model} are {why}: counted, nothing is run")
        plan = counted_plan(run, rate=rate, devices=devices)
    if settings.json:
        console.out_json(plan.to_json())
    else:
        console.out("\n".join(plan.lines()))
