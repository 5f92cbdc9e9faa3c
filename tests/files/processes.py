"""Other processes that write and lock files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def start(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """A Python process that runs this text."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
