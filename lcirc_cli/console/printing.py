"""What lcirc says: answers on standard output, notes, warnings and progress on standard error.

All that is printed goes through here and is cleaned as the last step: what a document, a memory, a
model, an endpoint or a file name holds can't steer a terminal. Knows nothing about models or
documents. `rich` is imported on first use: it costs a tenth of a second that `--help` doesn't have.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_JOINERS = "\u200c\u200d"  # letters of Persian and many emoji need them, and they move nothing
# Of a path: C0, C1 (as a byte that is no UTF-8, too), ends of lines and changes of direction.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]"
)

_STYLES = {"strong": "1", "dim": "2", "warning": "33", "error": "31"}

_quiet = False
_status: Any = None  # the stream on which a line of status stands
_debug = False


def set_quiet(quiet: bool) -> None:
    """Silence notes and progress; warnings and errors are still shown."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    return _quiet


def set_debug(debug: bool) -> None:
    """Show a traceback where a command fails."""
    global _debug
    _debug = debug


def is_debug() -> bool:
    return _debug


def stderr() -> Console:
    """A rich console on the present standard error (looked up each time, so tests can swap it)."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def is_terminal(stream: Any) -> bool:
    """Whether somebody looks at a stream; False where it is closed."""
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:
        return False


def styled(text: str, style: str, stream: Any) -> str:
    """Text in a colour, on a terminal alone and not where NO_COLOR is set."""
    plain = os.environ.get("NO_COLOR", "") != "" or os.environ.get("TERM") == "dumb"
    if plain or not text or not is_terminal(stream):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def status(text: str = "") -> None:
    """One line that says what is being done, on a terminal until something else is printed.

    Without text it goes.
    """
    global _status
    # A library's stream may stand for standard error meanwhile: the line goes where it came from.
    stream = sys.stderr if text else _status
    if (text and _quiet) or not is_terminal(stream):
        return
    room = max(1, shutil.get_terminal_size().columns - 1)
    shown = styled(one_line(text)[:room], "dim", stream)
    _status = stream if text else None
    with contextlib.suppress(OSError, ValueError):
        stream.write(f"\r\x1b[2K{shown}")
        stream.flush()


def note(message: str) -> None:
    """One line about what is being done; silent with `--quiet`."""
    if not _quiet:
        _line(f"lcirc: {message}", "dim")


def warn(message: str) -> None:
    """One line about something that the person should know of; shown even with `--quiet`."""
    _line(f"lcirc: warning: {message}", "warning")


def error(message: str) -> None:
    """The one line that ends a failed command."""
    _line(f"lcirc: {message}", "error")


def printable(text: str) -> str:
    """`text` as any terminal can take it: lines and tabs stay, controls and the like are blanks.

    No C0 and C1, changes of direction, lone surrogates and whatever else has no shape.
    """
    if text.isprintable():
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t" or c in _JOINERS else " " for c in text)


def one_line(text: str) -> str:
    """`text` cleaned as by `printable`, and without line breaks: names may hold any."""
    return printable(text).replace("\n", " ").replace("\t", " ")


def out(text: str = "", *, end: str = "\n", style: str = "") -> None:
    """Print to standard output, cleaned; in a style of `_STYLES` on a terminal."""
    status()
    shown = _encodable(printable(text), sys.stdout)
    print(styled(shown, style, sys.stdout) if style else shown, end=end, flush=True)


def out_json(record: Any, *, indent: int | None = None) -> None:
    """Print JSON to standard output; what isn't printable, or has no place there, is escaped."""
    line = json.dumps(record, ensure_ascii=False, indent=indent)
    if _encodable(line, sys.stdout) != line:
        line = json.dumps(record, indent=indent)
    print(line if line.isprintable() else "".join(map(_escaped, line)), flush=True)


def out_path(path: Path) -> None:
    """Print a path as a shell would use it, though its bytes need not be text.

    Controls in it are printed as `?`, which is told.
    """
    text, count = _CONTROLS.subn("?", str(path))
    if count:
        warn("the path holds control characters, which are printed as ?")
    shown = _encodable(text, sys.stdout)
    if sys.stdout.isatty() or shown == text:
        print(shown, flush=True)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(text) + b"\n")
        sys.stdout.buffer.flush()


def err(text: str = "", *, end: str = "\n", style: str = "") -> None:
    """Print to standard error as it is, but for the cleaning: what a conversation shows."""
    if sys.stderr is None:  # closed by who started us; print() would take standard output instead
        return
    status()
    shown = _encodable(printable(text), sys.stderr)
    with contextlib.suppress(OSError, ValueError):  # closed since, or nobody reads it
        shown = styled(shown, style, sys.stderr) if style else shown
        print(shown, end=end, file=sys.stderr, flush=True)


def trace(error: BaseException) -> None:
    """The traceback of an exception, for `--debug`."""
    err("".join(traceback.format_exception(error)).rstrip("\n"))


def _encodable(text: str, stream: Any) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _escaped(character: str) -> str:
    """A character inside a JSON document, escaped unless it is printable or ends a line."""
    if character.isprintable() or character == "\n":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else json.dumps(character)[1:-1]


def clean_libraries() -> None:
    """Have warnings and log records of libraries cleaned: they quote configs and replies."""
    make = logging.getLogRecordFactory()
    if getattr(make, "cleans", False):
        return
    told = warnings.formatwarning

    def record(*args: Any, **options: Any) -> logging.LogRecord:
        made = make(*args, **options)
        with contextlib.suppress(Exception):  # whoever handles it will meet the same
            made.msg, made.args = printable(made.getMessage()), None
        return made

    def warning(*args: Any, **options: Any) -> str:
        return printable(told(*args, **options))

    record.cleans = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)
    warnings.formatwarning = warning


def open_streams() -> None:
    """Make standard output and error fit to write to, however lcirc was started.

    One that is closed (`>&-`) leads nowhere: its number would be given to the next file that is
    opened, and None has no flush. Letters that standard output's encoding lacks come out as `?`,
    for an answer should not end in a traceback over a name.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(handle)
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
                setattr(sys, name, nowhere)
    if getattr(sys.stdout, "errors", "") == "strict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def stdout_is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _line(text: str, style: str) -> None:
    # A message may quote a file name or a page with surrogates, line breaks or escapes in it.
    err(one_line(text), style=style)


@contextlib.contextmanager
def silent_transformers() -> Iterator[None]:
    """No progress bars or load reports from transformers: lcirc says what matters itself."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        # The bar of a GGUF conversion is drawn past that switch.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
