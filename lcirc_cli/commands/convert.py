"""`lcirc convert`: bring in a checkpoint of the published LCIRC code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings


@takes("offline", "quiet", "json")
def convert(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CKPT.pt", help="A checkpoint of the published code.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The adapter folder to write.")],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Its backbone (default: Llama-2-7B)."),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="0,3,...",
            help="The layers that its blocks stand before (default: every third, and the last).",
        ),
    ] = None,
    settings: CommonSettings,
) -> None:
    """Turn a checkpoint of the published LCIRC or QD-LCIRC code into an adapter folder.

    Use the result with --adapter OUT. The file is opened without running anything in it.
    """
    from lcirc_cli.adapters import conversion

    done = conversion.convert(
        checkpoint,
        out,
        model=model or conversion.PUBLISHED_MODEL,
        layers=None if layers is None else parse_layers(layers),
        offline=settings.offline,
    )
    config = done.config
    console.note(
        f"{done.method}, {done.parameters:,} parameters in {done.dtype}, "
        f"{config.num_latents} latents a segment, for {config.base_model}"
    )
    if settings.json:
        result = {
            "schema": 1,
            "adapter": str(done.folder),
            "method": done.method,
            "model": config.base_model,
            "parameters": done.parameters,
            "dtype": done.dtype,
            "latents": config.num_latents,
            "segment_length": config.segment_length,
            "injection_layers": config.injection_layers,
        }
        console.out_json(result)
    else:
        console.out_path(done.folder)


def parse_layers(text: str) -> list[int]:
    """`0,3,31` as numbers.

    Raises:
        UsageError: anything else.
    """
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise UsageError(f"--layers takes numbers with commas, like 0,3,31, not {text!r}") from None
