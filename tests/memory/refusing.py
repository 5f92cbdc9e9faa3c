"""How a test sees that a memory file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory


def read_all(path: Path) -> MemoryContents:
    return load_memory(path, whole=True)


def refused(path: Path, *, by: Callable[[Path], Any] = read_all) -> str:
    """The message with which a file is refused; fails if it is not refused properly."""
    with pytest.raises(MemoryFileError) as caught:
        by(path)
    message = str(caught.value)
    assert caught.value.exit_code == 5
    assert "\n" not in message and message.startswith(f"{path}: ")
    assert "ingest" in message  # what to do
    return message.removeprefix(f"{path}: ")
