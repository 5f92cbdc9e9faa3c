"""Parquet files of strangers: read, or refused by what their foot says, in one line."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.errors import DocumentError
from lcirc_cli.qa import parquet as limits
from lcirc_cli.qa.hub import open_streamed
from lcirc_cli.qa.parquet import parquet_rows
from lcirc_cli.qa.rows import read_rows

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def written(path: Path, rows: Any, **options: Any) -> Path:
    table = rows if isinstance(rows, arrow.Table) else arrow.Table.from_pylist(rows)
    parquet.write_table(table, path, **options)
    return path


def test_rows_come_in_their_order_whatever_the_groups(tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": f"text {number}" * 9} for number in range(300)]
    assert list(read_rows(written(tmp_path / "a.parquet", rows, row_group_size=70))) == rows
    assert list(read_rows(written(tmp_path / "b.parquet", [{"text": [{"a": 1}]}]))) == [
        {"text": [{"a": 1}]}
    ]


def deep(path: Path) -> None:
    kind = arrow.string()
    for _ in range(40):
        kind = arrow.list_(kind)
    written(path, arrow.table({"text": arrow.array([None], kind)}))


def many_rows(path: Path) -> None:
    """A million rows in a few kilobytes."""
    text = arrow.DictionaryArray.from_arrays(arrow.array([0] * 1_000_000), arrow.array(["a"]))
    written(path, arrow.table({"text": text}), compression="zstd")


def two_names(path: Path) -> None:
    written(path, arrow.table([arrow.array(["a"]), arrow.array(["b"])], names=["text", "text"]))


def no_text(path: Path) -> None:
    data = arrow.array([b"\xff\xfe"], arrow.binary())
    written(path, arrow.table({"text": data.view(arrow.string())}))


def far_date(path: Path) -> None:
    written(path, arrow.table({"at": arrow.array([2**50], arrow.timestamp("ms"))}))


def foot(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"x" * 99 + (2**32 - 1).to_bytes(4, "little") + b"PAR1")


def no_mark(path: Path) -> None:
    path.write_bytes(b"x" * 100)


def short(path: Path) -> None:
    path.write_bytes(b"PAR1")


@pytest.mark.parametrize(
    "make", [deep, many_rows, two_names, no_text, far_date, foot, no_mark, short]
)
def test_what_cannot_be_read_is_one_line(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    make(path)
    with pytest.raises(DocumentError, match=r"can't read .*x\.parquet: .+; get it again") as caught:
        list(read_rows(path))
    assert caught.value.exit_code == 3 and "\n" not in str(caught.value)


def test_a_column_that_unpacks_to_too_much_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "x.parquet", [{"text": "a" * 3_000_000}], compression="zstd")
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(limits, "_MOST_PART", 1_000_000)
    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", None)
    with pytest.raises(
        DocumentError, match=r"the column 'text' says that it has [36],\d+,\d+ bytes"
    ):
        list(parquet_rows(path))
    with pytest.raises(DocumentError, match="the column 'text' says"):
        open_streamed(str(path))


def test_fewer_rows_at_a_time_where_one_may_be_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text": str(number) * 1_000} for number in range(10)]
    path = written(tmp_path / "x.parquet", rows, use_dictionary=False, compression="none")
    sizes: list[int] = []
    real = parquet.ParquetFile.iter_batches

    def spy(self: Any, batch_size: int) -> Any:
        sizes.append(batch_size)
        return real(self, batch_size=batch_size)

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", spy)
    assert list(parquet_rows(path)) == rows
    monkeypatch.setattr(limits, "_MOST_BATCH", 30_000)
    assert list(parquet_rows(path)) == rows
    assert sizes == [64, 2]


def test_damaged_files_never_end_in_a_traceback(tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": f"text {number} " * 50} for number in range(200)]
    data = written(tmp_path / "good.parquet", rows).read_bytes()
    chance, path, refused = random.Random(23), tmp_path / "x.parquet", 0
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 4, 40))):
            place = len(data) - 1 - int(len(data) * chance.random() ** 3)  # mostly in the foot
            changed[place] = chance.randrange(256)
        path.write_bytes(changed[: chance.choice((len(data), len(data), place + 1))])
        try:
            list(read_rows(path))
        except DocumentError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20
