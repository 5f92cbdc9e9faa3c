"""Turns command-line arguments into the list of documents to read.

Knows nothing about what a document holds.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lcirc_cli.documents.detect import EXTENSIONS, READ_PICTURES, is_address
from lcirc_cli.errors import DocumentError

STDIN = "-"
_PICTURES = "pictures, which are read where they are named"
_SKIPPED = (
    "hidden",
    _PICTURES,
    "of other formats",
    "linked folders",
    "unreadable folders",
    "pipes and devices",
)


@dataclass(frozen=True)
class Source:
    """One document to read."""

    path: Path | None  # None is standard input
    name: str  # file name, with its folder below the one that was asked for
    notes: tuple[str, ...] = ()  # what was skipped in its folder, on the folder's first document


def collect_sources(arguments: Sequence[str]) -> list[Source]:
    """Files as given, folders recursively and sorted, and `-` for standard input.

    Below a folder, only files with the extension of a readable format are taken; hidden files and
    folders, links to folders, pipes and devices, and files of other formats are counted in a note.

    Files of one name get as much of their path as tells them apart.

    Raises:
        DocumentError: a folder can't be opened or holds nothing readable, or there is no such file.
    """
    sources: list[Source] = []
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            sources.append(Source(None, "stdin"))
        elif is_address(argument):
            raise DocumentError(
                f"{argument}: an address, and lcirc fetches nothing; download it and name the file"
            )
        elif os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises below a closed folder
            sources.extend(_folder(path))
        else:
            _check_there(path)
            sources.append(Source(path, path.name))
    return told_apart(sources)


def _check_there(path: Path) -> None:
    """Raises DocumentError for a file that isn't there, with the name that may have been meant."""
    try:
        path.lstat()
    except FileNotFoundError:
        try:
            names = os.listdir(path.parent)  # noqa: PTH208
        except OSError:
            names = []
        read = {*EXTENSIONS, *READ_PICTURES}
        known = [name for name in names if Path(name).suffix.lower() in read]
        near = difflib.get_close_matches(path.name, known, n=1)
        remedy = (
            f"did you mean {path.with_name(near[0])}?"
            if near
            else "check the path, or quote it if it has spaces"
        )
        raise DocumentError(f"{path.name}: no such file; {remedy}") from None
    except (OSError, ValueError):  # reading it says what is wrong
        pass


def longer_name(source: Source) -> str:
    """The source's name with one more folder of its path; the same name where there is none."""
    if source.path is None:
        return source.name
    parts = source.path.absolute().parts[1:]  # without the root
    wanted = len(source.name.split("/")) + 1
    return "/".join(parts[-wanted:]) if wanted <= len(parts) else source.name


def name_beside(source: Source, taken: Collection[str]) -> str:
    """The shortest name of the source that is not among `taken`, a number behind it at worst."""
    while source.name in taken and (longer := longer_name(source)) != source.name:
        source = replace(source, name=longer)
    name, number = source.name, 1
    while name in taken:
        number += 1
        name = f"{source.name} ({number})"
    return name


def told_apart(sources: list[Source]) -> list[Source]:
    """Longer names for different files that share one. The same file twice keeps its name."""
    while True:
        paths = {(each.name, each.path and each.path.absolute()) for each in sources}
        counts = Counter(name for name, _ in paths)
        longer = [
            replace(each, name=longer_name(each)) if counts[each.name] > 1 else each
            for each in sources
        ]
        if longer == sources:
            return sources
        sources = longer


def _folder(root: Path) -> list[Source]:
    files: list[Path] = []
    skipped = dict.fromkeys(_SKIPPED, 0)

    def unreadable(error: OSError) -> None:
        if error.filename == os.fspath(root):
            raise DocumentError(
                f"{root}: this folder can't be opened ({(error.strerror or '').lower()}); "
                "check its permissions"
            ) from None
        skipped["unreadable folders"] += 1

    for folder, folders, names in os.walk(root, onerror=unreadable):
        here = Path(folder)
        skipped["hidden"] += sum(_is_hidden(name) for name in [*folders, *names])
        skipped["linked folders"] += sum(
            (here / name).is_symlink() for name in folders if not _is_hidden(name)
        )
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in names:
            if _is_hidden(name):
                continue
            if Path(name).suffix.lower() in READ_PICTURES:
                skipped[_PICTURES] += 1
            elif Path(name).suffix.lower() not in EXTENSIONS:
                skipped["of other formats"] += 1
            elif _waits(here / name):
                skipped["pipes and devices"] += 1
            else:
                files.append(here / name)
    told = ", ".join(f"{count:,} {kind}" for kind, count in skipped.items() if count)
    if not files:
        raise DocumentError(
            f"{root}: this folder holds no readable document"
            + (f" (skipped: {told})" if told else "")
        )
    note = (f"folder {root.name}: skipped {told}",) if told else ()
    ordered = sorted(files, key=lambda file: file.relative_to(root).parts)
    return [
        Source(file, file.relative_to(root).as_posix(), note if first == 0 else ())
        for first, file in enumerate(ordered)
    ]


def _is_hidden(name: str) -> bool:
    """By its name: also what Office keeps beside a document that is open in it."""
    return name.startswith((".", "~$"))


def _waits(path: Path) -> bool:
    """Whether reading might wait for ever: a named pipe, a socket or a device."""
    try:
        mode = path.stat().st_mode
    except OSError:  # a link to nothing, or no permission: reading it says so
        return False
    return not stat.S_ISREG(mode)
