"""A run goes on only with the data and the weights that it began with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lcirc_cli.bench.identity import describe, start, weights
from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.run import _device
from lcirc_cli.bench.settings import RunRequest
from lcirc_cli.bench.systems import Workbench, parse_system
from lcirc_cli.bench.tasks import TaskOptions, open_task
from lcirc_cli.errors import UsageError

from .conftest import write_lines


def _settings(**given: Any) -> dict[str, Any]:
    same = RunRequest(tasks=(), systems=(), out=Path("out")).deciding()
    return same | {"tasks": (), "systems": (), "data": {}, "weights": {}} | given


def _described(folder: Path, **change: Any) -> Any:
    row = {"input": "q", "context": "c", "answers": ["a"], "_id": "1"}
    write_lines(folder / "qasper.jsonl", [row | change, row | {"_id": "2"}])
    task = open_task("longbench/qasper", TaskOptions(data_dir=folder))
    return describe(plan(task, limit=1, seed=0))


def test_every_part_of_a_sample_is_in_the_hash(tmp_path: Path) -> None:
    first = _described(tmp_path)
    assert first == _described(tmp_path)
    assert (first["metric"], first["total"], first["asked"]) == ("qa_f1", 2, 1)
    changes = ({"input": "x"}, {"context": "x"}, {"answers": ["x"]}, {"_id": "x"})
    hashes = {_described(tmp_path, **change)["sha256"] for change in changes}
    assert len(hashes | {first["sha256"]}) == 5


def test_other_data_or_weights_are_refused_and_new_ones_added(tmp_path: Path) -> None:
    first = _described(tmp_path)
    start(tmp_path, _settings(tasks=("a",), data={"a": first}, weights={"lcirc@x": "1"}))
    start(tmp_path, _settings(tasks=("b",), data={"b": first}, weights={"lcirc@y": "2"}))
    known = json.loads((tmp_path / "run.json").read_text())
    assert known["tasks"] == ["a", "b"] and set(known["data"]) == {"a", "b"}
    assert known["weights"] == {"lcirc@x": "1", "lcirc@y": "2"}
    with pytest.raises(UsageError, match="the data of a were not .*--out"):
        start(tmp_path, _settings(data={"a": first | {"sha256": "other"}}))
    with pytest.raises(UsageError, match="the weights of lcirc@y were not .*--out"):
        start(tmp_path, _settings(weights={"lcirc@y": "3"}))
    assert json.loads((tmp_path / "run.json").read_text()) == known
    (tmp_path / "run.json").write_text(json.dumps({"tasks": ["a"], "systems": []}))
    with pytest.raises(UsageError, match="holds another run"):
        start(tmp_path, _settings())


def test_weights_are_those_of_the_folder_and_not_its_name(
    workbench: Workbench, adapter_folder: Path, tmp_path: Path
) -> None:
    given = parse_system(f"qd-lcirc@{adapter_folder}")
    assert weights(given, workbench) == workbench.engine(None).adapter.fingerprint
    assert weights(parse_system("qd-lcirc"), workbench) == ""
    spec = parse_system(f"window@{tmp_path}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"one")
    first = weights(spec, workbench)
    (tmp_path / "log.txt").write_text("said")
    assert weights(spec, workbench) == first
    (tmp_path / "adapter_model.safetensors").write_bytes(b"two")
    assert weights(spec, workbench) != first


def test_a_run_whose_data_changed_is_refused(
    bench_cli: Callable[..., Any], data_folder: Path, tmp_path: Path
) -> None:
    given = ["longbench/qasper", "-s", "constant", "--data-dir", data_folder]
    given += ["--out", tmp_path / "out"]
    unknown = bench_cli("run", *given, "--baseline", "ends")
    assert unknown.status == 2 and "--baseline" in unknown.err
    assert not (tmp_path / "out").exists()
    assert bench_cli("run", *given, "--baseline", "constant").status == 0
    file = data_folder / "longbench" / "qasper.jsonl"
    file.write_text(file.read_text().replace("Why?", "When?"))
    refused = bench_cli("run", *given)
    assert refused.status == 2 and "the data of longbench/qasper" in refused.err
    assert len(refused.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("requested", "gpu", "rank", "device"),
    [
        ("auto", True, "1", "cuda:1"),
        ("cuda", True, "1", "cuda:1"),
        ("auto", True, None, "auto"),
        ("auto", False, "1", "auto"),
        ("cpu", True, "1", "cpu"),
        ("cuda:0", True, "1", "cuda:0"),
    ],
)
def test_each_process_of_torchrun_takes_its_own_device(
    requested: str, gpu: bool, rank: str | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(is_available=lambda: gpu))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert _device(requested) == device
