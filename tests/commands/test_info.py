"""`lcirc info`: what it says, that it verifies, and that it needs no model and no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli import __version__
from lcirc_cli.documents.document import Page
from lcirc_cli.memory.file import save_memory

from ..memory.samples import make_contents, make_document


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    pages = [Page(1, "Start", 0, 20), Page(4, "End", 20, 60)]
    book = replace(
        make_document("Ten letters" * 6, name="book.pdf", pages=pages),
        page_count=5,
        empty_pages=(2, 3),
        notes=("rebuilt the table of objects",),
    )
    odd = make_document("Plain.", name="caf\udce9.txt")
    contents = make_contents([book, replace(odd, pages=(), page_count=None, format="text")])
    codes = torch.ones(len(contents.token_ids), 3, dtype=torch.int8)
    path = tmp_path / "two books.lcirc"
    save_memory(path, replace(contents, features={"codes": codes}))
    return path


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_streams(memory: Path, closed: int) -> None:
    """As with `<&-`, `>&-` or `2>&-` in a shell."""
    done = lcirc("info", memory, preexec_fn=lambda: os.close(closed))
    assert (done.returncode, done.stderr) == (0, "")
    assert ("whole, SHA-256" in done.stdout) == (closed != 1)
    if closed == 0:
        for arguments in ([], ["--questions", "-"]):
            asked = lcirc("ask", memory, *arguments, preexec_fn=lambda: os.close(closed))
            assert asked.returncode == 2 and len(asked.stderr.splitlines()) == 1


def test_letters_that_the_terminal_lacks(memory: Path, tmp_path: Path) -> None:
    odd = memory.rename(tmp_path / "Übung.lcirc")
    narrow = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = lcirc("info", odd, env=narrow)
    assert (done.returncode, done.stderr) == (0, "")
    assert "?bung.lcirc: whole" in done.stdout
    (tmp_path / "Ü").mkdir()
    (tmp_path / "Ü" / "config.json").write_text("{}", "utf-8")
    pulled = lcirc("pull", tmp_path / "Ü", env=narrow)
    assert (pulled.returncode, pulled.stdout) == (0, f"{tmp_path / 'Ü'}\n")


def lcirc(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lcirc_cli", *map(str, arguments)],
        capture_output=True,
        input="",
        text=True,
        check=False,
        **options,
    )


def test_json(cli: Callable[..., tuple[int, str, str]], memory: Path) -> None:
    status, out, err = cli("info", memory, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["schema"] == 1 and found["format_version"] == 3
    assert found["lcirc_version"] == __version__
    assert found["sha256"].encode() in memory.read_bytes()
    assert (found["tokens"], found["segments"]) == (24, 6)
    book, odd = found["documents"]
    assert (book["name"], book["pages"], book["pages_read"]) == ("book.pdf", 5, 2)
    assert (book["sections"], book["empty_pages"], book["tokens"]) == (2, [2, 3], 22)
    assert odd["pages"] is None and odd["characters"] == 6
    assert found["latents"] == {"vectors": 12, "per_segment": 2, "width": 4, "dtype": "BF16"}
    assert found["tokens_per_latent"] == 2.0
    sizes = found["bytes"]
    assert sizes["total"] == memory.stat().st_size
    assert sum(sizes.values()) == 2 * sizes["total"]  # the parts and their sum
    assert sizes["states"] == 12 * 4 * 2
    assert sizes["features"] == 24 * 3
    assert found["features"] == {"codes": {"dtype": "I8", "shape": [24, 3]}}
    assert found["bytes_per_token"]["total"] == round(sizes["total"] / 24, 3)
    assert found["fingerprints"]["backbone_name"] == "tiny"
    assert found["settings"] == {"segment_length": 5, "num_latents": 2}


def test_text(cli: Callable[..., tuple[int, str, str]], memory: Path) -> None:
    status, out, err = cli("info", memory)
    assert (status, err) == (0, "")
    for words in (
        "SHA-256",
        "book.pdf: pdf, 2 of 5 pages read, 2 sections, 66 characters, 22 tokens",
        "no text on pages 2-3",
        "rebuilt the table of objects",
        "caf?.txt: text, 6 characters, 2 tokens",
        "24 tokens in 6 segments became 12 latents, 2.0 tokens a latent",
        "model      tiny (bbbbbbbbbbbb)",
        "adapter    plain (aaaaaaaaaaaa)",
    ):
        assert words in out
    assert "\x1b" not in out


def test_damage_is_one_line_and_exit_5(
    cli: Callable[..., tuple[int, str, str]], memory: Path
) -> None:
    data = bytearray(memory.read_bytes())
    data[-1] ^= 1
    memory.write_bytes(data)
    status, out, err = cli("info", memory)
    assert (status, out) == (5, "")
    assert err.count("\n") == 1 and "damaged" in err
    status, _, err = cli("info", memory.with_name("nowhere.lcirc"))
    assert status == 5 and "there is no memory file" in err


def test_needs_neither_torch_nor_a_model(memory: Path) -> None:
    code = (
        "import sys; from lcirc_cli import app; status = app.run(['info', sys.argv[1]]); "
        "sys.exit(status or 'torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, memory], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
