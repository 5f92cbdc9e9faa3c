"""The real default model on real speeches: in this process, and behind `transformers serve`.

Minutes of a core each; the yields are printed (`-s`). The server is a program of its own, which
needs the libraries of `pip install 'transformers[serving]'`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.backbones import smollm2
from lcirc_cli.backbones.devices import cpu_has_bfloat16
from lcirc_cli.lqa.dataset.output import read_manifest
from lcirc_cli.qa.rows import read_rows

from .conftest import Command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.allow_hosts(["127.0.0.1"]),
]


@pytest.fixture
def speeches(data_dir: Path) -> Path:
    return data_dir / "text" / "state_union.jsonl.gz"


@pytest.fixture
def model() -> Path:
    if not smollm2.is_cached():
        pytest.skip("the default model is not here; run: lcirc pull smollm2")
    return smollm2.folder()


@pytest.fixture
def server(model: Path, tmp_path: Path) -> Iterator[str]:
    """The address of `transformers serve` with the default model."""
    if any(find_spec(name) is None for name in ("fastapi", "uvicorn")):
        pytest.skip("no server here; run: pip install 'transformers[serving]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-c", "from transformers.cli.transformers import main; main()"]
    words = ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    if not cpu_has_bfloat16():  # the weights' own dtype, many times slower there
        words += ["--dtype", "float32"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen([*program, *words], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", tmp_path / "server.log")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def make(command: Command, source: Path, model: Path, out: Path, *more: Any) -> None:
    """`lcirc make-lqa` to its end."""
    words = [source, "--out", out, "--model", model, "--min-tokens", 4096, "--seed", 0]
    process = command.start(*words, *more)
    printed, told = process.communicate(timeout=3000)
    assert process.returncode == 0, (process.returncode, told)
    print(printed.strip())


def accepted(source: Path, out: Path) -> list[dict[str, Any]]:
    """The accepted pairs, each checked against the document as it was before the run."""
    assert read_manifest(out) is not None, "not finished"
    texts = {row["id"]: row["text"] for row in read_rows(source)}
    found = []
    for split in ("train", "validation"):
        path = out / split / "qa.jsonl.gz"
        found += list(read_rows(path)) if path.exists() else []
    for row in found:
        text = texts[row["document_id"]]
        if row["type"] == "unanswerable":
            assert not row["evidence"]
            continue
        start, end = row["evidence"][0]
        assert row["quote"] and text[start:end] == row["quote"], row
        assert all(text[start:end].strip() for start, end in row["evidence"]), row
    reasons = Counter(row["reason"] for row in read_rows(out / "rejected/pairs.jsonl.gz"))
    print(dict(Counter(row["type"] for row in found)), dict(reasons))
    return found


def test_in_this_process(command: Command, speeches: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--generator", "local", "--max-documents", 3, "--pairs-per-document", 6)
    make(command, speeches, model, out, *words)
    found = accepted(speeches, out)
    assert any(row["evidence"] for row in found), "no answerable pair was accepted"


def test_behind_transformers_serve(
    command: Command, speeches: Path, model: Path, server: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("--endpoint", server, "--generator", model, "--timeout", 600, "--in-flight", 2)
    make(command, speeches, model, out, *words, "--max-documents", 2, "--pairs-per-document", 6)
    accepted(speeches, out)
