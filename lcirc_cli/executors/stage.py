"""Running one stage of the pipeline: the same steps on this machine, on Slurm, or on Ray.

The executors are datatrove's. Ours add four things: a worker whose parent is gone ends at once
(a killed run leaves nobody asking on), a worker that is killed ends the run, a task that fails
leaves a note with its one line, and a stage that is not complete raises instead of being reported
as done.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lcirc_cli import errors
from lcirc_cli.errors import LcircError, UsageError
from lcirc_cli.executors import ExecutorSettings
from lcirc_cli.executors.pool import run_in_pool
from lcirc_cli.executors.trove import PipelineStep
from lcirc_cli.files import make_folder

# isort: split
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.executor.ray import RayPipelineExecutor
from datatrove.executor.slurm import SlurmPipelineExecutor

_POLL = 2.0  # seconds between looks at a Slurm job
_GIGABYTES = 1.0  # memory to reserve for a Ray task


@dataclass(frozen=True)
class Stage:
    """Steps to run for each of `tasks` tasks."""

    name: str
    steps: Sequence[PipelineStep]
    tasks: int
    light: bool = False  # milliseconds of work: not worth other processes or jobs


def run_stage(stage: Stage, folder: Path, engine: ExecutorSettings) -> None:
    """Run what is missing of a stage; return when all of it is done.

    Args:
        folder: keeps the marks of completed tasks and the logs of all stages.

    Raises:
        LcircError: a task failed (the error that its note names, where it is one of ours).
        UsageError: the executor can't be used here.
    """
    if stage.tasks == 0:
        return
    logs = make_folder(folder / stage.name)
    notes = logs / "failed"
    shutil.rmtree(notes, ignore_errors=True)
    make_folder(notes)
    if stage.light:
        engine = replace(engine, executor="local", workers=1)
    executor = _executor(stage, logs, engine)
    executor.notes = notes
    try:
        executor.run()
        if engine.executor == "slurm":
            _wait_for_slurm(executor)
    except Exception:
        _raise_note(notes)  # a worker's own line says more than what the pool makes of it
        raise
    missing = executor.get_incomplete_ranks(skip_completed=True)
    if missing:
        _raise_note(notes)
        raise LcircError(
            f"{len(missing)} of {stage.tasks} tasks of the stage {stage.name} did not finish; "
            f"see the logs in {logs} and repeat the command, which goes on where it stopped"
        )


class _Noting:
    """What our executors add to datatrove's."""

    notes: Path

    def _run_for_rank(self, rank: int, *arguments: Any, **named: Any) -> Any:
        try:
            return super()._run_for_rank(rank, *arguments, **named)  # type: ignore[misc]
        except Exception as error:
            kind = _kind(error)
            line = str(error) if kind else f"{type(error).__name__}: {error}"
            note = json.dumps({"kind": kind, "line": line})
            (self.notes / f"{rank:05d}.json").write_text(note, "utf-8")
            raise


def _kind(error: Exception) -> str:
    """The name of the class in `errors` that says how the command ends; none for a bug."""
    names = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, LcircError)]
    return next((name for name in names if hasattr(errors, name)), "")


class LocalExecutor(_Noting, LocalPipelineExecutor):  # type: ignore[misc]
    """Processes of this machine.

    datatrove's own `run` starts a manager process for every stage, which lives on for ever when
    the command is killed; here there is only the pool, whose processes watch their parent.
    """

    preload: Sequence[str] = ()

    def run(self) -> None:
        """Run the tasks that are not marked as completed."""
        missing = self.get_incomplete_ranks(range(self.tasks))
        workers = min(self.workers, len(missing))
        self.save_executor_as_json()
        if workers <= 1:
            steps = list(self.pipeline)
            for rank in missing:
                # Copied, as a step may keep what belongs to its task.
                self.pipeline: list[Any] = deepcopy(steps)
                self._run_for_rank(rank, local_rank=1)
            return
        run_in_pool(self, missing, workers=workers, preload=self.preload)


class SlurmExecutor(_Noting, SlurmPipelineExecutor):  # type: ignore[misc]
    """A job array."""


class RayExecutor(_Noting, RayPipelineExecutor):  # type: ignore[misc]
    """Tasks of a Ray cluster."""


def _executor(stage: Stage, logs: Path, engine: ExecutorSettings) -> Any:
    common = {
        "pipeline": list(stage.steps),
        "tasks": stage.tasks,
        "workers": min(engine.workers, stage.tasks),
        "logging_dir": str(logs),
    }
    if engine.executor == "local":
        executor = LocalExecutor(**common)
        executor.preload = engine.preload
        return executor
    if engine.executor == "ray":
        _start_ray()
        return RayExecutor(**common, mem_per_cpu_gb=_GIGABYTES)
    return SlurmExecutor(**common, **_slurm_options(stage, engine))


def _slurm_options(stage: Stage, engine: ExecutorSettings) -> dict[str, Any]:
    given = dict(engine.slurm)
    if shutil.which("sbatch") is None:
        raise UsageError("--executor slurm needs sbatch; run the command where Slurm is")
    if "partition" not in given:
        raise UsageError("--executor slurm needs --slurm partition=NAME")
    # The job's own PATH may not know this environment.
    path = f'export PATH="{Path(sys.executable).parent}:$PATH"'
    before = given.pop("env", None)
    return {
        "time": given.pop("time", "24:00:00"),
        "partition": given.pop("partition"),
        "qos": given.pop("qos", ""),
        "mem_per_cpu_gb": int(given.pop("mem-per-cpu-gb", "4")),
        "job_name": f"lcirc-{stage.name}",
        "env_command": f"{before}\n{path}" if before else path,
        "sbatch_args": given,
    }


def _wait_for_slurm(executor: Any) -> None:
    """Until all tasks are marked, or the job is gone."""
    while executor.get_incomplete_ranks(skip_completed=True):
        if executor.job_id in (None, -1) or not _in_queue(str(executor.job_id)):
            time.sleep(_POLL)  # the last marks may still be on their way to this machine
            return
        time.sleep(_POLL)


def _in_queue(job: str) -> bool:
    found = subprocess.run(
        ["squeue", "--noheader", "--jobs", job], capture_output=True, text=True, check=False
    )
    return found.returncode == 0 and bool(found.stdout.strip())


def _start_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--executor ray needs Ray; run: pip install 'lcirc[ray]'")
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False, include_dashboard=False)


def _raise_note(notes: Path) -> None:
    """The first task's note as the error that it was, if there is one."""
    for path in sorted(notes.glob("*.json")):
        note = json.loads(path.read_text("utf-8"))
        kind = getattr(errors, note["kind"], LcircError) if note["kind"] else LcircError
        raise kind(note["line"])
