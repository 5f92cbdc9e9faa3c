"""Filtering, de-duplicating and dealing out documents."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.executors.stage import Stage, run_stage
from lcirc_cli.lqa.documents import duplicates
from lcirc_cli.lqa.documents.decontaminate import WORDS
from lcirc_cli.lqa.documents.inputs import plan_units
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
from lcirc_cli.qa.rows import line_writer, read_rows

from .corpus import document, write_documents

LOCAL = EngineSettings()


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
