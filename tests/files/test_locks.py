"""Locks: one holder at a time, none left behind, none through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lcirc_cli.errors import LcircError, StorageError
from lcirc_cli.files.locks import locked, sweep_lock

from .processes import start

HOLD_LOCK = """
import sys, time
from pathlib import Path
from lcirc_cli.files.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_a_lock_makes_another_process_wait(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    child = start(HOLD_LOCK, path, "1.0")
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    busy = pytest.raises(LcircError, match="another process is writing")
    with busy, locked(path, timeout=0.1):
        pass
    with locked(path, timeout=30):
        assert child.wait(timeout=5) == 0
    child.stdout.close()
    assert "waiting: another process is writing" in capsys.readouterr().err


COUNT = """
import sys, time
from pathlib import Path
from lcirc_cli.files.locks import locked
path = Path(sys.argv[1])
for _ in range(60):
    with locked(path):
        number = int(path.read_text())
        time.sleep(0.001)
        path.write_text(str(number + 1))
"""


def test_no_lock_file_stays_and_no_two_hold_it_at_once(tmp_path: Path) -> None:
    """Each holder removes the file that others wait for."""
    path = tmp_path / "count"
    path.write_text("0")
    children = [start(COUNT, path) for _ in range(4)]
    assert [child.wait(timeout=120) for child in children] == [0] * 4
    for child in children:
        assert child.stdout is not None
        child.stdout.close()
    assert path.read_text() == "240"
    assert [each.name for each in tmp_path.iterdir()] == ["count"]


def test_a_lock_that_a_killed_holder_left_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    Path(f"{path}.lock").touch()
    sweep_lock(path)
    assert list(tmp_path.iterdir()) == []
    with locked(path):
        sweep_lock(path)  # held: it stays
        assert Path(f"{path}.lock").exists()


def test_an_interrupt_while_the_lock_is_made_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may come when the file is there and nobody knows its number yet."""
    path, opened = tmp_path / "file", os.open

    def interrupted(*args: object) -> int:
        monkeypatch.undo()
        os.close(opened(*args))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), locked(path):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(path, timeout=0):
        monkeypatch.setattr(os, "open", interrupted)
        with pytest.raises(KeyboardInterrupt), locked(path):
            pass
        assert Path(f"{path}.lock").exists()  # another's


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "file"
    child = start(HOLD_LOCK, path, "60")
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.kill()
    child.wait()
    child.stdout.close()
    with locked(path, timeout=5):
        pass


def test_a_lock_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match="symbolic link"), locked(tmp_path / "file"):
        pass
    assert not (tmp_path / "victim").exists()
