"""The training loop: steps, logs, validation, checkpoints; knows nothing of the stages' insides.

float32 masters under bfloat16 autocast, AdamW, warm-up and cosine, clipping, accumulation over
the documents of a step. A killed run goes on from its newest checkpoint and ends in the same bits.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from lcirc_cli import console
from lcirc_cli.cost.peak import give_back
from lcirc_cli.files import make_folder
from lcirc_cli.training.checkpoint import load_newest, save_checkpoint
from lcirc_cli.training.config import to_toml
from lcirc_cli.training.distributed import Processes
from lcirc_cli.training.logs import RunLog
from lcirc_cli.training.methods.learner import Learner
from lcirc_cli.training.methods.stages import Stage, StageLoss
from lcirc_cli.training.settings import FREE, TrainSettings
from lcirc_cli.training.validation import Validator

_TOLD = 20  # steps between two lines; of so few steps each has one
_GATES = ("gate", "share_logit")  # parameters that take gate_learning_rate
_READER = "reader."  # where an adapter has its reader's


class Interrupted(Exception):
    """The run was asked to stop and has saved its state."""

    def __init__(self, step: int) -> None:
        self.step = step


class Stepper:
    """One optimiser step after the other: what a run does, and what a dry run times."""

    def __init__(
        self, learner: Learner, stage: Stage, *, settings: TrainSettings, processes: Processes
    ) -> None:
        self._learner, self._stage, self._settings = learner, stage, settings
        self._processes = processes
        self.optimizer = make_optimizer(learner.module, settings)

    def step(self, step: int) -> tuple[dict[str, float | None], int]:
        """One optimiser step; the numbers for the log, and how many questions it saw."""
        settings = self._settings
        rate = learning_rate(step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.optimizer.zero_grad()
        losses = []
        for slot in self._processes.slots(settings.documents):
            loss = self._stage.loss(step, slot)
            (loss.total / settings.documents).backward()
            losses.append(loss)
        parameters = [p for p in self._learner.module.parameters() if p.requires_grad]
        self._processes.sum_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, settings.clip)
        self.optimizer.step()
        return self._numbers(losses, norm, rate)

    def _numbers(
        self, losses: list[StageLoss], norm: Tensor, rate: float
    ) -> tuple[dict[str, float | None], int]:
        sums = torch.zeros(5, dtype=torch.float64)
        for loss in losses:
            found = loss.evidence
            sums += torch.tensor(
                [loss.answer, found or 0.0, float(found is not None), loss.samples, loss.tokens],
                dtype=torch.float64,
            )
        answer, evidence, with_evidence, samples, tokens = self._processes.sum(sums).tolist()
        row = {
            "loss": answer / self._settings.documents,
            "evidence_loss": evidence / with_evidence if with_evidence else None,
            "gradient_norm": float(norm),
            "learning_rate": rate * self._settings.learning_rate,
            "tokens": tokens,
            **self._learner.numbers(),
        }
        return row, int(samples)


class Trainer:
    """Runs a stage to its last step.

    Args:
        learner: what trains, and how it is saved.
        validator: None leaves validation out; the adapter of the last step is then the best.
        backbone_dtype: what the frozen LM is held in; a resumed run must have the same.
    """

    def __init__(
        self,
        learner: Learner,
        stage: Stage,
        *,
        settings: TrainSettings,
        out: Path,
        validator: Validator | None,
        processes: Processes,
        backbone_dtype: str,
    ) -> None:
        self._learner, self._settings = learner, settings
        self._validator, self._processes, self._out = validator, processes, out
        self._stepper = Stepper(learner, stage, settings=settings, processes=processes)
        self._kept: dict[str, Any] = {  # of a checkpoint, beside the step and the best loss
            "module": learner.module,
            "optimizer": self._stepper.optimizer,
            "settings": deciding(settings),
            "world_size": processes.world_size,
            "backbone_dtype": backbone_dtype,
            "validation": None if validator is None else validator.digest(),
        }
        self._log = RunLog(out, log_to=settings.log_to if processes.first else "none")
        self._best: float | None = None
        self._begun = 0  # the step that this call began after
        self._stop = False

    def run(self, *, resume: bool) -> None:
        """Train from the start, or from the newest checkpoint, to the last step.

        Raises:
            Interrupted: SIGTERM or Ctrl-C came; the state is saved.
            ModelError: the checkpoints can't be used.
        """
        begun = step = self._begun = self._resume() if resume else 0
        settings, started, seen = self._settings, time.perf_counter(), 0
        self._learner.train(True)
        with (
            _signals(self._ask_to_stop),
            console.progress(settings.steps, "training", "steps", lines=False) as advance,
        ):
            advance(step)
            while step < settings.steps:
                row, samples = self._stepper.step(step)
                give_back()  # else a process on a CPU grows for hundreds of steps
                step, seen = step + 1, seen + samples
                elapsed = time.perf_counter() - started
                if self._processes.first:
                    self._log.step(
                        {"step": step, **row},
                        times={"seconds": elapsed, "samples_per_s": seen / elapsed},
                    )
                    advance(1)
                    left = elapsed / (step - begun) * (settings.steps - step)
                    self._note(step, row, speed=seen / elapsed, left=left)
                last = step == settings.steps
                if step % settings.validate_every == 0 or last:
                    self._validate(step)
                stopping = self._processes.any(self._stop)
                if step % settings.checkpoint_every == 0 or last or stopping:
                    self._save(step)
                if stopping and not last:
                    raise Interrupted(step)
        if self._processes.first:
            self._sum_up(step - begun, time.perf_counter() - started, samples=seen)

    def _sum_up(self, steps: int, seconds: float, *, samples: int) -> None:
        """What came of the run, in one line."""
        best = "" if self._best is None else f", best validation loss {self._best:.3f}"
        where = "" if steps == self._settings.steps else f" of {self._settings.steps:,}"
        console.note(
            f"done: {console.counted(steps, 'step')}{where} with {samples:,} questions in "
            f"{console.duration(seconds)}{best}; the adapter is in {self._out / 'best'}"
        )

    def _note(self, step: int, row: dict[str, float | None], *, speed: float, left: float) -> None:
        often = 1 if self._settings.steps - self._begun <= _TOLD else _TOLD
        if step in (self._begun + 1, self._settings.steps) or step % often == 0:
            gates = [v for k, v in row.items() if k.startswith("layer_") and v is not None]
            evidence = row["evidence_loss"]
            told = "" if evidence is None else f", evidence {evidence:.3f}"
            opened = f"gates {sum(gates) / len(gates):.2f}, " if gates else ""
            console.note(
                f"step {step:,}/{self._settings.steps:,}: loss {row['loss']:.3f}{told}, "
                f"learning rate {row['learning_rate']:.1e}, "
                f"{opened}{speed:.1f} samples/s{console.time_left(left)}"
            )

    def _validate(self, step: int) -> None:
        first = self._processes.first
        if self._validator is None:
            if first:
                self._learner.save(self._out / "best")
            return
        with console.progress(None, "validating", "questions") as advance:
            sets = self._validator.run(advance)
        if not first:  # it only lent its part of the backbone
            return
        self._log.validation({"step": step, "sets": sets})
        loss = sum(scores["loss_true"] for scores in sets.values()) / len(sets)
        for name, scores in sets.items():
            told = ", ".join(f"{key} {value:.3f}" for key, value in scores.items())
            console.note(f"validation at step {step:,}, {name}: {told}")
        if self._best is None or loss < self._best or not (self._out / "best").exists():
            self._best = loss if self._best is None else min(loss, self._best)
            self._learner.save(self._out / "best")

    def _save(self, step: int) -> None:
        if self._processes.first:
            save_checkpoint(
                make_folder(self._out / "checkpoints"),
                step,
                best_loss=self._best,
                keep=self._settings.keep_checkpoints,
                **self._kept,
            )
        self._processes.wait()

    def _resume(self) -> int:
        resumed = load_newest(self._out / "checkpoints", **self._kept)
        step = 0 if resumed is None else resumed.step
        self._best = None if resumed is None else resumed.best_loss
        if self._processes.first:
            self._log.rewind(step)
            if resumed is not None:
                console.note(f"going on from step {step:,}")
            if resumed is not None and not resumed.comparable:
                console.note("validation is another than before: the next one begins a new best/")
        return step

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stop:  # the second time, at once
            raise KeyboardInterrupt
        self._stop = True
        console.note("stopping after this step; the state will be saved")


def make_optimizer(module: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW over what requires gradients, in groups.

    Gates have a rate of their own and no decay, an adapter's reader a share of the usual rate (the
    run of --method reader, whose module is the reader itself, has the whole).
    """
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    gates = [p for name, p in named if _is_gate(name)]
    reader = [p for name, p in named if name.startswith(_READER)]
    rest = [p for name, p in named if not _is_gate(name) and not name.startswith(_READER)]
    peak, decay = settings.learning_rate, settings.weight_decay
    groups = [
        {"params": rest, "peak": peak, "weight_decay": decay},
        {"params": gates, "peak": settings.gate_learning_rate, "weight_decay": 0.0},
        {"params": reader, "peak": peak * settings.reader_share, "weight_decay": decay},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
    )


def _is_gate(name: str) -> bool:
    """By the parameter's own name: a decoder may have projections of the name in its path."""
    return any(mark in name.rpartition(".")[2] for mark in _GATES)


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Share of the peak: linear warm-up, then a cosine to `final_learning_rate`."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    span = max(1, settings.steps - settings.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * (step - settings.warmup_steps) / span))
    return settings.final_learning_rate + (1 - settings.final_learning_rate) * cosine


def deciding(settings: TrainSettings) -> str:
    """The settings that decide the weights, as text to compare."""
    keep = [line for line in to_toml(settings).splitlines() if line.split(" = ")[0] not in FREE]
    return "\n".join(keep)


@contextmanager
def _signals(handler: object) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask the run to stop; only the main thread may say so."""
    previous = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, handler)  # type: ignore[arg-type]
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
