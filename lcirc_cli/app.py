"""The command `lcirc`: its sub-commands, and how a failure becomes an exit code and one line.

Knows nothing about what the commands do. torch is not imported here, so `lcirc --help` is fast.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.ask import ask
from lcirc_cli.commands.bench import bench
from lcirc_cli.commands.cache import cache
from lcirc_cli.commands.common import Command, Group
from lcirc_cli.commands.convert import convert
from lcirc_cli.commands.doctor import doctor
from lcirc_cli.commands.info import info
from lcirc_cli.commands.ingest import ingest
from lcirc_cli.commands.make_lqa import make_lqa
from lcirc_cli.commands.mcp import mcp
from lcirc_cli.commands.pull import pull
from lcirc_cli.commands.serve import serve
from lcirc_cli.commands.show import show
from lcirc_cli.commands.train import train
from lcirc_cli.errors import (
    LcircError,
    OutOfMemoryError,
    StorageError,
    first_line,
    is_out_of_memory,
)
from lcirc_cli.version import __version__, check_links

# A command is a function, or a Typer app where it has sub-commands of its own.
COMMANDS: tuple[tuple[str, Callable[..., Any] | typer.Typer], ...] = (
    ("ingest", ingest),
    ("ask", ask),
    ("show", show),
    ("serve", serve),
    ("mcp", mcp),
    ("train", train),
    ("bench", bench),
    ("make-lqa", make_lqa),
    ("pull", pull),
    ("cache", cache),
    ("info", info),
    ("doctor", doctor),
    ("convert", convert),
)

EXAMPLES = {
    "ingest": "Example: lcirc ingest book.pdf notes/ -o all.lcirc",
    "ask": "Example: lcirc ask book.lcirc 'Who signed the treaty?'",
    "show": "Example: lcirc show book.lcirc --around 'signed the treaty'",
    "serve": "Example: lcirc serve book.pdf --open",
    "mcp": "Example: lcirc mcp book.lcirc",
    "train": "Example: lcirc train --preset smollm2-cpu --data DIR --out RUN",
    "make-lqa": "Example: lcirc make-lqa books/ --generator local --out data",
    "pull": "Example: lcirc pull",
    "cache": "Example: lcirc cache --remove smollm2",
    "info": "Example: lcirc info book.lcirc",
    "doctor": "Example: lcirc doctor",
    "convert": "Example: lcirc convert checkpoint.pt adapter",
}

# Flags that may be followed by the one word that they stand for.
WORDS = {"--resume": "auto", "--compare": "paper"}

INTERRUPTED = 130
BROKEN_PIPE = 141  # what a shell reports for a program ended by SIGPIPE
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.out(f"lcirc {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The Typer application with every command in COMMANDS."""
    app = typer.Typer(
        name="lcirc",
        help="Answers questions about documents far longer than a language model's window.",
        epilog="Start with: lcirc ingest book.pdf, then: lcirc ask book.lcirc 'your question'",
        cls=Group,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        no_args_is_help=False,
    )

    @app.callback()
    def options(
        version: Annotated[
            bool,
            typer.Option(
                "--version", "-V", callback=_show_version, is_eager=True, help="Show the version."
            ),
        ] = False,
    ) -> None:
        pass

    for name, command in COMMANDS:
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=Command, epilog=EXAMPLES.get(name))(command)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what fails is told in one line."""
    console.open_streams()
    console.clean_libraries()
    console.set_debug(_debug(arguments))
    try:
        # Not through the Typer object itself, which would install an exception hook.
        command = typer.main.get_command(build())
        if arguments and arguments[0] != "doctor":
            check_links()
        given = _without_words(arguments) or ["--help"]
        status = command(given, prog_name="lcirc", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return _failed(error)
    finally:
        console.status()
    if status == INTERRUPTED:  # Typer has turned the KeyboardInterrupt into its exit code
        console.error("interrupted")
    return status if isinstance(status, int) else 0


def _without_words(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--resume auto` and `--resume=auto` as the flag that `--resume` is."""
    whole = {f"{flag}={word}": flag for flag, word in WORDS.items()}
    pairs = zip(["", *arguments], arguments, strict=False)
    return [whole.get(each, each) for before, each in pairs if WORDS.get(before) != each]


def _debug(arguments: Sequence[str]) -> bool:
    # Looked up by hand: the failure may come before the options are parsed and the file is read.
    off = ("", "0", "false", "no", "off")
    if given := [each for each in arguments if each in ("--debug", "--no-debug")]:
        return given[-1] == "--debug"
    return os.environ.get("LCIRC_DEBUG", "").lower() not in off


def _failed(error: BaseException) -> int:
    if _is_broken_pipe(error):
        # The reader is gone, and Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        console.error("interrupted")
        return INTERRUPTED
    if console.is_debug():
        console.trace(error)
    line, status = explain(error)
    console.error(line)
    return status


def _is_broken_pipe(error: BaseException) -> bool:
    # Typer answers a broken pipe with SystemExit; the cause is then its context.
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return isinstance(cause, BrokenPipeError)


def explain(error: BaseException) -> tuple[str, int]:
    """The one line and the exit code for an exception that ended a command."""
    if isinstance(error, LcircError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):  # a mistake on the command line
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "lcirc"
        message = " ".join(error.format_message().split()).rstrip(".")
        return f"{message}; see {path} --help", error.exit_code
    if is_out_of_memory(error):
        return (
            "out of memory; close other programs, or use a smaller model or --dtype bfloat16",
            OutOfMemoryError.exit_code,
        )
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        where = f" {error.filename}" if error.filename else ""
        return f"can't write{where}: {error.strerror}; free some space", StorageError.exit_code
    told = f"unexpected {type(error).__name__}: {first_line(error)}"
    return f"{told}; run again with --debug for the traceback", LcircError.exit_code
