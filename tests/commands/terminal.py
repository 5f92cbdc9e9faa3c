"""`lcirc` on a real pseudo-terminal, in a fork of this process: all bytes that arrive there."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
import tty
from collections.abc import Sequence
from typing import Any

from lcirc_cli import app


def on_terminal(
    arguments: Sequence[Any], *, typed: Sequence[str] = (), prompt: str = "> "
) -> tuple[int, str]:
    """(exit status, all that the command wrote to its terminal).

    Args:
        typed: lines that are typed, each once the prompt is there.
    """
    child, ours = pty.fork()
    if child == 0:
        status = 99
        try:
            # pytest has put streams of its own in the place of these.
            tty.setraw(1)  # what is written arrives as it is
            sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
            os.environ["TERM"] = "xterm-256color"
            status = app.run([str(each) for each in arguments])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    waiting, shown, seen = list(typed), b"", 0
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline:
            if waiting and shown[seen:].endswith(prompt.encode()):
                seen = len(shown)
                os.write(ours, waiting.pop(0).encode())
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    finally:
        os.close(ours)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "backslashreplace")
