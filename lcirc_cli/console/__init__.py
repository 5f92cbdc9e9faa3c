"""What lcirc says, and how far it is: the one place that prints."""

from __future__ import annotations

from lcirc_cli.console.bars import Advance, counted, progress, time_left
from lcirc_cli.console.printing import (
    clean_libraries,
    err,
    error,
    is_debug,
    is_quiet,
    note,
    one_line,
    open_streams,
    out,
    out_json,
    out_path,
    printable,
    set_debug,
    set_quiet,
    silent_transformers,
    stderr,
    stdout_is_terminal,
    trace,
    warn,
)

__all__ = [
    "Advance",
    "clean_libraries",
    "counted",
    "err",
    "error",
    "is_debug",
    "is_quiet",
    "note",
    "one_line",
    "open_streams",
    "out",
    "out_json",
    "out_path",
    "printable",
    "progress",
    "set_debug",
    "set_quiet",
    "silent_transformers",
    "stderr",
    "stdout_is_terminal",
    "time_left",
    "trace",
    "warn",
]
