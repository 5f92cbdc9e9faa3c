"""Reading documents for make-lqa: files, rows, data sets of the Hub."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.lqa.documents.inputs import from_record, plan_units
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.qa import hub
from lcirc_cli.qa.form import read_texts
from lcirc_cli.qa.rows import Record, line_writer


def read_all(*inputs: Path | str) -> list[SourceDocument]:
    units = plan_units([str(each) for each in inputs])
    return [found for unit in units for found in unit.read()]


def test_jsonl_parquet_and_documents_are_read(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    rows = [{"id": str(i), "text": f"text {i}", "url": f"http://x/{i}"} for i in range(150)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "b.parquet")
    (tmp_path / "c.txt").write_text("A plain text.")
    (tmp_path / "d.md").write_text("# Title\n\nSome words.")
    (tmp_path / ".hidden.jsonl").write_text("{}")
    found = read_all(tmp_path)
    assert [each.text for each in found[:150]] == [f"text {i}" for i in range(150)]
    assert found[3] == found[153]
    assert found[3].source == "http://x/3"
    assert [each.id for each in found[300:]] == ["c.txt", "d.md"]
    assert read_all(tmp_path / "a.jsonl", tmp_path / "c.txt")[150].text == "A plain text."


@pytest.mark.parametrize("where", [".corpora/corpus", "../corpus", "."])
def test_dots_above_the_folder_hide_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = Path(where)
    (folder / "sub").mkdir(parents=True)
    (folder / ".sub").mkdir()
    for name in ("a.jsonl", "sub/b.jsonl", ".c.jsonl", ".sub/d.jsonl"):
        (folder / name).write_text(json.dumps({"text": name}))
    assert [each.text for each in read_all(where)] == ["a.jsonl", "sub/b.jsonl"]
    assert f"{where}: left out 2 hidden data files" in capsys.readouterr().err


def test_the_result_inside_an_input_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text(json.dumps({"text": "a"}))
    Path("lqa-notes.txt").write_text("notes")
    first = [unit.state() for unit in plan_units(["."], out=Path("lqa"))]
    assert capsys.readouterr().err == ""
    for name in ("lqa/train/qa.jsonl", "lqa/README.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps({"text": "made"}))
    for given in (".", str(tmp_path)):
        units = plan_units([given], out=Path("lqa"))
        assert [each.text for unit in units for each in unit.read()] == ["a", "notes"]
        assert capsys.readouterr().err == (
            f"lcirc: {given}: left out lqa, which is where the result goes\n"
        )
    again = [unit.state() for unit in plan_units(["."], out=Path("lqa"))]
    assert again == first  # so the command that is repeated knows its own result
    assert len(plan_units(["lqa"], out=tmp_path)) == 2  # what is asked for by name is read
    with pytest.raises(UsageError, match=r"lqa is an input; choose an --out of its own"):
        plan_units(["lqa"], out=tmp_path / "lqa")
    for name in ("a.jsonl", "lqa-notes.txt"):
        Path(name).unlink()
    with pytest.raises(DocumentError, match="nothing to read but lqa"):
        plan_units(["."], out=Path("lqa"))


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n')
    with pytest.raises(DocumentError, match=r"bad\.jsonl, line 2: the row is not valid JSON"):
        read_all(path)
    path.write_text('{"content": "a"}\n')
    with pytest.raises(DocumentError, match=r'bad\.jsonl, line 1: no "text" field'):
        read_all(path)
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n')[:-9])
    with pytest.raises(DocumentError, match=r"cut\.jsonl\.gz, line \d: damaged"):
        read_all(tmp_path / "cut.jsonl.gz")


def test_rows_without_text_are_empty_documents_not_errors() -> None:
    for row, text, name in (({"text": None, "id": 7}, "", "7"), ({"text": "a"}, "a", "x:1")):
        document = from_record(Record(row, "x, line 1", 1), origin="x:1", repairs=Counter())
        assert (document.text, document.id) == (text, name)


def test_rows_are_cleaned_as_documents_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training and bench refuse half a character: what make-lqa writes must have none."""
    dirty = "One\0 \ud83d two\x1b[31m\r\n\u202ethree \ud83d\ude00\x9b."
    row = {"id": "a\nb\ud83d", "title": "T\x07", "text": dirty, "license": "c\u202ec"}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = read_all(path)
    assert found.text == "One \ufffd two[31m\nthree \U0001f600."
    assert (found.id, found.title, found.license) == ("a b\ufffd", "T", "cc")
    told = " ".join(capsys.readouterr().err.split())
    assert "3 lone surrogates replaced" in told or "2 lone surrogates replaced" in told
    assert "1 NUL removed" in told and "control characters removed" in told
    written = tmp_path / "documents.jsonl.gz"
    with line_writer(written) as writer:
        writer.write(found.to_json())
    assert list(read_texts(written)) == [(found.id, found.text)]


def test_an_unreadable_document_is_told_and_kept_in_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.txt").write_text("Fine.")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4\nnothing\n")
    found = read_all(tmp_path)
    assert [bool(each.problem) for each in found] == [True, False]
    assert "left out: bad.pdf" in capsys.readouterr().err


def test_hub_data_sets_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def rows(shards: list[int]) -> Any:
        for shard in shards:
            for index in range(10):
                yield {"id": f"{shard}-{index}", "text": "words", "url": "u"}

    asked = []

    def load(name: str, config: str | None, **more: Any) -> Any:
        asked.append((name, config, more))
        return datasets.IterableDataset.from_generator(rows, gen_kwargs={"shards": [0, 1, 2]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    found = read_all("owner/set:part")
    assert [each.id for each in found] == [f"{s}-{i}" for s in range(3) for i in range(10)]
    assert asked[0] == ("owner/set", "part", {"split": "train", "streaming": True})


def test_hub_problems_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from lcirc_cli.errors import EndpointError

    def fail(*names: Any, **more: Any) -> Any:
        raise ConnectionError("no route\nmore")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(EndpointError, match="can't read the data set a/b from the Hub: no route;"):
        plan_units(["a/b"])
    with pytest.raises(UsageError, match="leave out --offline"):
        plan_units(["a/b"], offline=True)
    with pytest.raises(UsageError, match="standard input"):
        plan_units(["-"])
    assert not hub.is_dataset_name("a/b/c")
