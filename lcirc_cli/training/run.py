"""A training run from its settings: what `lcirc train` calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.backbones import Backbone, load_backbone
from lcirc_cli.errors import UsageError
from lcirc_cli.files import atomic_write, cache_dir, make_folder
from lcirc_cli.training.corpus import load_corpus
from lcirc_cli.training.distributed import start_processes
from lcirc_cli.training.feature_cache import FeatureCache
from lcirc_cli.training.loop import Trainer
from lcirc_cli.training.model_setup import build_model, calibrate
from lcirc_cli.training.settings import TrainSettings, difference, from_toml, to_toml
from lcirc_cli.training.stages import QuestionAnswering, Stage
from lcirc_cli.training.text_stages import LanguageModelling, Reconstruction
from lcirc_cli.training.validation import Validator

STAGES: dict[str, Callable[..., Stage]] = {
    "qa": QuestionAnswering,
    "lm": LanguageModelling,
    "reconstruct": Reconstruction,
}


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
    """Train an adapter; `out` gets config.toml, logs, checkpoints/ and best/.

    Args:
        resume: go on where `out` stands, or start if there is nothing yet.
        backbone: one that is loaded already.

    Raises:
        UsageError: `out` holds a run and `resume` is off, or a run with other settings.
        DocumentError, ModelError, StorageError: as their parts raise them.
        Interrupted: asked to stop; the state is saved.
    """
    processes = start_processes()
    if processes.first:
        _claim(settings, out, resume=resume)
    if backbone is None:
        backbone = load_backbone(
            settings.model, device=device, dtype=dtype, attention=attention, offline=offline
        )
    corpus = load_corpus(settings.data, backbone, questions=settings.stage == "qa")
    model = build_model(settings, backbone)
    cache = FeatureCache(
        model, make_folder(cache_dir() / "features"), fingerprint=backbone.fingerprint
    )
    if not settings.init and settings.warm_start:
        calibrate(model, corpus, cache)
    validator = None
    if settings.validation and processes.first:
        validator = Validator(model, backbone, cache=cache, settings=settings)
    try:
        stage = STAGES[settings.stage](
            model, backbone, corpus=corpus, cache=cache, settings=settings
        )
    except ValueError as error:
        raise UsageError(f"stage {settings.stage}: {error}") from error
    if processes.first:
        trained = sum(p.numel() for p in model.adapter.parameters())
        console.note(
            f"{len(corpus.documents):,} documents, {corpus.num_questions:,} questions; "
            f"{trained / 1e6:.1f} M trained parameters, 1 latent for each "
            f"{model.adapter.config.compression:g} tokens"
        )
    Trainer(model, stage, settings=settings, out=out, validator=validator, processes=processes).run(
        resume=resume
    )


def _claim(settings: TrainSettings, out: Path, *, resume: bool) -> None:
    """Make `out` this run's folder, or check that it is."""
    path = make_folder(out) / "config.toml"
    if not path.exists():
        atomic_write(path, to_toml(settings).encode())
        return
    if not resume:
        raise UsageError(f"{out} holds a run already: --resume auto goes on, or choose another")
    if changed := difference(settings, from_toml(path)):
        raise UsageError(
            f"{out} was started with other settings ({', '.join(changed)}): use those, or "
            "choose another --out"
        )
    atomic_write(path, to_toml(settings).encode())
