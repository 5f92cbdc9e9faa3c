"""The entry point of `lcirc` and of `python -m lcirc_cli`.

Knows only what Ctrl-C means until the command line is in charge, and while modules are imported:
there an exception would come out as a traceback, or be swallowed by a library that is half
loaded. So the process ends at once, which loses nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130  # as in app.py, which is imported under this handler
_IMPORTING = "<frozen importlib"  # the file of the frames that import a module


def main() -> None:
    """Run the command line and leave with its exit code."""
    # A shell starts background jobs with Ctrl-C ignored, and that stays as it is.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _on_ctrl_c)
    try:
        if sys.argv[1:2] == ["ask"] and not {"-h", "--help", "--quiet"} & {*sys.argv[2:]}:
            from lcirc_cli import console

            console.status("starting ...")  # torch alone takes seconds to import
        from lcirc_cli import app

        status = app.run(sys.argv[1:])
    except KeyboardInterrupt:  # just before or after the part that answers to it
        _end()
    if ours:
        signal.signal(signal.SIGINT, lambda number, frame: _end())
    sys.exit(status)


def _on_ctrl_c(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            _end()
        frame = frame.f_back
    raise KeyboardInterrupt


def _end() -> None:
    os.write(2, b"lcirc: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
