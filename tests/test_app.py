"""The command line: exit codes, one-line errors, help, version, interruption, broken pipes."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lcirc_cli import __version__, app, errors

MOST_OF_HELP = 4  # times what its drawing alone takes; 2.5 to 3 were seen

PRINT_MUCH = """
import sys
from lcirc_cli import app
def much() -> None:
    for _ in range(200_000):
        print("a line")
app.COMMANDS = (*app.COMMANDS, ("much", much))
sys.exit(app.run(["much"]))
"""

SLEEP = """
import sys, time
from lcirc_cli import app
def nap() -> None:
    print("ready", flush=True)
    time.sleep(60)
app.COMMANDS = (*app.COMMANDS, ("nap", nap))
sys.exit(app.run(["nap"]))
"""

# Presses Ctrl-C when the given number of modules have been asked for since main() began.
PRESS = """
import os, runpy, signal, sys
left = [int(sys.argv.pop(1))]
begun = []
def hook(event, arguments):
    if event != "import":
        return
    if arguments[0] == "lcirc_cli.app":
        begun.append(True)
    if begun:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
runpy.run_module("lcirc_cli", run_name="__main__")
"""


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Register a command `fail` that raises `error`."""

    def fail(debug: bool = False) -> None:
        raise error

    monkeypatch.setattr(app, "COMMANDS", (*app.COMMANDS, ("fail", fail)))


def lines(text: str) -> list[str]:
    return text.splitlines()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.UsageError, 2),
        (errors.DocumentError, 3),
        (errors.ModelError, 4),
        (errors.MemoryFileError, 5),
        (errors.OutOfMemoryError, 6),
        (errors.EndpointError, 7),
        (errors.StorageError, 8),
    ],
)
def test_each_exception_has_its_exit_code_and_one_line(
    cli: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[errors.LcircError],
    status: int,
) -> None:
    failing(monkeypatch, kind("what is wrong; what to do"))
    assert cli("fail") == (status, "", "lcirc: what is wrong; what to do\n")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MemoryError(), 6, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 6, "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device", "x.lcirc"), 8, "can't write x.lcirc"),
        (OSError(errno.EROFS, "Read-only file system"), 8, "can't write: Read-only"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("first\nsecond"), 1, "unexpected ValueError: first; run again with --debug"),
        (SystemExit(5), 5, ""),
    ],
)
def test_other_exceptions(
    cli: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    said: str,
) -> None:
    failing(monkeypatch, error)
    found, out, err = cli("fail")
    assert (found, out) == (status, "")
    assert said in err
    assert len(lines(err)) == (1 if said else 0)


def test_out_of_memory_on_an_accelerator(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    failing(monkeypatch, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    status, _, err = cli("fail")
    assert status == 6
    assert len(lines(err)) == 1


def test_debug_shows_the_traceback(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ValueError("odd"))
    assert "Traceback" not in cli("fail")[2]
    assert "Traceback" in cli("fail", "--debug")[2]
    monkeypatch.setenv("LCIRC_DEBUG", "1")
    assert "Traceback" in cli("fail")[2]


def test_debug_is_a_setting_like_others(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "c.toml"
    config.write_text("debug = true\n", "utf-8")
    assert "Traceback" in cli("pull", "no-model", "--config", config)[2]
    assert "Traceback" not in cli("pull", "no-model")[2]
    assert "Traceback" not in cli("pull", "no-model", "--config", config, "--no-debug")[2]
    monkeypatch.setenv("LCIRC_DEBUG", "1")
    assert "Traceback" in cli("pull", "no-model")[2]
    assert "Traceback" not in cli("pull", "no-model", "--no-debug")[2]
    assert "Traceback" not in cli("nothing", "--no-debug")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command 'nothing'; see lcirc --help"),
        (["pul"], "Did you mean 'pull'?"),
        (["pull", "--colour"], "No such option: --colour; see lcirc pull --help"),
        (["pull", "a", "b"], "see lcirc pull --help"),
        (["doctor", "--device", "gpu"], "--device: 'gpu' is not one of auto, cpu, cuda"),
        (["pull", "--config", "none.toml"], "can't read the config file none.toml"),
    ],
)
def test_mistakes_on_the_command_line(
    cli: Callable[..., tuple[int, str, str]], arguments: list[str], said: str
) -> None:
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert len(lines(err)) == 1


def test_version(cli: Callable[..., tuple[int, str, str]]) -> None:
    assert cli("--version") == (0, f"lcirc {__version__}\n", "")


def test_no_arguments_show_the_help(cli: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = cli()
    assert status == 0
    for name, _command in app.COMMANDS:
        assert name in out


@pytest.mark.parametrize("name", ["", *(name for name, _ in app.COMMANDS)])
def test_every_command_has_help(cli: Callable[..., tuple[int, str, str]], name: str) -> None:
    status, out, err = cli(*([name] if name else []), "--help")
    assert (status, err) == (0, "")
    assert "Usage: lcirc" in out


def test_help_is_fast_and_leaves_torch_alone(tmp_path: Path) -> None:
    """In processor time, against importing what draws help: a busy machine makes both longer."""
    script = (
        "import sys; from lcirc_cli import app; status = app.run(['--help']); "
        "heavy = {'torch', 'transformers', 'numpy'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )

    def seconds(script: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [(seconds(script), seconds("import typer, typer.rich_utils")) for _ in range(5)]
    help_s, drawing_s = map(min, zip(*pairs, strict=True))
    assert help_s < MOST_OF_HELP * drawing_s


def test_a_closed_pipe_is_quiet() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PRINT_MUCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline() == b"a line\n"
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(timeout=60) == app.BROKEN_PIPE


def test_ctrl_c_gives_130_and_no_traceback() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SLEEP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == app.INTERRUPTED
    assert err == "lcirc: interrupted\n"


@pytest.mark.parametrize("moment", [1, 20, 100, 300, 900, 1500])
def test_ctrl_c_while_modules_are_imported(moment: int, tmp_path: Path) -> None:
    """From the first of our own modules to the middle of torch."""
    done = subprocess.run(
        [sys.executable, "-c", PRESS, str(moment), "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "lcirc: interrupted\n")


def test_ctrl_c_stays_ignored_where_it_was(tmp_path: Path) -> None:
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = subprocess.run(
        [sys.executable, "-c", ignore + PRESS, "20", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lcirc {__version__}\n", "")
