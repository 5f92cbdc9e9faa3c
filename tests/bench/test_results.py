"""The file of rows: a torn end is taken off, damage elsewhere is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.bench.results import Row, Rows
from lcirc_cli.errors import DocumentError

from .conftest import write_lines


def test_a_torn_last_line_is_taken_off(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "samples.jsonl")
    rows.append([Row("t", "s", str(i), "qa_f1", values={"f1": 1.0}) for i in range(3)])
    whole = (tmp_path / "samples.jsonl").read_bytes()
    for cut in range(1, len(whole)):
        (tmp_path / "samples.jsonl").write_bytes(whole[:-cut])
        complete = whole[:-cut].count(b"\n")
        assert len(rows.read()) == complete
    (tmp_path / "samples.jsonl").write_bytes(whole[:-9])
    rows.append([Row("t", "s", "9", "qa_f1")])
    assert [key[2] for key in rows.read()] == ["0", "1", "9"]


def test_a_damaged_row_in_the_middle_is_said(tmp_path: Path) -> None:
    write_lines(tmp_path / "samples.jsonl", [{"task": "t", "surprise": 1}])
    with pytest.raises(DocumentError, match="line 1"):
        Rows(tmp_path / "samples.jsonl").read()
