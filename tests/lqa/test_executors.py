"""The same pipeline on this machine's processes, on Ray, and on a stand-in for Slurm."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from lcirc_cli.endpoints.endpoint import OutOfPatience
from lcirc_cli.errors import DocumentError
from lcirc_cli.executors import stage

from .conftest import Command, Endpoint, contents
from .corpus import write_documents
from .slurm import slurm  # noqa: F401

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def _words(tmp_path: Path, name: str, server: Endpoint) -> list[object]:
    source = tmp_path / "documents.jsonl.gz"
    if not source.exists():
        write_documents(source, 12)
    return [
        *(source, "--out", tmp_path / name, "--endpoint", server.url, "--generator", "fake"),
        *("--shard-size", 4, "--workers", 2),
    ]


def test_ray_makes_what_local_makes(
    tmp_path: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed; run: pip install 'lcirc[ray]'")
    server = endpoint()
    command.run(*_words(tmp_path, "local", server))
    command.run(*_words(tmp_path, "ray", server), "--executor", "ray")
    assert contents(tmp_path / "ray", by="sha256") == contents(tmp_path / "local", by="sha256")


@pytest.mark.slow  # a process for each of its tasks
def test_slurm_makes_what_local_makes(
    tmp_path: Path,
    endpoint: Callable[..., Endpoint],
    command: Command,
    slurm: Path,  # noqa: F811
) -> None:
    server = endpoint()
    command.run(*_words(tmp_path, "local", server))
    words = [*_words(tmp_path, "slurm", server), "--executor", "slurm"]
    command.run(*words, "--slurm", "partition=any", "--slurm", "account=us")
    assert contents(tmp_path / "slurm", by="sha256") == contents(tmp_path / "local", by="sha256")
    assert (slurm / "sbatch.log").read_text().count("launch_pickled_pipeline") >= 10


def test_a_failing_slurm_task_is_told_in_one_line(
    tmp_path: Path,
    endpoint: Callable[..., Endpoint],
    command: Command,
    slurm: Path,  # noqa: F811
) -> None:
    (slurm / "srun").write_text("#!/bin/bash\nexit 0\n")  # the tasks never run
    server = endpoint()
    words = [*_words(tmp_path, "slurm", server), "--executor", "slurm"]
    _, err = command.run(*words, "--slurm", "partition=any", status=1)
    assert "tasks of the stage prepare did not finish" in err
    assert "Traceback" not in err


def test_the_note_of_a_task_keeps_the_exit_code() -> None:
    """Also where the error is of a class of its own, below those that have exit codes."""
    assert stage._kind(OutOfPatience("x")) == "EndpointError"
    assert stage._kind(DocumentError("x")) == "DocumentError"
    assert stage._kind(ValueError("x")) == ""
