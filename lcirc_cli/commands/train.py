"""`lcirc train`: train an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.commands.printing import print_json, print_path
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.training.settings import TrainSettings


@takes("model", "device", "dtype", "attention", "offline", "quiet", "json")
def train(
    *,
    stage: Annotated[
        str | None, typer.Option("--stage", metavar="qa|lm|reconstruct", help="What is trained.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help="qd-lcirc (default), or reader: its low-rank weights on the model, for reading "
            "passages; to compare with: window or autocompressor.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="paper-lm, paper-qa or smollm2-cpu."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="DIR|HUB_ID",
            help="Documents + qa, Parquet files, or a set of the Hub (streamed); give it again.",
        ),
    ] = None,
    source_tokenizer: Annotated[
        str | None,
        typer.Option(
            "--source-tokenizer", metavar="ID|DIR", help="Of data that are token ids already."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="The run's folder.")] = (
        None
    ),
    validation: Annotated[
        list[str] | None,
        typer.Option("--validation", metavar="DIR", help="Documents + qa to validate on."),
    ] = None,
    validation_limit: Annotated[
        int | None, typer.Option("--validation-limit", metavar="N", help="Questions of each.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="ADAPTER", help="Start from this adapter.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="S", help="Seed.")] = None,
    log_to: Annotated[
        str | None,
        typer.Option("--log-to", metavar="none|tensorboard|trackio", help="Also log there."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other setting; see --print-config."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="auto", help="Go on from the newest checkpoint."),
    ] = None,
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
    window@RUN/best). Killed at any moment, it goes on with --resume auto.
    """
    from lcirc_cli.training.config import make_settings, parse_assignments, to_toml

    given: dict[str, Any] = {
        "stage": stage,
        "method": method,
        "data": data,
        "source_tokenizer": source_tokenizer,
        "validation": validation,
        "validation_limit": validation_limit,
        "init": init,
        "steps": steps,
        "seed": seed,
        "log_to": log_to,
        "model": settings.model,
    }
    chosen = {key: value for key, value in given.items() if value is not None}
    run = make_settings(preset, chosen | parse_assignments(assignments or []))
    if print_config:
        print(to_toml(run), end="")
        return
    if resume not in (None, "auto"):
        raise UsageError(f"--resume takes auto, not {resume!r}")
    if not run.data:
        raise UsageError("say what to train on: --data DIR")
    if dry_run:
        _dry_run(run, settings, rate=rate * 1e12, devices=devices)
        return
    if out is None:
        raise UsageError("say where the run's folder shall be: --out RUN")
    from lcirc_cli.training.loop import Interrupted
    from lcirc_cli.training.run import train as start

    try:
        start(
            run,
            out,
            resume=resume == "auto",
            device=settings.device,
            dtype=settings.dtype,
            attention=settings.attention,
            offline=settings.offline,
        )
    except Interrupted as interrupted:
        console.note(
            f"stopped after step {interrupted.step:,}; the same command with --resume auto goes on"
        )
        raise KeyboardInterrupt from None
    print_path(out / "best")


def _dry_run(run: TrainSettings, settings: CommonSettings, *, rate: float, devices: int) -> None:
    from lcirc_cli.backbones.loading import load_backbone
    from lcirc_cli.training.dry_run import counted_plan, has_weights, measured_plan

    if rate <= 0 or devices < 1:
        raise UsageError("--rate must be over 0, and --devices at least 1")
    if has_weights(run.model) and not run.shard_backbone:
        backbone = load_backbone(
            run.model,
            device=settings.device,
            dtype=settings.dtype,
            attention=settings.attention,
            offline=True,
        )
        plan = measured_plan(run, backbone, offline=settings.offline)
    else:
        why = "shared among devices" if run.shard_backbone else "not here"
        console.note(f"the weights of {run.model} are {why}: counted, nothing is run")
        plan = counted_plan(run, rate=rate, devices=devices)
    if settings.json:
        print_json(plan.to_json())
    else:
        print("\n".join(plan.lines()))
