"""Files that are written into a text are left out; what a person wrote stays."""

from __future__ import annotations

import base64
import random
import time
from collections import Counter

import pytest

from lcirc_cli.documents.embedded import leave_out_files
from lcirc_cli.documents.text import read_text

DATA = base64.b64encode(random.Random(1).randbytes(3000)).decode()
WRAPPED = "\n".join(DATA[at : at + 76] for at in range(0, len(DATA), 76))
URI = f"data:image/png;base64,{DATA}"
NOTE = ("1 embedded file left out",)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"A\n\n![plan]({URI})\n\nB", "A\n\n![plan]\n\nB"),
        (f'A ![a plan](<{URI}> "Title") B', "A ![a plan] B"),
        ("A ![x](data:,) B ![y](data:image/gif;base64,R0lGOD) C", "A ![x](data:,) B ![y] C"),
        (f"[![plan]({URI})](http://x)", "[![plan]](http://x)"),
        (f"![plan][p]\n\n[p]: {URI}\n", "![plan][p]\n\n[p]: "),
        (f'<img alt="plan" src="{URI}"> B', '<img alt="plan" src=""> B'),
        (f"see {URI} there", "see  there"),
        (f"![v](data:image/svg+xml;charset=utf-8,{'%3Csvg' * 50}) B", "![v] B"),
        (f"Dear Ann,\n\n{WRAPPED}\n\nBest", "Dear Ann,\n\n\n\nBest"),
        (f"> {WRAPPED.replace(chr(10), chr(10) + '> ')}\nB", "B"),
        (f"A ![x](data:image/png;base64,\n{WRAPPED}) B", "A ![x] B"),
        (f"A ![x](data:image/png;base64,{WRAPPED}) B", "A ![x] B"),
        (f"[p]: data:image/png;base64,{WRAPPED}\n\nAfter", "[p]: \n\nAfter"),
        (f"![x](data:image/png;base64,{DATA})\nAfter", "![x]\nAfter"),
        (f"key={DATA} end", "key= end"),
        (f"key {DATA} end", "key  end"),
    ],
)
def test_embedded_files_are_left_out(text: str, left: str) -> None:
    document = read_text(text.encode(), name="a.md", markdown=True)
    assert document.text == left
    assert document.notes == (NOTE if left != text else ())


@pytest.mark.parametrize(
    "text",
    [
        "A URI such as data:text/plain,hello is short.",
        "ACGT" * 400,
        "\n".join(["0123456789abcdef" * 4] * 20),
        "word " * 500,
        "https://example.org/" + "path/" * 100,
        "\n".join(["-" * 70] * 10),
        "\n".join("abcdefghijklmnopqrstuvwxyz" * 3 for _ in range(8)),
    ],
)
def test_other_long_runs_stay(text: str) -> None:
    losses: Counter[str] = Counter()
    assert leave_out_files(text, losses) == text
    assert not losses


UNITS = ["data:", "[a](data:a/b,", "data:a/b;", "[x]: data:a/b;c=d", "A" * 61 + "\n", '"data:a/b,']
UNITS += ["[", "data:image/png;base64,", "](<data:a/b,", "'data:a/b,\"data:a/b,", "> > ", "a" * 10]


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear(unit: str) -> None:
    start = time.process_time()
    leave_out_files(unit * (300_000 // len(unit)), Counter())
    assert time.process_time() - start < 5
