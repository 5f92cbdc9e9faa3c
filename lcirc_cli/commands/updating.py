"""What `lcirc ingest` makes of its target: the same documents stay, the others are compressed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli import console
from lcirc_cli.commands.compressing import compress
from lcirc_cli.commands.memories import SUFFIX
from lcirc_cli.commands.reading import Reading
from lcirc_cli.errors import MemoryFileError, UsageError
from lcirc_cli.files import exists, followed, readers
from lcirc_cli.files.locks import locked, sweep_lock
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lcirc_cli.compression.kept import Kept
    from lcirc_cli.documents import Document
    from lcirc_cli.engine import Engine
    from lcirc_cli.memory.contents import MemoryContents
    from lcirc_cli.memory.sync import Plan

IN_IT = "{} is in the memory already; it is not added again"


@dataclass(frozen=True)
class How:
    """How a target is brought up to date."""

    append: bool  # add to what is there
    named: bool  # the target was given with -o; else it may only replace a memory of its document
    force: bool  # it may be replaced whatever it is
    keep_missing: bool  # documents that are not among the inputs stay
    workers: int
    settings: CommonSettings
    recipe: str = ""  # see `ready.Models.recipe`; "" if unknown


def update(
    engine: Engine,
    target: Path,
    reading: Reading,
    how: How,
    *,
    between: Callable[[], object] | None = None,
) -> dict[str, int] | None:
    """Compress what is new and save it; with the target locked.

    Args:
        between: called between two steps of compressing.

    Returns:
        How many documents were kept, changed, new and removed; None where the file stays as it is.
    """
    from lcirc_cli.compression.kept import Kept
    from lcirc_cli.memory.file import save_memory
    from lcirc_cli.memory.sync import plan, synced

    existing, documents = _existing(target, needed=how.append, force=how.force), reading.documents
    if existing is not None and (how.append or how.keep_missing):
        engine.check(existing, name=str(target))
    if how.append:
        assert existing is not None
        documents = _new(existing, reading)
    usable = _usable(engine, existing)
    if existing is not None and usable is None and (how.append or how.keep_missing):
        raise MemoryFileError(
            f"{target}: made by other settings than these models have; ingest its documents again"
        )
    made = plan(
        usable,
        documents,
        keep_missing=how.append or how.keep_missing,
        unread={name for name, _ in reading.skipped},
    )
    _tell_staying(target, made, usable, reading)
    kept = Kept(kept_beside(target), engine.fingerprints, engine.memory_settings)
    if (
        usable is not None
        and made.changes_nothing
        and not _is_told_anew(made, usable, documents, how)
    ):
        kept.remove()  # of a run that was killed between its last two steps
        return None
    if existing is not None and not how.append:
        _tell_replacing(target, existing, documents, made if usable is not None else None, how)
    missing = [documents[number] for number in made.compressed]
    if any(kept.has_begun(document) for document in missing):
        console.note(f"going on with what an earlier run has left in {kept.folder}")
    fresh = _fresh(engine, missing, kept, how, between) if missing else None
    contents = synced(made, usable, documents, fresh=fresh, first=how.append)
    read = [source.path for source in reading.sources if source.path is not None]
    # It is of all documents or of none: those that were not read now may be of another.
    known = not made.staying or (existing is not None and existing.recipe == how.recipe)
    contents = replace(contents, recipe=how.recipe if known else "")
    save_memory(target, contents, allowed=readers(read))
    kept.remove()
    return made.sizes


def _fresh(
    engine: Engine,
    missing: Sequence[Document],
    kept: Kept,
    how: How,
    between: Callable[[], object] | None,
) -> MemoryContents:
    total = sum(len(document.text) for document in missing)
    with console.progress(total, "compressing", "characters") as advance:

        def step(characters: float) -> None:
            advance(characters)
            if between is not None:
                between()

        workers, settings = how.workers, how.settings
        return compress(
            engine, missing, kept=kept, workers=workers, settings=settings, progress=step
        )


def _is_told_anew(
    made: Plan, usable: MemoryContents, documents: Sequence[Document], how: How
) -> bool:
    """Whether the same text comes from another reader, or of models with another name for it.

    Once saved as theirs, it is known to be up to date without being read again.
    """
    looked_at = any(
        number is not None and usable.documents[number].ocr != document.ocr
        for number, document in zip(made.kept, documents, strict=True)
    )
    return looked_at or (bool(how.recipe) and usable.recipe != how.recipe and not made.staying)


def kept_beside(target: Path) -> Path:
    """The folder of what is computed until the target is there."""
    return Path(f"{followed(target)}.partial")


def sweep_beside(target: Path) -> None:
    """Remove what a run that was killed between its last two steps has left of a target."""
    if kept_beside(target).exists():
        from lcirc_cli.compression.kept import discard

        with locked(target):
            discard(kept_beside(target))
    sweep_lock(target)


def check_replaceable(target: Path) -> None:
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
            check_replaceable(target)
        console.note(f"making {target.name} again: {error}")
        return None


def _usable(engine: Engine, existing: MemoryContents | None) -> MemoryContents | None:
    """The memory with a words' index of today; None where it is not of these models."""
    from lcirc_cli.evidence import current_words

    if (
        existing is None
        or existing.fingerprints.hashes != engine.fingerprints.hashes
        or existing.settings != engine.memory_settings
    ):
        return None
    try:
        engine.check(existing)
    except MemoryFileError:
        return None
    return replace(existing, words=current_words(existing))


def _tell_replacing(
    target: Path,
    existing: MemoryContents,
    documents: Sequence[Document],
    made: Plan | None,
    how: How,
) -> None:
    """What becomes of the memory that is there.

    Args:
        made: None where nothing of it can stay.
    """
    if not how.named and not _names_of(existing) & {each.name for each in documents}:
        raise UsageError(
            f"{target} holds {_names(existing)}, not {documents[0].name}: "
            f"choose another name with -o NAME{SUFFIX}, or delete it"
        )
    if made is not None:
        counts = ", ".join(f"{count:,} {what}" for what, count in made.sizes.items())
        console.note(f"{target}: {counts}")
    else:
        console.note(f"replacing {target}, which held {_names(existing)}, by other models")


def _tell_staying(
    target: Path, made: Plan, usable: MemoryContents | None, reading: Reading
) -> None:
    """Which documents can't be read now and stay as they were read before."""
    failed = {name for name, _ in reading.skipped} - reading.told
    for number in made.staying:
        assert usable is not None
        if (name := usable.documents[number].name) in failed:
            console.note(f"{target.name} keeps {name} as it was read before")


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
