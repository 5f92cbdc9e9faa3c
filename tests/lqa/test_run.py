"""Whole runs of make-lqa against the fake endpoint: what comes out, and always the same."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.files import sha256_file
from lcirc_cli.lqa.dataset import output
from lcirc_cli.lqa.run import make_data
from lcirc_cli.lqa.settings import LqaSettings
from lcirc_cli.qa.rows import read_rows

from .conftest import Command, Starter, at
from .corpus import document, write_documents

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_the_data_set_is_whole(settings: LqaSettings, endpoint: Starter) -> None:
    manifest = make_data(at(settings, endpoint()))
    out = settings.out
    seen: dict[str, str] = {}
    kinds = set()
    for entry in manifest["files"]:
        path = out / entry["path"]
        assert sha256_file(path) == entry["sha256"]
        rows = list(read_rows(path))
        assert len(rows) == entry["rows"] == sum(shard["rows"] for shard in entry["shards"])
        data = path.read_bytes()
        apart = []
        for shard in entry["shards"]:
            part = data[shard["offset"] : shard["offset"] + shard["bytes"]]
            apart += [json.loads(line) for line in gzip.decompress(part).splitlines()]
        assert apart == rows
        if entry["path"].endswith("documents.jsonl.gz") and "rejected" not in entry["path"]:
            for row in rows:
                assert row["id"] not in seen  # one split for each
                seen[row["id"]] = row["text"]
                assert row["license"] == "CC0"
    for split in ("train", "validation"):
        own = {row["id"] for row in read_rows(out / split / "documents.jsonl.gz")}
        for row in read_rows(out / split / "qa.jsonl.gz"):
            assert row["document_id"] in own
            kinds.add(row["type"])
            if row["evidence"]:
                start, end = row["evidence"][0]
                assert seen[row["document_id"]][start:end] == row["quote"]
            else:
                assert (row["answers"], row["type"]) == ([], "unanswerable")
    assert {"span", "list", "yes_no"} <= kinds
    reasons = {row["reason"] for row in read_rows(out / "rejected/pairs.jsonl.gz")}
    assert "quote_not_found" in reasons
    for name in ("README.md", "plots/depth.png", "plots/filters.png"):
        assert (out / name).stat().st_size > 500


def test_the_same_for_any_number_of_workers(settings: LqaSettings, endpoint: Starter) -> None:
    server = endpoint()
    found = []
    for workers in (1, 4, 16):
        one = replace(at(settings, server, workers=workers), out=settings.out / str(workers))
        manifest = make_data(one)
        found.append({entry["path"]: entry["sha256"] for entry in manifest["files"]})
        found.append({"sorted": _sorted_hash(one.out)})
    assert found[0] == found[2] == found[4]
    assert found[1] == found[3] == found[5]


def _sorted_hash(out: Path) -> str:
    files = [out / split / "qa.jsonl.gz" for split in ("train", "validation")]
    text = b"".join(gzip.decompress(file.read_bytes()) for file in files)
    return hashlib.sha256(b"".join(sorted(text.splitlines()))).hexdigest()


def test_another_seed_gives_another_set(settings: LqaSettings, endpoint: Starter) -> None:
    server = endpoint()
    make_data(replace(at(settings, server), out=settings.out / "0"))
    other = replace(settings.pairs, seed=1)
    make_data(replace(at(settings, server), out=settings.out / "1", pairs=other))
    assert _sorted_hash(settings.out / "0") != _sorted_hash(settings.out / "1")


def test_a_finished_set_is_left_alone_and_another_is_not_overwritten(
    settings: LqaSettings, endpoint: Starter
) -> None:
    server = endpoint()
    wanted = at(settings, server)
    first = make_data(wanted)
    asked = server.counts().total()
    assert make_data(wanted) == first
    other = replace(wanted, pairs=replace(wanted.pairs, validation=0.9))
    with pytest.raises(UsageError, match="add --overwrite"):
        make_data(other)
    second = make_data(other, overwrite=True)
    # The split is new, the requests are the same: all replies were there but those to the
    # greeting and the probe.
    assert server.counts().total() <= asked + 2
    rows = {entry["path"]: entry["rows"] for entry in second["files"]}
    assert rows["validation/documents.jsonl.gz"] > rows.get("train/documents.jsonl.gz", 0)


def test_a_split_that_is_empty_leaves_no_stale_file(
    settings: LqaSettings, endpoint: Starter
) -> None:
    wanted = at(settings, endpoint())
    make_data(wanted)
    none = replace(wanted, pairs=replace(wanted.pairs, validation=0.0))
    make_data(none, overwrite=True)
    assert not (settings.out / "validation/qa.jsonl.gz").exists()
    assert "No document fell into the validation split" in (settings.out / "README.md").read_text()


def test_duplicates_are_left_out_and_listed(
    tmp_path: Path, settings: LqaSettings, endpoint: Starter
) -> None:
    rows = [{"id": str(n), "text": document(n % 5)} for n in range(8)]
    source = tmp_path / "twice.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))
    wanted = replace(settings, documents=replace(settings.documents, inputs=(str(source),)))
    manifest = make_data(at(wanted, endpoint()))
    assert manifest["statistics"]["dropped/exact_duplicate"] == 3
    listed = list(read_rows(settings.out / "rejected/documents.jsonl.gz"))
    assert [row["reason"] for row in listed] == ["exact_duplicate"] * 3


def test_no_document_left_says_why(settings: LqaSettings, endpoint: Starter) -> None:
    long = replace(settings.documents, min_tokens=100_000)
    with pytest.raises(DocumentError, match=r"no document is left.*12 too_short.*--min-tokens"):
        make_data(at(replace(settings, documents=long), endpoint()))


def test_train_and_bench_read_it(
    settings: LqaSettings, endpoint: Starter, tiny_backbone: Callable[..., Any]
) -> None:
    from lcirc_cli.bench.tasks import open_task
    from lcirc_cli.bench.tasks.options import TaskOptions
    from lcirc_cli.training.data.corpus import load_corpus

    manifest = make_data(at(settings, endpoint()))
    rows = {entry["path"]: entry["rows"] for entry in manifest["files"]}
    for split in ("train", "validation"):
        corpus = load_corpus([settings.out / split], tiny_backbone())
        assert corpus.num_questions == rows[f"{split}/qa.jsonl.gz"]
        samples = list(open_task(f"qa:{settings.out / split}", TaskOptions()).samples())
        assert len(samples) == corpus.num_questions


def test_the_commands_train_and_bench_take_the_folder_as_it_is(
    settings: LqaSettings,
    endpoint: Starter,
    tmp_path: Path,
    tiny_backbone: Callable[..., Any],
    cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_data(at(settings, endpoint()))
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LCIRC_OFFLINE", "1")
    model, backbone = tmp_path / "tiny", tiny_backbone(positions=4096)
    backbone.lm.save_pretrained(model)
    backbone.tokenizer.save_pretrained(model)
    small = ("segment_length=64", "max_segment_length=128", "feature_window=256", "num_latents=4")
    words = [word for setting in small for word in ("--set", f"adapter.{setting}")]
    train = ("train", "--model", model, "--data", settings.out / "train", *words)
    more = ("--set", 'autocast="float32"', "--set", "questions=2", "--set", "documents=2")
    done = cli(*train, *more, "--out", tmp_path / "run", "--steps", "2", "--dry-run")
    assert done.status == 0, done.err
    task = f"qa:{settings.out / 'validation'}"
    bench = ("bench", "run", task, "--system", "none", "--limit", "2", "--model", model)
    done = cli(*bench, "--out", tmp_path / "bench")
    assert done.status == 0, done.err


def test_two_runs_into_one_folder_wait_for_each_other(
    settings: LqaSettings, endpoint: Starter, command: Command
) -> None:
    server = endpoint(latency=0.01)
    words = [settings.documents.inputs[0], "--out", settings.out, "--endpoint", server.url]
    both = [command.start(*words, "--generator", "fake") for _ in range(2)]
    ends = [process.communicate(timeout=400) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sum("nothing to do" in err for _, err in ends) == 1
    assert set(server.answered().values()) == {1}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["x.jsonl"], 2, "say who asks"),
        (["x.jsonl", "--generator", "m"], 2, "say where m is"),
        (["x.jsonl", "--generator", "local", "--endpoint", "http://x"], 2, "leave out --endpoint"),
        (["x.jsonl", "--generator", "local", "--workers", "0"], 2, "--workers must be at least 1"),
        (["x.jsonl", "--dry-run", "--max-documents", "0"], 2, "--max-documents must be at least 1"),
        (["x.jsonl", "--generator", "local", "--executor", "cloud"], 2, "--executor must be one"),
        (["x.jsonl", "--generator", "local", "--validation", "5"], 2, "between 0 and 1"),
        (["x.jsonl", "--generator", "local", "--slurm", "time"], 2, "KEY=VALUE"),
        (["x.jsonl", "--generator", "local", "--seed", str(2**63)], 2, "seed"),
        (["nowhere.jsonl", "--generator", "local"], 3, "nowhere.jsonl"),
        (["", "--generator", "m", "--endpoint", "http://127.0.0.1:9/v1"], 7, "gave no answer"),
    ],
)
def test_mistakes_end_with_one_line_and_the_right_code(
    tmp_path: Path, command: Command, words: list[str], status: int, message: str
) -> None:
    words[0] = words[0] or str(write_documents(tmp_path / "d.jsonl.gz", 1))
    _, err = command.run(*words, "--out", tmp_path / "o", "--patience", 0.2, status=status)
    assert message in err
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("lcirc: ")


def test_the_manifest_is_written_last(settings: LqaSettings, endpoint: Starter) -> None:
    make_data(at(settings, endpoint()))
    newest = max(
        (path.stat().st_mtime_ns, path.name)
        for path in settings.out.rglob("*")
        if path.is_file() and "work" not in path.parts
    )
    assert newest[1] == output.MANIFEST
