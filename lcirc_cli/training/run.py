"""A training run from its settings: what `lcirc train` calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from lcirc_cli import console
from lcirc_cli.backbones.devices import choose_device, faster_dtype
from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.errors import LcircError, StorageError, UsageError
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.files.locks import locked
from lcirc_cli.training.assembly import assemble
from lcirc_cli.training.config import difference, from_toml, to_toml
from lcirc_cli.training.distributed import start_processes
from lcirc_cli.training.loop import Trainer
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.sharding import is_sharded, local_device
from lcirc_cli.training.validation import Validator


def train(
    settings: TrainSettings,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "auto",
    offline: bool = False,
    backbone: Backbone | None = None,
) -> None:
    """Train a method; `out` gets config.toml, logs, checkpoints/ and best/.

    Args:
        resume: go on where `out` stands, or start if there is nothing yet.
        dtype: of the backbone; auto is that of `autocast`, as a step need not be that of every
            machine.
        backbone: one that is loaded already.

    Raises:
        UsageError: `out` holds a run and `resume` is off, or a run with other settings, or is
            being trained by another command.
        DocumentError, ModelError, StorageError: as their parts raise them.
        Interrupted: asked to stop; the state is saved.
    """
    transformers_logging.disable_progress_bar()  # what is written here goes to a log
    processes = start_processes()
    sharded = is_sharded(settings, processes)
    settings = _begun_with(settings, out)
    if processes.first:
        _check_folder(settings, out, resume=resume)
        if out.is_dir():
            with _alone(out):  # before a model is loaded beside the one that trains there
                pass
    target = backbone.lm.device if backbone is not None else choose_device(device)
    if sharded and local_device().type == "cuda":
        # Whole it may not fit on the device: read to the machine's memory, then dealt out.
        target, device = local_device(), "cpu"
    if settings.autocast == "auto":
        settings = replace(settings, autocast=_name(faster_dtype(target)))
    if dtype == "auto":  # one for both: weights in float32 can't follow layers in bfloat16
        dtype = settings.autocast
    if backbone is None:
        backbone = load_backbone(
            settings.model, device=device, dtype=dtype, attention=attention, offline=offline
        )
    parts = assemble(settings, backbone, offline=offline, processes=processes)
    validator = None
    if settings.validation and (processes.first or sharded):
        validator = Validator(parts.learner, parts.reader, backbone, settings=settings)
    if processes.first:
        make_folder(out)  # only now: what was refused leaves no run behind
    with _alone(out) if processes.first else nullcontext():
        if processes.first:
            _check_folder(settings, out, resume=resume)  # another may have begun meanwhile
            atomic_write(out / "config.toml", to_toml(settings).encode())
            console.note(
                f"{len(parts.corpus.documents):,} documents, "
                f"{parts.corpus.num_questions:,} questions"
                f"{' in the first block' if parts.streamed else ''}; "
                f"{parts.trained / 1e6:.1f} M trained parameters, {parts.form}"
            )
        Trainer(
            parts.learner,
            parts.stage,
            settings=settings,
            out=out,
            validator=validator,
            processes=processes,
            backbone_dtype=_name(backbone.lm.dtype),
        ).run(resume=resume)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _begun_with(settings: TrainSettings, out: Path) -> TrainSettings:
    """The settings, where `autocast=auto` is what the run in `out` chose when it began."""
    path = out / "config.toml"
    if settings.autocast != "auto" or not path.exists():
        return settings
    return replace(settings, autocast=from_toml(path).autocast)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """While no other command trains in `out`: two would write the same logs and checkpoints."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(out / "run", timeout=0))
        except StorageError:
            raise
        except LcircError as error:
            raise UsageError(
                f"another command is training in {out}: wait for it, or choose another --out"
            ) from error
        yield


def _check_folder(settings: TrainSettings, out: Path, *, resume: bool) -> None:
    """Whether `out` can be this run's folder."""
    path = out / "config.toml"
    if not path.exists():
        return
    if not resume:
        raise UsageError(f"{out} holds a run already: --resume goes on, or choose another")
    if changed := difference(settings, from_toml(path)):
        raise UsageError(
            f"{out} was started with other settings ({', '.join(changed)}): use those, or "
            "choose another --out"
        )
