"""`lcirc ingest`: documents to a memory file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import SlurmOptions, takes
from lcirc_cli.commands.ingest_many import ingest_many
from lcirc_cli.commands.memories import SUFFIX, memory_beside
from lcirc_cli.commands.reading import PasswordFile
from lcirc_cli.commands.ready import find_models, is_up_to_date
from lcirc_cli.commands.syncing import Synced, Syncing, check_folders
from lcirc_cli.commands.updating import IN_IT, How, check_replaceable, sweep_beside
from lcirc_cli.console import counted
from lcirc_cli.errors import StorageError, UsageError
from lcirc_cli.executors import ExecutorSettings, parse_options
from lcirc_cli.files import check_writable, exists, is_file, is_folder
from lcirc_cli.settings import CommonSettings

STDIN = "-"


@takes("model", "adapter", "device", "dtype", "attention", "ocr", "offline", "quiet", "json")
def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="FILE|FOLDER|-...", help="Documents to read; - is standard input."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT.lcirc", help="The memory file (default: NAME.lcirc)."
        ),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add the documents to the memory file OUT.")
    ] = False,
    keep_missing: Annotated[
        bool,
        typer.Option(
            "--keep-missing", help="Keep documents of OUT that are not among these any more."
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", min=1, help="Processes that compress a document each."
        ),
    ] = 1,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace the file OUT whatever it is."),
    ] = False,
    pages: Annotated[
        str | None, typer.Option("--pages", metavar="1-40,52", help="Read these pages of a PDF.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A memory for each document: DIR/NAME.lcirc."),
    ] = None,
    executor: Annotated[
        str,
        typer.Option("--executor", metavar="local|slurm|ray", help="Where --out has it done."),
    ] = "local",
    slurm: SlurmOptions = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and do it again whenever documents change.")
    ] = False,
    password_file: PasswordFile = None,
    *,
    settings: CommonSettings,
) -> None:
    """Read documents once and compress them into a small memory file for `lcirc ask`.

    Prints the path of the memory file. Documents that it holds already are not compressed again,
    and an ingest that was killed goes on where it stopped. With --watch it goes on until Ctrl-C.
    """
    from lcirc_cli.documents import collect_sources, parse_page_ranges

    where = ExecutorSettings(executor=executor, workers=workers, slurm=parse_options(slurm or ()))
    if out is not None:
        if output or append or keep_missing or watch or force or pages or password_file:
            raise UsageError("--out goes with --workers, --executor and --slurm alone")
        ingest_many(sources, out, where, settings)
        return
    if executor != "local" or slurm:
        raise UsageError("--executor and --slurm make a memory for each document: add --out DIR")
    start = time.perf_counter()
    target = _target(sources, output)
    if watch and append:
        raise UsageError("--watch and --append don't go together: what changed is replaced")
    if watch:
        check_folders(sources)
    if not force:
        check_replaceable(target)
    if append and not is_file(target):
        raise UsageError(f"there is no memory file {target} to add to; leave out --append")
    ranges = None if pages is None else parse_page_ranges(pages)
    how = How(
        append=append,
        named=force or output is not None,
        force=force,
        keep_missing=keep_missing,
        workers=workers,
        settings=settings,
    )
    syncing = Syncing(sources, target, how, password_file=password_file, pages=ranges)
    if watch:
        _watch(syncing, target, as_json=settings.json)
        return
    found = collect_sources(sources)
    models = find_models(settings)
    if models is not None and append:
        models.check(target)
    known = models or find_models(settings, cached=True)
    if known is not None and is_up_to_date(
        target,
        found,
        pages=ranges,
        ocr=settings.ocr,
        models=known,
        append=append or keep_missing,
    ):
        sweep_beside(target)
        for source in found if append else ():
            console.note(IN_IT.format(source.name))
        _report(target, Synced(None, (), time.perf_counter() - start), as_json=settings.json)
        return
    if output is not None:
        check_writable(target)  # before hours of work, not after
    done = syncing.once(found)
    done = replace(done, seconds=time.perf_counter() - start)
    _report(target, done, as_json=settings.json)


def _watch(syncing: Syncing, target: Path, *, as_json: bool) -> None:
    """Report every sync that changed something, and the first one."""
    check_writable(target)
    first = True
    for done in syncing.whenever():
        if first or done.counts is not None:
            _report(target, done, as_json=as_json, path=first)
        first = False


def _target(sources: Sequence[str], output: Path | None) -> Path:
    """Where the memory goes: OUT, or NAME.lcirc beside a single input."""
    if "" in sources:  # an unset variable, which would stand for the whole present folder
        raise UsageError("one of the documents has an empty name")
    given = output is not None
    if output is None:
        if len(sources) != 1 or sources[0] == STDIN:
            what = "standard input needs" if STDIN in sources else "several inputs need"
            raise UsageError(f"{what} a name for the memory file: add -o OUT{SUFFIX}")
        output = memory_beside(Path(sources[0]).absolute())
    if is_folder(output):
        raise UsageError(f"{output} is a folder; give the memory file a name: -o NAME{SUFFIX}")
    if output.suffix != SUFFIX:
        raise UsageError(f"the name of a memory file ends in {SUFFIX}: -o {output}{SUFFIX}")
    # Without -o the folder is that of the document; reading it says what is missing.
    if given and not is_folder(output.parent):
        raise StorageError(f"can't write {output}: there is no folder {output.parent}; create it")
    for source_name in sources:
        source = Path(source_name)
        if source.suffix == SUFFIX and is_file(source):
            raise UsageError(
                f'{source_name} is a memory file already; ask it: lcirc ask {source_name} "..."'
            )
        if is_file(source) and exists(output) and source.samefile(output):
            raise UsageError(f"{output} is one of the documents; choose another name with -o")
    return output


def _report(target: Path, done: Synced, *, as_json: bool, path: bool = True) -> None:
    """What the memory file holds now; without `path` not where it is."""
    from lcirc_cli.memory.info import inspect_memory

    found = inspect_memory(target)
    documents, size = found["documents"], found["bytes"]["total"]
    if done.counts is None:
        console.note(f"{target} is up to date; nothing to do")
    else:
        console.note(
            f"{target}: {counted(found['tokens'], 'token')} of "
            f"{counted(len(documents), 'document')} in "
            f"{counted(found['latents']['vectors'], 'latent')}, {size / 1e6:,.1f} MB, "
            f"{done.seconds:,.1f} s"
        )
    if not as_json:
        if path:
            console.out_path(target)
        return
    told = ("name", "format", "sha256", "pages", "empty_pages", "tokens", "segments", "notes")
    report = {
        "schema": 1,
        "memory": str(target),
        "sha256": found["sha256"],
        "reused": done.counts is None,
        "sync": done.counts or {"kept": len(documents), "changed": 0, "new": 0, "removed": 0},
        "documents": [{name: document[name] for name in told} for document in documents],
        "skipped": [{"name": name, "reason": reason} for name, reason in done.skipped],
        "tokens": found["tokens"],
        "segments": found["segments"],
        "latents": found["latents"]["vectors"],
        "bytes": size,
        "seconds": round(done.seconds, 3),
    }
    console.out_json(report)
