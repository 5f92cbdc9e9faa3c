"""`lcirc make-lqa`: make questions about long documents, with answers and evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import SlurmOptions, options, takes
from lcirc_cli.errors import UsageError
from lcirc_cli.executors import parse_options
from lcirc_cli.lqa.settings import (
    DocumentSettings,
    EngineSettings,
    LqaSettings,
    PairSettings,
    check,
)
from lcirc_cli.settings import CommonSettings

_PANELS = {
    "How it is run": (
        *("out", "seed", "executor", "workers", "in_flight", "timeout", "patience", "slurm"),
        *("documents_per_shard", "overwrite", "dry_run", "price_in", "price_out", "sample"),
        "push_to_hub",
    ),
    "The model that asks": ("endpoint", "generator", "temperature"),
    "What is asked about": (
        *("min_tokens", "language", "decontaminate", "max_documents", "license"),
        *("pairs_per_document", "multi_hop", "validation"),
    ),
}
_DOCUMENTS, _PAIRS, _ENGINE = map(options, (DocumentSettings, PairSettings, EngineSettings))


@takes(
    *("model", "device", "dtype", "offline", "quiet", "json"),
    given=_DOCUMENTS | _PAIRS | _ENGINE,
    panels=_PANELS,
)
def make_lqa(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSONL or Parquet files, documents, folders, or a Hub data set (OWNER/NAME).",
        ),
    ],
    *,
    given: dict[str, Any],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The data set's folder.")
    ] = Path("lqa"),
    decontaminate: Annotated[
        list[Path] | None,
        typer.Option(
            "--decontaminate",
            metavar="FILE",
            help="Leave out documents that share 13 words in a row with it; may be repeated.",
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option("--executor", metavar="local|slurm|ray", help="Where tasks run.")
    ] = "local",
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Tasks at the same time.")
    ] = 1,
    slurm: SlurmOptions = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set of other settings.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take.")
    ] = False,
    price_in: Annotated[
        float, typer.Option("--price-in", help="Per million prompt tokens, for --dry-run.")
    ] = 0.0,
    price_out: Annotated[
        float, typer.Option("--price-out", help="Per million reply tokens, for --dry-run.")
    ] = 0.0,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", help="Write sample.html with N pairs."),
    ] = None,
    push_to_hub: Annotated[
        str | None,
        typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload the result."),
    ] = None,
    settings: CommonSettings,
) -> None:
    """Make question-answer pairs about long documents, each checked and with its evidence.

    Killed at any moment, the same command goes on and asks nothing twice. The result is read by
    lcirc train --data DIR/train and lcirc bench run qa:DIR/validation.
    """
    _need_extra()
    wanted = LqaSettings(
        out=out,
        documents=DocumentSettings(
            inputs=tuple(inputs),
            model=settings.model,
            decontaminate=tuple(str(path) for path in decontaminate or ()),
            **{name: given[name] for name in _DOCUMENTS},
        ),
        pairs=PairSettings(**{name: given[name] for name in _PAIRS}),
        engine=EngineSettings(
            executor=executor,
            workers=workers,
            slurm=parse_options(slurm or ()),
            device=settings.device,
            dtype=settings.dtype,
            offline=settings.offline,
            **{name: given[name] for name in _ENGINE},
        ),
    )
    check(wanted, asks=not dry_run)
    if dry_run:
        _dry_run(wanted, (price_in, price_out), json_wanted=settings.json)
    else:
        _make(wanted, sample, push_to_hub, overwrite=overwrite, json_wanted=settings.json)


def _need_extra() -> None:
    """The libraries of the extra `lqa`, which a plain installation doesn't have."""
    from importlib.util import find_spec

    needed = ("datatrove", "tiktoken", "py3langid", "orjson", "xxhash")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"make-lqa needs {', '.join(missing)}; install them with: pip install 'lcirc[lqa]'"
        )


def _dry_run(wanted: LqaSettings, prices: tuple[float, float], *, json_wanted: bool) -> None:
    from lcirc_cli.lqa.estimate import estimate_run

    found = estimate_run(wanted)
    values = found.to_json() | {"cost": round(found.cost(*prices), 2)}
    if json_wanted:
        console.out_json({"schema": 1, "dry_run": True} | values)
        return
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in found.dropped.items())
    console.out(f"documents      {found.documents:,} (left out: {dropped or 'none'})")
    console.out(f"their tokens   {found.document_tokens:,}")
    console.out(f"pairs          {found.pairs:,} planned")
    console.out(f"requests       {found.requests.total():,} at most")
    console.out(f"prompt tokens  {found.prompt_tokens:,}")
    console.out(f"reply tokens   {found.reply_tokens:,}, about")
    if any(prices):
        at = f"at {prices[0]:g} and {prices[1]:g} a million"
        console.out(f"cost           {values['cost']:,.2f}, {at}")


def _make(
    wanted: LqaSettings,
    sample: int | None,
    repository: str | None,
    *,
    overwrite: bool,
    json_wanted: bool,
) -> None:
    from lcirc_cli.lqa.dataset.statistics import Statistics
    from lcirc_cli.lqa.run import make_data, push, write_sample

    manifest = make_data(wanted, overwrite=overwrite)
    address = None
    if sample is not None:
        write_sample(wanted.out, sample, seed=wanted.pairs.seed)
    if repository is not None:
        address = push(wanted.out, repository)
    rows = {entry["path"]: entry["rows"] for entry in manifest["files"]}
    rejected = Statistics(manifest["statistics"]).reasons()
    if json_wanted:
        found = {"schema": 1, "out": str(wanted.out), "rows": rows, "rejected": rejected}
        console.out_json(found | {"address": address})
        return
    pairs = {split: rows.get(f"{split}/qa.jsonl.gz", 0) for split in ("train", "validation")}
    why = ", ".join(f"{count:,} {reason}" for reason, count in rejected.items())
    console.out(
        f"{wanted.out}: {sum(pairs.values()):,} pairs accepted "
        f"({pairs['train']:,} train, {pairs['validation']:,} validation), "
        f"{sum(rejected.values()):,} rejected" + (f" ({why})" if why else "")
    )
    if address:
        console.out(address)
    if not any(pairs.values()):
        console.note(_nothing(wanted))


def _nothing(wanted: LqaSettings) -> str:
    """What to do where no pair was accepted."""
    told = f"no pair was accepted; {wanted.out}/rejected/pairs.jsonl.gz says why of each"
    if wanted.pairs.generator != "local":
        return told
    return (
        f"{told}. A small model like {wanted.documents.model} asks few good questions: try more "
        "--pairs-per-document, a larger --model, or --endpoint"
    )
