"""`lcirc bench`: compare systems on long-context benchmarks, by the benchmarks' own rules."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lcirc_cli.commands.common import takes
from lcirc_cli.settings import MAX_SEED, CommonSettings

bench = typer.Typer(
    help="Compare systems on long-context benchmarks, by the benchmarks' own rules.",
    no_args_is_help=True,
)


class Protocol(StrEnum):
    """Whose rules."""

    official = "official"
    paper = "paper"


_LENGTHS = "4096,8192,16384,32768"


@bench.command("run")
@takes()
def run_command(
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK...", help="`lcirc bench list` shows them.")
    ],
    system: Annotated[
        list[str],
        typer.Option(
            "--system",
            "-s",
            metavar="NAME[+WINDOW][@ADAPTER][~shuffled]",
            help="Give it again. retrieval@MODEL ranks with a sentence encoder.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Rows and report; a run goes on.")
    ],
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The published files; else from the Hub.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Questions or whole texts a task, by --seed."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, metavar="S")] = 0,
    protocol: Annotated[
        Protocol, typer.Option(help="paper repeats the published LCIRC evaluation.")
    ] = Protocol.official,
    window: Annotated[
        int, typer.Option(min=64, metavar="TOKENS", help="What the LM reads at most, with ends.")
    ] = 4096,
    evidence: Annotated[
        int, typer.Option(min=1, metavar="TOKENS", help="Passages in the window.")
    ] = 512,
    join: Annotated[
        int, typer.Option(min=1, metavar="N", help="qa: N documents joined to one.")
    ] = 1,
    lengths: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="needle, perplexity: tokens of context; 65536,131072 and more are possible. "
            "perplexity: of texts that reach the greatest.",
        ),
    ] = _LENGTHS,
    facts: Annotated[int, typer.Option(min=1, metavar="N", help="needle: facts a cell.")] = 2,
    batch: Annotated[
        int, typer.Option(min=1, metavar="N", help="Questions of a document at once.")
    ] = 4,
    baseline: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Differences to it; default the first.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="paper", help="Put Tables 4 and 5 beside the scores.")
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Ask every question of every system, and write a report.

    A run that was stopped goes on with the same command. Under torchrun its processes share it.
    """
    from lcirc_cli.bench.run import RunRequest, execute

    request = RunRequest(
        tasks=tuple(tasks),
        systems=tuple(system),
        out=out,
        data_dir=data_dir,
        limit=limit,
        seed=seed,
        protocol=protocol.value,
        window=window,
        evidence=evidence,
        join=join,
        lengths=_numbers(lengths, "--lengths"),
        facts=facts,
        batch=batch,
        baseline=baseline,
        compare_paper=_paper(compare),
    )
    _show(execute(request, settings), settings, out)


@bench.command("report")
@takes("quiet", "json")
def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a run.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Differences to it; default the first.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="paper", help="Put Tables 4 and 5 beside the scores.")
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Make the report of a run's folder again, finished or not."""
    from lcirc_cli.bench.report import make_report

    lines = make_report(folder, baseline=baseline, compare_paper=_paper(compare))
    _show(lines, settings, folder)


@bench.command("list")
@takes("json")
def list_command(*, settings: CommonSettings) -> None:
    """The tasks and the systems."""
    import json

    from lcirc_cli.bench.systems import descriptions
    from lcirc_cli.bench.tasks import names

    systems = descriptions()
    if settings.json:
        print(json.dumps({"schema": 1, "tasks": names(), "systems": systems}))
        return
    print("tasks:\n  " + "\n  ".join(names()))
    print("systems, written NAME[+WINDOW][@ADAPTER][~shuffled]:")
    width = max(map(len, systems))
    for name, said in systems.items():
        print(f"  {name:<{width}}  {said}")
    print("windows of lcirc, qd-lcirc, reader and window: ends, evidence, none")
    print("after @: the folder or Hub id of an adapter; of retrieval, of a sentence encoder")


@bench.command("cost")
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
    import json

    from lcirc_cli.bench.report.cost import cost_rows, cost_table, measured_table

    rows = cost_rows(
        settings.model,
        preset,
        lengths=_numbers(lengths, "--lengths"),
        window=window,
        question=question,
        evidence=evidence,
    )
    timed: list[dict[str, Any]] = []
    if measure:
        from lcirc_cli.bench.measure import measure_all

        timed = measure_all(settings, lengths=_numbers(measure, "--measure"), window=window)
    if settings.json:
        print(json.dumps({"schema": 1, "operations": rows, "measured": timed}))
        return
    _print(cost_table(rows))
    if timed:
        _print(measured_table(timed))


def _show(lines: list[Any], settings: CommonSettings, out: Path) -> None:
    import json

    from lcirc_cli import console
    from lcirc_cli.bench.report.tables import line_table

    if settings.json:
        print(json.dumps([line.to_json() for line in lines]))
    else:
        _print(line_table(lines))
    console.note(f"report: {out / 'report.html'}")


def _print(table: Any) -> None:
    """A table for people on a terminal, Markdown for a pipe (where rich would fold it)."""
    if not sys.stdout.isatty():
        print(table.markdown())
        return
    from rich.console import Console

    Console().print(table.rich())


def _numbers(text: str, flag: str) -> tuple[int, ...]:
    from lcirc_cli.errors import UsageError

    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise UsageError(f"{flag}: {text!r} is not a list of token counts, such as 4096,8192")
    return values


def _paper(compare: str | None) -> bool:
    from lcirc_cli.errors import UsageError

    if compare not in (None, "paper"):
        raise UsageError(f"--compare: {compare!r} is unknown; there is only paper")
    return compare == "paper"
