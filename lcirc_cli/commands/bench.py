"""`lcirc bench`: compare systems on long-context benchmarks, by the benchmarks' own rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.bench.settings import RunRequest
from lcirc_cli.commands.common import Command, Group, numbers, options, takes
from lcirc_cli.commands.ready import find_models
from lcirc_cli.settings import CommonSettings

bench = typer.Typer(
    help="Compare systems on long-context benchmarks, by the benchmarks' own rules.",
    no_args_is_help=True,
    cls=Group,
)


@bench.command(
    "run", cls=Command, epilog="Example: lcirc bench run needle -s qd-lcirc -s ends --out RUN"
)
@takes(given=options(RunRequest))
def run_command(
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK...", help="`lcirc bench list` shows them.")
    ],
    *,
    given: dict[str, Any],
    settings: CommonSettings,
) -> None:
    """Ask every question of every system, and write a report.

    A run that was stopped goes on with the same command. Under torchrun its processes share it.
    """
    from lcirc_cli.bench.run import execute

    find_models(settings)  # a wrong name is told before torch is imported
    given["lengths"] = numbers(given["lengths"], "--lengths")
    request = RunRequest(tuple(tasks), **given)
    _show(execute(request, settings), settings, request.out)


@bench.command("report", cls=Command, epilog="Example: lcirc bench report RUN")
@takes("quiet", "json", given=options(RunRequest, ("baseline", "compare_paper")))
def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a run.")],
    *,
    given: dict[str, Any],
    settings: CommonSettings,
) -> None:
    """Make the report of a run's folder again, finished or not."""
    from lcirc_cli.bench.report import make_report

    _show(make_report(folder, **given), settings, folder)


@bench.command("list", cls=Command, epilog="Example: lcirc bench list")
@takes("json")
def list_command(*, settings: CommonSettings) -> None:
    """The tasks and the systems."""

    from lcirc_cli.bench.systems import descriptions
    from lcirc_cli.bench.tasks import names

    systems = descriptions()
    if settings.json:
        console.out_json({"schema": 1, "tasks": names(), "systems": systems})
        return
    console.out("tasks:\n  " + "\n  ".join(names()))
    console.out("systems, written NAME[+WINDOW][@ADAPTER][~shuffled]:")
    width = max(map(len, systems))
    for name, said in systems.items():
        console.out(f"  {name:<{width}}  {said}")
    console.out("windows of lcirc, qd-lcirc, reader and window: ends, evidence, none")
    console.out("after @: the folder or Hub id of an adapter; of retrieval, of a sentence encoder;")
    console.out("  of reader-at, a model's name on the server in LCIRC_READER")


@bench.command("cost", cls=Command, epilog="Example: lcirc bench cost --lengths 8192,65536")
@takes()
def cost_command(
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="paper, smollm2 or smollm2-raw.")
    ] = "smollm2",
    lengths: Annotated[
        str, typer.Option(metavar="N,N,...", help="Tokens of context.")
    ] = "8192,16384,32768,65536,131072",
    window: Annotated[int, typer.Option(min=64, metavar="TOKENS")] = 4096,
    question: Annotated[int, typer.Option(min=1, metavar="TOKENS")] = 64,
    evidence: Annotated[
        int, typer.Option(min=1, metavar="TOKENS", help="Passages that retrieval reads.")
    ] = 512,
    measure: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Also measure seconds and memory at these lengths."),
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Operations by part for every system; with --measure seconds and peak memory here.

    --model takes llama-2-7b too: only its configuration is needed to count.
    """

    from lcirc_cli.bench.report.cost import cost_rows, cost_table, measured_table

    rows = cost_rows(
        settings.model,
        preset,
        lengths=numbers(lengths, "--lengths"),
        window=window,
        question=question,
        evidence=evidence,
    )
    timed: list[dict[str, Any]] = []
    if measure:
        from lcirc_cli.bench.measure import measure_all

        timed = measure_all(settings, lengths=numbers(measure, "--measure"), window=window)
    if settings.json:
        console.out_json({"schema": 1, "operations": rows, "measured": timed})
        return
    _print(cost_table(rows))
    if timed:
        _print(measured_table(timed))


def _show(lines: list[Any], settings: CommonSettings, out: Path) -> None:
    from lcirc_cli.bench.report.tables import line_table

    if settings.json:
        console.out_json([line.to_json() for line in lines])
    else:
        _print(line_table(lines))
    console.note(f"report: {out / 'report.html'}")


def _print(table: Any) -> None:
    """A table for people on a terminal, Markdown for a pipe (where rich would fold it)."""
    if not sys.stdout.isatty():
        console.out(table.markdown())
        return
    from rich.console import Console

    Console().print(table.rich())
