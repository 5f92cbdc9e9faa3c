"""Atomic writes, permissions, links, hashes and the cache folder."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lcirc_cli import files
from lcirc_cli.errors import StorageError
from lcirc_cli.files import temporary

from .processes import start

OLD, NEW = b"old " * 300_000, b"new " * 700_000

KEEP_WRITING = f"""
import sys
from pathlib import Path
from lcirc_cli.files import atomic_write
contents = (b"old " * 300_000, b"new " * 700_000)
print("ready", flush=True)
for turn in range({10**6}):
    atomic_write(Path(sys.argv[1]), contents[turn % 2])
"""

WRITE_WITH_LIMIT = """
import resource, sys
from pathlib import Path
from lcirc_cli.errors import StorageError
from lcirc_cli.files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    atomic_write(Path(sys.argv[1]), b"x" * 3_000_000)
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_bytes_and_chunks_arrive_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.atomic_write(path, OLD)
    assert path.read_bytes() == OLD
    files.atomic_write(path, (b"a", b"", b"bc"))
    assert path.read_bytes() == b"abc"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["ж" * 115 + ".lcirc", "a" * 249 + ".lcirc", "x" + "語" * 84])
def test_long_names_that_a_system_takes(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    files.atomic_write(path, b"abc")
    assert path.read_bytes() == b"abc"
    killed = tmp_path / f"{temporary._prefix(path)}{2**22 + 1}-00.tmp"
    killed.touch()
    files.atomic_write(path, b"new")
    assert leftovers(tmp_path) == []
    path.unlink()
    with files.atomic_folder(path) as folder:
        (folder / "file").touch()
    assert (path / "file").exists()


def test_killed_writers_leave_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.atomic_write(path, OLD)
    moments = random.Random(7)
    for _ in range(25):
        child = start(KEEP_WRITING, path)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.05))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert path.read_bytes() in (OLD, NEW)
    files.atomic_write(path, NEW)
    assert path.read_bytes() == NEW
    assert leftovers(tmp_path) == []


def test_size_limit_is_a_storage_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.atomic_write(path, b"precious")
    child = start(WRITE_WITH_LIMIT, path)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 8
    assert "larger than this system's limit" in said
    assert path.read_bytes() == b"precious"
    assert leftovers(tmp_path) == []


def test_full_disk_at_the_flush_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"precious")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left on the device; free some"):
        files.atomic_write(path, b"new")
    assert path.read_bytes() == b"precious"
    assert leftovers(tmp_path) == []


def test_a_failing_writer_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"precious")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        files.atomic_write(path, chunks())
    with pytest.raises(KeyboardInterrupt), files.atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"precious"
    assert leftovers(tmp_path) == []


def test_a_missing_source_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileNotFoundError), files.atomic_path(tmp_path / "out" / "file"):
        (tmp_path / "source").read_bytes()
    with pytest.raises(FileNotFoundError), files.atomic_folder(tmp_path / "out" / "folder"):
        (tmp_path / "source").read_bytes()
    assert list((tmp_path / "out").iterdir()) == []


def test_no_folder_and_a_file_for_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the folder doesn't exist; create it"):
        files.atomic_write(tmp_path / "nowhere" / "file", b"x")
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        files.atomic_write(tmp_path / "plain" / "file", b"x")


def test_permissions_are_kept_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_bytes(b"")
    old.chmod(0o640)
    previous = os.umask(0o027)
    try:
        files.atomic_write(new, b"x")
        files.atomic_write(old, b"x")
    finally:
        os.umask(previous)
    assert new.stat().st_mode & 0o777 == 0o640
    assert old.stat().st_mode & 0o777 == 0o640


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with pytest.raises(RuntimeError), files.atomic_folder(target) as temporary:
        (temporary / "half").write_bytes(b"x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    for content in (b"one", b"two"):
        with files.atomic_folder(target) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / "file").write_bytes(content)
            assert not (target / "inner" / "file").exists() or content == b"two"
        assert (target / "inner" / "file").read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaced_by_a_failure_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    with files.atomic_folder(target) as temporary:
        (temporary / "file").write_bytes(b"old")
    moves = Path.rename

    def refuse(self: Path, other: Path) -> Path:
        if other == target and ".old." not in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return moves(self, other)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError), files.atomic_folder(target) as temporary:
        (temporary / "file").write_bytes(b"new")
    assert (target / "file").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_file_is_never_wider_than_the_file(tmp_path: Path) -> None:
    def mode(path: Path) -> int:
        return path.stat().st_mode & 0o777

    path = tmp_path / "file"
    with files.atomic_path(path, allowed=0o700) as temporary:
        assert mode(temporary) == 0o600
    assert mode(path) == 0o600
    path.chmod(0o640)
    with files.atomic_path(path) as temporary:
        assert mode(temporary) == 0o640
    assert mode(path) == 0o640
    path.chmod(0o444)
    files.atomic_write(path, b"x")  # read-only, and yet replaced
    assert mode(path) == 0o444


def test_readers_are_those_of_all_sources(tmp_path: Path) -> None:
    found = []
    for mode in (0o644, 0o640, 0o604, 0o600):
        (tmp_path / f"{mode:o}").touch()
        (tmp_path / f"{mode:o}").chmod(mode)
        found.append(files.readers([tmp_path / f"{mode:o}", tmp_path / "644"]))
    assert found == [0o777, 0o770, 0o707, 0o700]


def test_a_link_is_followed_as_an_editor_does(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link, file = tmp_path / "link", tmp_path / "there" / "file"
    for data in (b"first", b"second"):  # to nothing, and to a file
        link.symlink_to("there/file") if not link.is_symlink() else None
        files.atomic_write(link, data)
        assert link.is_symlink() and file.read_bytes() == data
    assert leftovers(tmp_path) == leftovers(tmp_path / "there") == []
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(StorageError, match="symbolic link"):
        files.atomic_write(link, b"x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(OSError, match="a pipe or a device"):
            files.open_file(path)
    with pytest.raises(IsADirectoryError):
        files.open_file(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with files.open_file(tmp_path / "file") as file:
        assert file.read() == b"x"


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    assert files.sha256_file(path) == hashlib.sha256(OLD).hexdigest()


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LCIRC_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert files.cache_dir() == tmp_path / ".cache" / "lcirc"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert files.cache_dir() == tmp_path / ".cache" / "lcirc"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_dir() == tmp_path / "xdg" / "lcirc"
    monkeypatch.setenv("LCIRC_CACHE", "~/own")
    assert files.cache_dir() == tmp_path / "own"
