"""When a folder's documents count as changed: by what the walk finds, whoever says when to look."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents import collect_sources, watching
from lcirc_cli.documents.watching import Pace, changes, version_of

NEVER = 1_000.0


class Watcher:
    """Counts what `changes` yields, in a thread."""

    def __init__(self, folders: list[Path], pace: Pace) -> None:
        self.count, self._stop = 0, threading.Event()
        self._given = [str(folder) for folder in folders], pace
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        folders, pace = self._given
        for _ in changes(folders, pace=pace, stop=self._stop):
            self.count += 1

    def reaches(self, count: int) -> bool:
        deadline = time.monotonic() + 20
        while self.count < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.count == count

    def rests(self, seconds: float = 1.0) -> bool:
        """Whether nothing more comes for a while."""
        before = self.count
        time.sleep(seconds)
        return self.count == before

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watcher]]:
    """`watch(folder)`: a watcher that has begun, and has looked for the first time."""
    monkeypatch.setattr(watching, "_WAKE_MS", 100)
    monkeypatch.setattr(watching, "_YOUNG_NS", 0)
    begun: list[Watcher] = []

    def begin(*folders: Path, quiet: float = 0.2, check: float = NEVER) -> Watcher:
        begun.append(Watcher(list(folders), Pace(quiet=quiet, longest=2.0, check=check)))
        assert begun[-1].reaches(1)
        time.sleep(2 * quiet + 0.3)  # until notices come
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    return folder


def test_what_is_saved_renamed_and_deleted_is_seen(
    watch: Callable[..., Watcher], books: Path
) -> None:
    watcher = watch(books)
    steps: list[Callable[[], object]] = [
        lambda: (books / "a.txt").write_text("two"),
        lambda: (books / "deep" / "b.md").write_text("new"),
        lambda: (books / "deep").rename(books / "deeper"),
        lambda: (books / "deeper" / "c.txt").write_text("in a folder with a new name"),
        lambda: (books / "deeper" / "b.md").unlink(),
        lambda: shutil.rmtree(books / "deeper"),
        lambda: os.replace(_written(books / ".a.swp", "three"), books / "a.txt"),  # noqa: PTH105
    ]
    for number, step in enumerate(steps, start=2):
        step()
        assert watcher.reaches(number), number
    assert watcher.rests()


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_the_walk_passes_over_leads_to_nothing(
    watch: Callable[..., Watcher], books: Path
) -> None:
    watcher = watch(books)
    (books / ".git").mkdir()
    for name in (
        *("a.txt~", ".a.txt.swp", ".#a.txt", "#a.txt#", "4913", "~$a.docx", "a.txt.tmp"),
        *("a.lcirc", "log.csv", ".git/note.txt", "~$note.txt"),
    ):
        (books / name).write_text("x")
    assert watcher.rests()
    assert [each.name for each in collect_sources([str(books)])] == ["a.txt"]
    (books / "a.txt").touch()
    assert watcher.reaches(2)


def test_many_changes_are_one(watch: Callable[..., Watcher], books: Path) -> None:
    watcher = watch(books, quiet=0.5)
    for number in range(500):
        (books / f"{number}.txt").write_text(str(number))
        if number % 50 == 0:
            time.sleep(0.05)
    assert watcher.reaches(2) and watcher.rests()


def test_changes_without_an_end_wait_no_longer_than_the_longest(
    watch: Callable[..., Watcher], books: Path
) -> None:
    watcher, end = watch(books, quiet=0.5), time.monotonic() + 5
    while time.monotonic() < end and watcher.count < 2:
        (books / "a.txt").write_text(str(time.monotonic()))
        time.sleep(0.05)
    assert watcher.count >= 2


def test_a_folder_that_goes_and_comes_is_watched_on(
    watch: Callable[..., Watcher], books: Path
) -> None:
    watcher = watch(books)
    books.rename(books.with_name("away"))
    assert watcher.reaches(2)  # there is none
    books.mkdir()
    (books / "b.txt").write_text("another")
    assert watcher.reaches(3)
    time.sleep(1)
    (books / "b.txt").write_text("and again")
    assert watcher.reaches(4)


@pytest.mark.parametrize("how", ["silent", "refused"])
def test_without_notices_a_look_now_and_then_finds_it(
    watch: Callable[..., Watcher], books: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As on a network folder to which another machine writes, and where no watch is left."""

    def nothing(*paths: str, stop_event: threading.Event, **options: object) -> Iterator[set[int]]:
        if how == "refused":
            raise OSError("OS file watch limit reached")
        while not stop_event.wait(0.05):
            yield set()

    monkeypatch.setattr("watchfiles.watch", nothing)
    watcher = watch(books, check=0.3)
    assert watcher.rests()
    (books / "b.txt").write_text("new")
    assert watcher.reaches(2) and watcher.rests()


def test_what_comes_before_the_first_notice_is_seen(
    watch: Callable[..., Watcher], books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first sync runs nobody listens."""
    import watchfiles

    real = watchfiles.watch

    def late(*paths: str, **options: Any) -> Iterator[Any]:
        (books / "b.txt").write_text("new")
        yield from real(*paths, **options)

    monkeypatch.setattr("watchfiles.watch", late)
    assert watch(books).reaches(2)


def test_polling_can_be_forced(
    watch: Callable[..., Watcher], books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    watcher = watch(books)
    (books / "b.txt").write_text("new")
    assert watcher.reaches(2)


def test_a_file_that_was_written_just_now_may_change_unseen(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.txt", "one")
    assert version_of(path) != version_of(path)
    time.sleep(1.1)
    assert version_of(path) == version_of(path) != ()
    assert version_of(tmp_path / "none") == ()
