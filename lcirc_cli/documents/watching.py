"""Says when the documents in folders are no longer what they were.

What counts is what `collect_sources` finds there, and whether a file's size or times differ:
notices of the system only say that it is time to look. So what a folder's walk passes over
(editors' temporary files, other formats) leads to nothing, and where no notices come, as from
other machines on a network folder, a look now and then finds the same. Knows nothing about reading.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.documents.sources import collect_sources
from lcirc_cli.errors import DocumentError
from lcirc_cli.files import is_folder

Version = tuple[int, ...]

_YOUNG_NS = 1_000_000_000  # clocks of file systems are coarse: what may yet change unseen
_WAKE_MS = 2_000  # between two looks at the clock


@dataclass(frozen=True)
class Pace:
    """When to look, in seconds.

    Attributes:
        quiet: without a notice, until many changes (a checkout, a copied folder) are taken for one.
        longest: after the first notice, however many come.
        check: between two looks where no notice comes.
    """

    quiet: float = 1.5
    longest: float = 15.0
    check: float = 30.0


def version_of(path: Path) -> Version:
    """Tells apart what a file held at two moments; () where there is none.

    One that was written to within the last second has another version each time.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    now = time.time_ns()
    young = now if abs(now - max(found.st_mtime_ns, found.st_ctime_ns)) < _YOUNG_NS else 0
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, young)


def changes(
    folders: Sequence[str], *, pace: Pace | None = None, stop: threading.Event | None = None
) -> Iterator[None]:
    """Yields once at the start, and whenever documents came, went, or were written to.

    What happens while the caller works is seen after it, also where a folder itself goes and comes.

    Args:
        pace: None: that of `Pace()`.
        stop: ends it once it is set; without it Ctrl-C does.
    """
    pace, stop = pace or Pace(), stop or threading.Event()
    seen: object = None
    while not stop.is_set():
        places, looked = _places(folders), 0.0
        for noticed in _notices(folders, pace, stop):
            moved = _places(folders) != places
            if not noticed and not moved and time.monotonic() - looked < pace.check:
                continue
            now, looked = _versions(folders), time.monotonic()
            if now != seen:
                seen = now
                yield
            if moved:  # a folder is another one: it gets a watch of its own
                break


def _versions(folders: Sequence[str]) -> dict[tuple[Path | None, str], Version]:
    """Of all documents; none where a folder is missing or empty."""
    try:
        found = collect_sources(folders)
    except DocumentError:
        return {}
    return {(each.path, each.name): version_of(each.path) for each in found if each.path}


def _places(folders: Sequence[str]) -> list[tuple[int, int] | None]:
    """Which folders these are: one may be removed and made again, or mounted."""
    found: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            there = Path(folder).stat()
        except OSError:
            found.append(None)
        else:
            found.append((there.st_dev, there.st_ino))
    return found


def _notices(folders: Sequence[str], pace: Pace, stop: threading.Event) -> Iterator[bool]:
    """Whether it is time to look: at once, when notices have begun, and after each group of them.

    Between them False; where the system gives none, True now and then.
    """
    from watchfiles import watch

    yield True
    begun = False
    try:
        for found in watch(
            *[folder for folder in folders if is_folder(Path(folder))],
            watch_filter=None,
            debounce=round(pace.longest * 1000),
            step=round(pace.quiet * 1000),
            stop_event=stop,
            rust_timeout=_WAKE_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            yield bool(found) or not begun
            begun = True
    except (OSError, RuntimeError) as error:  # no more watches, or a file system without them
        console.warn(f"no notices of changes here ({error}); looking every {pace.check:g} s")
        while not stop.wait(pace.check):
            yield True
