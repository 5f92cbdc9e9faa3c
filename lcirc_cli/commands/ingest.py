"""`lcirc ingest`: documents to a memory file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import SUFFIX, load_engine, takes
from lcirc_cli.commands.reading import Reading, read_sources
from lcirc_cli.commands.ready import find_models, is_up_to_date
from lcirc_cli.console import counted
from lcirc_cli.errors import MemoryFileError, StorageError, UsageError
from lcirc_cli.files import exists, is_file, is_folder, readers
from lcirc_cli.files.locks import locked, sweep_lock
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.documents import Document
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents

STDIN = "-"
IN_IT = "{} is in the memory already; it is not added again"


@takes("model", "adapter", "device", "dtype", "attention", "offline", "quiet", "json")
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
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace the file OUT whatever it is."),
    ] = False,
    pages: Annotated[
        str | None, typer.Option("--pages", metavar="1-40,52", help="Read these pages of a PDF.")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Its first line opens a locked PDF (also: LCIRC_PASSWORD, or a prompt).",
        ),
    ] = None,
    *,
    settings: CommonSettings,
) -> None:
    """Read documents once and compress them into a small memory file for `lcirc ask`.

    Prints the path of the memory file. A file that is up to date is left as it is.
    """
    from lcirc_cli.documents import collect_sources, parse_page_ranges

    start = time.perf_counter()
    target = _target(sources, output)
    if not force:
        _check_replaceable(target)
    if append and not is_file(target):
        raise UsageError(f"there is no memory file {target} to add to; leave out --append")
    ranges = None if pages is None else parse_page_ranges(pages)
    found = collect_sources(sources)
    models = find_models(settings)
    if models is not None and append:
        models.check(target)
    known = models or find_models(settings, cached=True)
    if known is not None and is_up_to_date(
        target, found, pages=ranges, models=known, append=append
    ):
        sweep_lock(target)
        for source in found if append else ():
            console.note(IN_IT.format(source.name))
        _report(target, 0, (), time.perf_counter() - start, as_json=settings.json)
        return
    named = {Path(source) for source in sources}
    reading = read_sources(found, named=named, password_file=password_file, pages=ranges)
    engine = load_engine(settings)
    loaded = find_models(settings, cached=True)
    with locked(target):
        added = _update(
            engine,
            target,
            reading,
            append=append,
            named=force or output is not None,
            force=force,
            recipe="" if loaded is None else loaded.recipe(),
        )
    _report(target, added, reading.skipped, time.perf_counter() - start, as_json=settings.json)


def _target(sources: Sequence[str], output: Path | None) -> Path:
    """Where the memory goes: OUT, or NAME.lcirc beside a single input."""
    if "" in sources:  # an unset variable, which would stand for the whole present folder
        raise UsageError("one of the documents has an empty name")
    given = output is not None
    if output is None:
        if len(sources) != 1 or sources[0] == STDIN:
            what = "standard input needs" if STDIN in sources else "several inputs need"
            raise UsageError(f"{what} a name for the memory file: add -o OUT{SUFFIX}")
        output = _beside(Path(sources[0]).absolute())
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


def _beside(source: Path) -> Path:
    """NAME.lcirc; only the extension of a format that is read is cut off (not of notes.2024)."""
    from lcirc_cli.documents.detect import EXTENSIONS

    known = source.suffix.lower() in EXTENSIONS and is_file(source)
    return source.with_suffix(SUFFIX) if known else Path(f"{source}{SUFFIX}")


def _update(
    engine: Engine,
    target: Path,
    reading: Reading,
    *,
    append: bool,
    named: bool,
    force: bool,
    recipe: str,
) -> int:
    """Compress what is new and save it, with the target locked; how many documents that were.

    Args:
        named: the target was given with -o; else it may only replace a memory of its own document.
        force: it may be replaced whatever it is.
        recipe: see `ready.Models.recipe`.
    """
    from lcirc_cli.memory.file import same_source, save_memory

    existing, documents = _existing(target, needed=append, force=force), reading.documents
    if append:
        assert existing is not None
        engine.check(existing, name=str(target))
        documents = _new(existing, reading)
        if not documents:
            return 0
        recipe = recipe if existing.recipe == recipe else ""  # it is of all documents or of none
    elif existing is not None:
        if same_source(
            existing,
            documents,
            settings=engine.memory_settings,
            fingerprints=engine.fingerprints,
        ):
            return 0
        if not named and not _names_of(existing) & {each.name for each in documents}:
            raise UsageError(
                f"{target} holds {_names(existing)}, not {documents[0].name}: "
                f"choose another name with -o NAME{SUFFIX}, or delete it"
            )
        console.note(f"replacing {target}, which held {_names(existing)}")
        existing = None
    total = sum(len(document.text) for document in documents)
    with console.progress(total, "compressing", "characters") as advance:
        contents = engine.ingest(documents, append_to=existing, progress=advance)
    read = [source.path for source in reading.sources if source.path is not None]
    save_memory(target, replace(contents, recipe=recipe), allowed=readers(read))
    return len(documents)


def _check_replaceable(target: Path) -> None:
    """Raises UsageError where there is something that is no memory file, damaged or not."""
    from lcirc_cli.memory.container import begins_as_memory

    if exists(target) and not begins_as_memory(target):
        raise UsageError(
            f"{target} is there and is no memory file: choose another name with "
            f"-o NAME{SUFFIX}, or replace it with --force"
        )


def _existing(target: Path, *, needed: bool, force: bool) -> MemoryContents | None:
    """The memory that is there. A damaged one is made again."""
    from lcirc_cli.memory.file import load_memory

    if not exists(target):
        return None
    try:
        return load_memory(target, whole=True)  # what is damaged must not be taken over
    except MemoryFileError as error:
        if needed:
            raise
        if not force:
            _check_replaceable(target)
        console.note(f"making {target.name} again: {error}")
        return None


def _new(contents: MemoryContents, reading: Reading) -> list[Document]:
    """The documents that a memory does not hold yet, under names that it does not hold either."""
    from lcirc_cli.documents.sources import name_beside

    taken, added = _names_of(contents), []
    for source, document in zip(reading.sources, reading.documents, strict=True):
        if any(
            (stored.sha256, stored.text, stored.pages)
            == (document.sha256, document.text, document.pages)
            for stored in contents.documents
        ):
            console.note(IN_IT.format(document.name))
            continue
        name = name_beside(source, taken)
        if name != document.name:
            console.note(
                f"{document.name} is in the memory already with another text (an older version, or "
                f"a file of the same name); both are kept, this one as {name}"
            )
        taken.add(name)
        added.append(replace(document, name=name))
    return added


def _names_of(contents: MemoryContents) -> set[str]:
    return {document.name for document in contents.documents}


def _names(contents: MemoryContents) -> str:
    names = [document.name for document in contents.documents]
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _report(
    target: Path,
    added: int,
    skipped: Sequence[tuple[str, str]],
    seconds: float,
    *,
    as_json: bool,
) -> None:
    """What the memory file holds now.

    Args:
        added: documents that were compressed now.
        skipped: name and reason.
    """
    from lcirc_cli.memory.info import inspect_memory

    found = inspect_memory(target)
    documents, size = found["documents"], found["bytes"]["total"]
    if added == 0:
        console.note(f"{target} is up to date; nothing to do")
    else:
        console.note(
            f"{target}: {counted(found['tokens'], 'token')} of "
            f"{counted(len(documents), 'document')} in "
            f"{counted(found['latents']['vectors'], 'latent')}, {size / 1e6:,.1f} MB, "
            f"{seconds:,.1f} s"
        )
    if not as_json:
        console.out_path(target)
        return
    told = ("name", "format", "sha256", "pages", "empty_pages", "tokens", "segments", "notes")
    report = {
        "schema": 1,
        "memory": str(target),
        "sha256": found["sha256"],
        "reused": added == 0,
        "documents": [{name: document[name] for name in told} for document in documents],
        "skipped": [{"name": name, "reason": reason} for name, reason in skipped],
        "tokens": found["tokens"],
        "segments": found["segments"],
        "latents": found["latents"]["vectors"],
        "bytes": size,
        "seconds": round(seconds, 3),
    }
    console.out_json(report)
