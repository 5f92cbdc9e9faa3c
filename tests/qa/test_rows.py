"""The rules by which all rows are read, and the error that names the file and the line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.rows import line_writer, read_records, read_rows


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a": "x"}\n{"a": \n', 2, "not valid JSON"),
        ("[1]\n", 1, "a list"),
        ("\n\nnull\n", 3, "null"),
        ('{"a": "x"} {"a": "y"}\n', 1, "not valid JSON"),
        ("[" * 100_000, 1, "not valid JSON"),
        ('{"a": 1}\n{"a": ' + "9" * 5_000 + "}\n", 2, "not valid JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(text)
    with pytest.raises(DocumentError, match=rf"x\.jsonl, line {line}: .*{said}") as caught:
        list(read_records(file))
    assert caught.value.exit_code == 3


def test_fields_are_checked_and_named(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"a": "x", "n": 3, "many": ["p", "q"], "mixed": ["p", 1]}\n')
    (record,) = read_records(file)
    assert (record.text("a"), record.texts("many")) == ("x", ("p", "q"))
    for field, said in [("b", "missing"), ("n", "a int"), ("many", "a list")]:
        with pytest.raises(DocumentError, match=rf'line 1: .*"{field}".*{said}'):
            record.text(field)
    for field in ("mixed", "a", "none"):
        with pytest.raises(DocumentError, match=rf'"{field}"'):
            record.texts(field)


def test_blank_lines_are_no_records_and_gzip_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(gzip.compress(b'\n{"a": "x"}\n\n{"a": "y"}\n'))
    assert [record.line for record in read_records(file)] == [2, 4]


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(b'{"a": 1}\n' * 999)[:-30]], ids=["none", "cut"]
)
def test_broken_gzip(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(data)
    with pytest.raises(DocumentError, match=r"x\.jsonl\.gz"):
        list(read_records(file))


def test_other_encodings_and_missing_files(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with pytest.raises(DocumentError, match="can't read"):
        list(read_records(file))
    file.write_bytes('{"a": "é"}\n'.encode("latin-1"))
    with pytest.raises(DocumentError, match="UTF-8"):
        list(read_records(file))


def test_a_cut_gzip_file_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"a": 1}\n' * 3)[:-8])
    with pytest.raises(DocumentError, match=r"x\.jsonl\.gz, line \d: damaged .*; get the file"):
        list(read_records(file))


def test_the_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(b'{"a": 1}\n\n{"a": "\xff"}\n{"a": 2}\n')
    with pytest.raises(DocumentError, match=r"x\.jsonl, line 3: not UTF-8"):
        list(read_records(file))


def test_a_byte_order_mark_at_the_start_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"a": 1}\n', "utf-8-sig")
    assert list(read_rows(file)) == [{"a": 1}]
    file.write_text('\ufeff{"a": 1}\n\ufeff{"a": 2}\n')
    with pytest.raises(DocumentError, match="line 2: the row is not valid JSON"):
        list(read_rows(file))


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    file = tmp_path / "x.parquet"
    with pytest.raises(DocumentError, match=r"can't read .*x\.parquet"):
        list(read_rows(file))
    file.write_bytes(b"PAR1 nothing")
    with pytest.raises(DocumentError, match=r"can't read .*x\.parquet"):
        list(read_rows(file))


def test_written_rows_are_the_same_bytes_and_read_back(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Ein Satz — und \u2028 mehr"}, {"half": "\ud83d"}, {"n": [1, 2.5]}]
    for name in ("one.jsonl.gz", "two.jsonl.gz"):
        with line_writer(tmp_path / name) as writer:
            for row in rows:
                writer.write(row)
        assert writer.rows == 3
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()
    assert list(read_rows(tmp_path / "one.jsonl.gz")) == rows
    with pytest.raises(ZeroDivisionError), line_writer(tmp_path / "three.jsonl.gz") as writer:
        writer.write(json.loads("{}"))
        raise ZeroDivisionError
    assert not (tmp_path / "three.jsonl.gz").exists()
