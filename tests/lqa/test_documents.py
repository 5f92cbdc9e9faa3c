"""Reading, filtering, decontaminating, de-duplicating and dealing out documents."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.executors.stage import Stage, run_stage
from lcirc_cli.lqa.documents import duplicates
from lcirc_cli.lqa.documents.decontaminate import WORDS
from lcirc_cli.lqa.documents.inputs import from_record, plan_units
from lcirc_cli.lqa.documents.prepare import (
    ReadUnits,
    WritePrepared,
    document_filters,
    drop,
    save_benchmarks,
)
from lcirc_cli.lqa.documents.shards import (
    Piece,
    ReadShard,
    ShardPlan,
    load_plan,
    plan_shards,
    save_plan,
)
from lcirc_cli.lqa.records import SourceDocument
from lcirc_cli.lqa.settings import DocumentSettings, EngineSettings
from lcirc_cli.qa import hub
from lcirc_cli.qa.form import read_texts
from lcirc_cli.qa.rows import Record, line_writer, read_rows

from .corpus import document, write_documents

LOCAL = EngineSettings()


def read_all(*inputs: Path | str) -> list[SourceDocument]:
    units = plan_units([str(each) for each in inputs])
    return [found for unit in units for found in unit.read()]


# --- reading --------------------------------------------------------------------------------


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


# --- filters --------------------------------------------------------------------------------


def prepare(tmp_path: Path, settings: DocumentSettings, *, tasks: int = 1) -> ShardPlan:
    folder = tmp_path / "prepared"
    folder.mkdir()
    benchmarks = save_benchmarks(settings.decontaminate, tmp_path / "benchmarks.npy")
    steps = [
        ReadUnits(plan_units(settings.inputs)),
        *document_filters(settings, benchmarks, offline=True),
        WritePrepared(
            folder,
            chunk=settings.documents_per_shard,
            most=settings.max_documents,
            license=settings.license,
        ),
    ]
    run_stage(Stage("prepare", steps, tasks), tmp_path / "logs", LOCAL)
    return plan_shards(folder, tasks, size=settings.documents_per_shard)


def test_documents_are_filtered_and_each_drop_has_its_reason(
    tmp_path: Path, counting_model: Path
) -> None:
    german = "Der alte Müller stand am Fluss und wartete lange auf das Boot aus der Stadt. " * 60
    rows = [
        {"id": "good", "text": document(1)},
        {"id": "short", "text": "Too short to ask about."},
        {"id": "german", "text": german},
        {"id": "leaked", "text": document(2)},
        {"id": "hole", "text": None},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))
    leak = " ".join(document(2).split()[100:120]).upper().replace(" ", "  \n")
    benchmark = tmp_path / "bench.jsonl"
    benchmark.write_text(json.dumps({"context": {"parts": ["nothing", leak]}}))
    settings = DocumentSettings(
        inputs=(str(source),),
        model=str(counting_model),
        min_tokens=500,
        decontaminate=(str(benchmark),),
        license="CC0",
    )
    plan = prepare(tmp_path, settings)
    assert plan.dropped == {"contaminated": 1, "language": 1, "too_short": 2}
    kept = list(ReadShard(tmp_path / "prepared", plan).read(0))
    assert [each.id for each in kept] == ["good"]
    assert kept[0].license == "CC0"
    assert kept[0].language == "en"
    assert kept[0].tokens > 500
    dropped = {row["id"]: row for row in read_rows(tmp_path / "prepared/00000-dropped.jsonl.gz")}
    assert dropped["leaked"]["reason"] == "contaminated"
    assert len(dropped["leaked"]["detail"].split()) == WORDS
    assert dropped["german"]["detail"] == "de"


def test_max_documents_takes_the_first_good_ones(tmp_path: Path, counting_model: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"id": str(i), "text": document(i) if i % 2 else "short"} for i in range(20)]
    source.write_text("\n".join(json.dumps(row) for row in rows))
    settings = DocumentSettings(
        inputs=(str(source),), model=str(counting_model), min_tokens=500, max_documents=4
    )
    plan = prepare(tmp_path, settings)
    found = list(ReadShard(tmp_path / "prepared", plan).read(0))
    assert [each.id for each in found] == ["1", "3", "5", "7"]


# --- duplicates -----------------------------------------------------------------------------


def spoiled(text: str, *, share: float, seed: int) -> str:
    """The text with some of its words exchanged."""
    chance = random.Random(seed)
    return " ".join("altered" if chance.random() < share else w for w in text.split(" "))


def test_exact_and_near_duplicates_go_and_nothing_else(tmp_path: Path) -> None:
    texts = [document(number, sentences=120) for number in range(30)]
    copies = [texts[3], texts[3].replace(" ", "\n"), spoiled(texts[7], share=0.01, seed=1)]
    different = [spoiled(texts[9], share=0.4, seed=2)]
    everything = [*texts, *copies, *different]
    with line_writer(tmp_path / "all.jsonl.gz") as writer:
        for number, text in enumerate(everything):
            writer.write(SourceDocument(str(number), "", text).to_json())
    plan = ShardPlan(
        tuple(
            (Piece("all.jsonl.gz", i, min(10, len(everything) - i), {}),)
            for i in range(0, len(everything), 10)
        ),
        {},
    )
    reader = ReadShard(tmp_path, plan)
    folder = tmp_path / "duplicates"
    for stage in duplicates.stages(folder, reader, len(plan.shards)):
        run_stage(stage, tmp_path / "logs", LOCAL)
    assert duplicates.count_removed(folder) == 3
    kept, reasons = [], Counter()
    for shard in range(len(plan.shards)):
        steps, removed = duplicates.removal(folder)
        data: Any = reader.run(rank=shard)
        for step in steps:
            data = step.run(data, shard, len(plan.shards))
        kept += [int(each.id) for each in data]
        reasons.update(row["reason"] for log in removed for row in log.rows)
    gone = sorted(set(range(len(everything))) - set(kept))
    assert reasons == {"exact_duplicate": 2, "near_duplicate": 1}
    assert len({3, 30, 31} - set(gone)) == 1  # one of the three stays
    assert len({7, 32} - set(gone)) == 1
    assert 33 in kept


def test_signatures_in_blocks_are_those_of_the_whole(tmp_path: Path) -> None:
    whole = duplicates.minhash.MinhashDedupSignature(
        str(tmp_path), duplicates._CONFIG, language=duplicates.Words()
    )
    ours = duplicates.Signature(tmp_path)
    shingles = np.random.default_rng(0).integers(0, 2**63, (20_000, 1), dtype=np.uint64)
    assert ours.get_signature(shingles) == whole.get_signature(shingles)


# --- shards ---------------------------------------------------------------------------------


def test_the_shard_plan_covers_everything_once_whatever_the_readers(
    tmp_path: Path, counting_model: Path
) -> None:
    files = [
        write_documents(tmp_path / f"{part}.jsonl.gz", 7, first=10 * part) for part in range(3)
    ]
    plans = []
    for tasks in (1, 3):
        place = tmp_path / f"tasks-{tasks}"
        place.mkdir()
        settings = DocumentSettings(
            inputs=tuple(map(str, files)),
            model=str(counting_model),
            min_tokens=500,
            documents_per_shard=4,
        )
        plan = prepare(place, settings, tasks=tasks)
        save_plan(place / "plan.json", plan)
        assert load_plan(place / "plan.json") == plan
        reader = ReadShard(place / "prepared", plan)
        plans.append([[each.id for each in reader.read(i)] for i in range(len(plan.shards))])
    ids = [f"doc-{10 * part + number}" for part in range(3) for number in range(7)]
    assert plans[0] == plans[1]
    assert [name for shard in plans[0] for name in shard] == ids
    assert [len(shard) for shard in plans[0]] == [4, 4, 4, 4, 4, 1]


def test_ids_that_occur_twice_are_told_apart(tmp_path: Path, counting_model: Path) -> None:
    names = ["a", "a", "a~2", "a", "b"]
    rows = [{"id": name, "text": document(number)} for number, name in enumerate(names)]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))
    settings = DocumentSettings(
        inputs=(str(source),), model=str(counting_model), min_tokens=500, documents_per_shard=2
    )
    plan = prepare(tmp_path, settings)
    reader = ReadShard(tmp_path / "prepared", plan)
    ids = [each.id for shard in range(3) for each in reader.read(shard)]
    assert len(set(ids)) == 5
    assert (ids[0], ids[4]) == ("a", "b")


def test_dropped_documents_are_not_looked_at_again(counting_model: Path) -> None:
    trove = SourceDocument("x", "", "short").to_trove()
    drop(trove, "unreadable", "broken")
    settings = DocumentSettings(inputs=(), model=str(counting_model))
    for step in document_filters(settings, None, offline=True):
        assert [each.metadata["dropped"]["reason"] for each in step.run(iter([trove]))] == [
            "unreadable"
        ]
