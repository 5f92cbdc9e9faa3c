"""A folder of many documents in one memory: all of them there, each found, each cited by name."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.file import load_memory

from .tiny import make_text

Run = Callable[..., Any]


def keeper(number: int) -> str:
    """A word that stands in one document alone, without an ending that a stemmer knows."""
    return "zo" + "".join("bcdfghjkmp"[int(digit)] for digit in f"{number:04}") + "ox"


def write_folder(folder: Path, count: int) -> None:
    """Texts of unequal length in two levels of folders; each names the keeper of a lamp."""
    rng = random.Random(0)
    for number in range(count):
        path = folder / f"shelf{number % 7}" / f"{number:04}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = make_text(number, words=rng.randint(30, 300))
        path.write_text(f"{text}\n\nThe keeper of this lamp is {keeper(number)}.\n", "utf-8")


def check(folder: Path, cli: Run, models: list[Any], *, count: int) -> None:
    write_folder(folder / "library", count)
    memory = folder / "library.lcirc"
    done = cli("ingest", folder / "library", "-o", memory, "--quiet", *models)
    assert done.status == 0, done.err
    contents = load_memory(memory)
    names = [Path(document.name).name for document in contents.documents]
    assert sorted(names) == [f"{number:04}.txt" for number in range(count)]
    token = segment = 0
    for document in contents.documents:  # one after another, without a gap
        assert (document.first_token, document.first_segment) == (token, segment)
        token += document.num_tokens
        segment += document.num_segments
        lengths = contents.segment_lengths[document.first_segment : segment]
        assert sum(lengths) == document.num_tokens
    assert token == len(contents.token_ids)
    assert len(contents.states) == segment * contents.settings["num_latents"]
    asked = [0, count // 2, count - 1]
    questions = folder / "questions.jsonl"
    lines = [json.dumps({"question": f"Who is {keeper(n)}, the keeper?"}) for n in asked]
    questions.write_text("\n".join(lines), "utf-8")
    done = cli(
        *("ask", memory, "--questions", questions, "--json", "--quiet"),
        *("--max-new-tokens", 4, "--window", "none", *models),
    )
    assert done.status == 0, done.err
    for number, line in zip(asked, done.out.splitlines(), strict=True):
        best = json.loads(line)["citations"][0]
        assert Path(best["document"]).name == f"{number:04}.txt"
        assert keeper(number) in best["quote"]


def test_a_folder_of_twelve_documents(cli: Run, tmp_path: Path, models: list[Any]) -> None:
    check(tmp_path, cli, models, count=12)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_folder_of_two_hundred_documents(cli: Run, tmp_path: Path, models: list[Any]) -> None:
    check(tmp_path, cli, models, count=200)
