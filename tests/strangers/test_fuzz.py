"""Random bytes and random JSON in files of rows and of questions: rows, or one line of ours, soon
and in little space."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcirc_cli.commands.questions import read_questions
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.qa.form import read_folder

from .measured import FUZZ_MEGABYTES, FUZZ_SECONDS, measured
from .rows import DOCUMENT, QUESTION

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
FIELDS = [*QUESTION, "options", "quote", "history", "type", "id"]
ROW = st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, JSON), "more": JSON})
LINE = (ROW | JSON).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
FILE = st.lists(LINE, max_size=5).map(b"\n".join)
PACKED = FILE.map(gzip.compress).flatmap(
    lambda whole: st.just(whole) | st.integers(0, len(whole)).map(lambda cut: whole[:cut])
)
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def read_data(folder: Path, data: bytes) -> None:
    (folder / "documents.jsonl").write_text(json.dumps(DOCUMENT) + "\n")
    (folder / "qa.jsonl").write_bytes(data)
    _, asked = read_folder(folder)
    list(asked)


def read_asked(folder: Path, data: bytes) -> None:
    (folder / "q.jsonl").write_bytes(data)
    read_questions(folder / "q.jsonl")


def read_packed(folder: Path, data: bytes) -> None:
    (folder / "q.jsonl.gz").write_bytes(data)
    read_questions(folder / "q.jsonl.gz")


READERS: dict[str, tuple[Callable[[Path, bytes], None], Any]] = {
    "data": (read_data, FILE | ROW.map(lambda row: json.dumps({**QUESTION, **row}).encode())),
    "questions": (read_asked, FILE),
    "packed": (read_packed, PACKED | FILE),
}


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", READERS)
def test_no_file_of_rows_crashes_its_reader(name: str, examples: int, tmp_path: Path) -> None:
    read, files = READERS[name]

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)
    @given(data=files)
    def fuzz(data: bytes) -> None:
        start = time.process_time()
        with contextlib.suppress(DocumentError, UsageError):
            read(tmp_path, data)
        assert time.process_time() - start < FUZZ_SECONDS

    _, cost = measured(fuzz)
    assert cost.megabytes < FUZZ_MEGABYTES
