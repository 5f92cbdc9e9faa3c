"""`lcirc make-lqa`: make questions about long documents, with answers and evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import MAX_SEED, CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.lqa.settings import LqaSettings

_INPUTS = "What is asked about"
_MODEL = "The model that asks"
_RUN = "How it is run"


def _option(*names: str, panel: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, **more)


@takes("model", "device", "dtype", "offline", "quiet", "json")
def make_lqa(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSONL or Parquet files, documents, folders, or a Hub data set (OWNER/NAME).",
        ),
    ],
    *,
    out: Annotated[
        Path, _option("--out", "-o", metavar="DIR", panel=_RUN, help="The data set's folder.")
    ] = Path("lqa"),
    endpoint: Annotated[
        str | None,
        _option(
            "--endpoint",
            metavar="URL",
            panel=_MODEL,
            help="An OpenAI-compatible server, e.g. http://localhost:8000/v1.",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        _option(
            "--generator",
            metavar="NAME",
            panel=_MODEL,
            help="The model's name on the server, or local: --model in this process.",
        ),
    ] = None,
    temperature: Annotated[
        float, _option("--temperature", panel=_MODEL, help="For questions; checks are asked at 0.")
    ] = 0.7,
    min_tokens: Annotated[
        int, _option("--min-tokens", panel=_INPUTS, help="Shorter documents are left out.")
    ] = 4096,
    language: Annotated[
        str, _option("--language", metavar="CODE", panel=_INPUTS, help="ISO 639-1, or any.")
    ] = "en",
    decontaminate: Annotated[
        list[Path] | None,
        _option(
            "--decontaminate",
            metavar="FILE",
            panel=_INPUTS,
            help="Leave out documents that share 13 words in a row with it; may be repeated.",
        ),
    ] = None,
    max_documents: Annotated[
        int | None, _option("--max-documents", metavar="N", panel=_INPUTS, help="The first N.")
    ] = None,
    license: Annotated[
        str, _option("--license", metavar="NAME", panel=_INPUTS, help="Where a source names none.")
    ] = "",
    pairs_per_document: Annotated[
        int, _option("--pairs-per-document", metavar="N", panel=_INPUTS, help="Tried for each.")
    ] = 4,
    multi_hop: Annotated[
        float,
        _option("--multi-hop", panel=_INPUTS, help="Share of pairs with evidence in 2-3 places."),
    ] = 0.2,
    validation: Annotated[
        float, _option("--validation", panel=_INPUTS, help="Share of documents held out.")
    ] = 0.05,
    seed: Annotated[
        int, _option("--seed", min=0, max=MAX_SEED, metavar="S", panel=_RUN, help="Seed.")
    ] = 0,
    executor: Annotated[
        str, _option("--executor", metavar="local|slurm|ray", panel=_RUN, help="Where tasks run.")
    ] = "local",
    workers: Annotated[
        int, _option("--workers", metavar="N", panel=_RUN, help="Tasks at the same time.")
    ] = 1,
    in_flight: Annotated[
        int, _option("--in-flight", metavar="N", panel=_RUN, help="Requests at the same time.")
    ] = 64,
    timeout: Annotated[
        float, _option("--timeout", metavar="S", panel=_RUN, help="Seconds for one request.")
    ] = 120.0,
    patience: Annotated[
        float,
        _option("--patience", metavar="S", panel=_RUN, help="Seconds of trouble before giving up."),
    ] = 900.0,
    slurm: Annotated[
        list[str] | None,
        _option(
            "--slurm",
            metavar="KEY=VALUE",
            panel=_RUN,
            help="An option of sbatch (partition=NAME is needed); may be repeated.",
        ),
    ] = None,
    shard_size: Annotated[
        int, _option("--shard-size", metavar="N", panel=_RUN, help="Documents of a task.")
    ] = 512,
    overwrite: Annotated[
        bool, _option("--overwrite", panel=_RUN, help="Replace a data set of other settings.")
    ] = False,
    dry_run: Annotated[
        bool, _option("--dry-run", panel=_RUN, help="Only say what it would take.")
    ] = False,
    price_in: Annotated[
        float, _option("--price-in", panel=_RUN, help="Per million prompt tokens, for --dry-run.")
    ] = 0.0,
    price_out: Annotated[
        float, _option("--price-out", panel=_RUN, help="Per million reply tokens, for --dry-run.")
    ] = 0.0,
    sample: Annotated[
        int | None,
        _option("--sample", metavar="N", panel=_RUN, help="Write sample.html with N pairs."),
    ] = None,
    push_to_hub: Annotated[
        str | None,
        _option("--push-to-hub", metavar="OWNER/NAME", panel=_RUN, help="Upload the result."),
    ] = None,
    settings: CommonSettings,
) -> None:
    """Make question-answer pairs about long documents, each checked and with its evidence.

    Killed at any moment, the same command goes on and asks nothing twice. The result is read by
    lcirc train --data DIR/train and lcirc bench run qa:DIR/validation.
    """
    _need_extra()
    from lcirc_cli.lqa import settings as lqa

    wanted = lqa.LqaSettings(
        out=out,
        documents=lqa.DocumentSettings(
            inputs=tuple(inputs),
            model=settings.model,
            min_tokens=min_tokens,
            language=language,
            decontaminate=tuple(str(path) for path in decontaminate or ()),
            max_documents=max_documents,
            documents_per_shard=shard_size,
            license=license,
        ),
        pairs=lqa.PairSettings(
            generator=generator or "",
            seed=seed,
            pairs_per_document=pairs_per_document,
            multi_hop=multi_hop,
            temperature=temperature,
            validation=validation,
        ),
        engine=lqa.EngineSettings(
            endpoint=endpoint,
            executor=executor,
            workers=workers,
            in_flight=in_flight,
            timeout=timeout,
            patience=patience,
            device=settings.device,
            dtype=settings.dtype,
            offline=settings.offline,
            slurm=lqa.parse_options(slurm or ()),
        ),
    )
    lqa.check(wanted, asks=not dry_run)
    if dry_run:
        _dry_run(wanted, (price_in, price_out), json_wanted=settings.json)
    else:
        _make(wanted, sample, push_to_hub, overwrite=overwrite, json_wanted=settings.json)


def _need_extra() -> None:
    """The libraries of the extra `lqa`, which a plain installation doesn't have."""
    from importlib.util import find_spec

    needed = ("datatrove", "openai", "tiktoken", "py3langid", "orjson", "xxhash")
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
        print(json.dumps({"schema": 1, "dry_run": True} | values))
        return
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in found.dropped.items())
    print(f"documents      {found.documents:,} (left out: {dropped or 'none'})")
    print(f"their tokens   {found.document_tokens:,}")
    print(f"pairs          {found.pairs:,} planned")
    print(f"requests       {found.requests.total():,} at most")
    print(f"prompt tokens  {found.prompt_tokens:,}")
    print(f"reply tokens   {found.reply_tokens:,}, about")
    if any(prices):
        print(f"cost           {values['cost']:,.2f}, at {prices[0]:g} and {prices[1]:g} a million")


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
        print(json.dumps(found | {"address": address}))
        return
    pairs = {split: rows.get(f"{split}/qa.jsonl.gz", 0) for split in ("train", "validation")}
    why = ", ".join(f"{count:,} {reason}" for reason, count in rejected.items())
    print(
        f"{wanted.out}: {sum(pairs.values()):,} pairs accepted "
        f"({pairs['train']:,} train, {pairs['validation']:,} validation), "
        f"{sum(rejected.values()):,} rejected" + (f" ({why})" if why else "")
    )
    if address:
        print(address)
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
