"""FSDP2 for the frozen LM, with two processes on the CPU: the same run as one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command, Line, as_two_processes, run_child

RAW: dict[str, Any] = {
    "adapter_preset": "smollm2-raw",
    "adapter.gate_init": 0.5,
    "warm_start": False,
    "documents": 4,
    "mixer_dropout": 0.5,
    "validate_every": 2,
}


@pytest.mark.slow
def test_a_shared_backbone_trains_as_a_whole_one(
    here: Line, two_here: Line, train_command: Command, planted: Any, tmp_path: Path
) -> None:
    settings = {**RAW, "gradient_checkpointing": True}
    validation = ["--validation", str(planted.folder)]
    one, two = tmp_path / "one", tmp_path / "two"
    done = here(train_command(one, steps=3, **settings), *validation)
    assert done.status == 0, done.err
    done = two_here(train_command(two, steps=3, shard_backbone=True, **settings), *validation)
    assert done.status == 0, done.err
    _compare(one, two)


@pytest.mark.slow
def test_torchrun_deals_a_backbone_out(
    here: Line, train_command: Command, planted: Any, tmp_path: Path
) -> None:
    """The same without checkpoints in the graph, and begun as a person does."""
    validation = ["--validation", str(planted.folder)]
    one, two = tmp_path / "one", tmp_path / "two"
    done = here(train_command(one, steps=3, **RAW), *validation)
    assert done.status == 0, done.err
    command = [*train_command(two, steps=3, shard_backbone=True, **RAW), *validation]
    launched = run_child(as_two_processes(command), tmp_path)
    assert launched.returncode == 0, launched.stderr
    _compare(one, two)


def _compare(one: Path, two: Path) -> None:
    for name in ("log.jsonl", "validation.jsonl"):
        ours, theirs = _numbers(one / name), _numbers(two / name)
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.keys() == other.keys()
            assert all(other[key] == pytest.approx(mine[key], abs=1e-5) for key in mine)


def _numbers(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.open()]
    return [row["sets"]["planted"] if "sets" in row else row for row in rows]


def test_one_process_keeps_the_backbone_whole(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    """The same command as on many; also with what can't be dealt out."""
    done = here(train_command(tmp_path / "run", steps=1, shard_backbone=True))
    assert done.status == 0, done.err


def test_what_cannot_be_shared_is_refused() -> None:
    from lcirc_cli.errors import UsageError
    from lcirc_cli.model import LcircConfig
    from lcirc_cli.training.config import make_settings
    from lcirc_cli.training.distributed import Processes
    from lcirc_cli.training.sharding import check_sharding

    settings = make_settings(None, {"documents": 3, "shard_backbone": True})
    with pytest.raises(UsageError, match="evenly"):
        check_sharding(settings, LcircConfig(), Processes(0, 2))
    with pytest.raises(UsageError, match="segment_inputs=0"):
        check_sharding(settings, LcircConfig(segment_inputs=2), Processes(0, 3))
    with pytest.raises(UsageError, match="shard_backbone=false"):
        make_settings(None, {"method": "window", "shard_backbone": True})
