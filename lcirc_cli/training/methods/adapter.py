"""The model of a run: a frozen backbone and the adapter that trains, from settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.console import silent_transformers
from lcirc_cli.errors import ModelError, UsageError, first_line
from lcirc_cli.model import BackboneShape, LcircAdapter, LcircConfig, LcircForCausalLM, preset
from lcirc_cli.model.decoders import backbone_shape
from lcirc_cli.model.reader import linear_targets
from lcirc_cli.model.warm_start import (
    add_feed_forwards,
    add_reader,
    standardise_inputs,
    start_from_backbone,
)
from lcirc_cli.training.data.corpus import Corpus, TokenisedDocument
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.settings import TrainSettings

_CHANGEABLE = ("retained_segments",)  # adapter settings that another stage may set anew
_CALIBRATION_DOCUMENTS, _CALIBRATION_TOKENS = 8, 1024


def adapter_config(settings: TrainSettings, backbone: Backbone) -> LcircConfig:
    """The preset for this backbone with the run's own values over it.

    Raises:
        UsageError: a key or a value that an adapter can't have.
    """
    shape = backbone_shape(backbone.lm, name=backbone.name, fingerprint=backbone.fingerprint)
    return config_for(settings, shape)


def config_for(settings: TrainSettings, shape: BackboneShape) -> LcircConfig:
    """The same from the backbone's sizes alone.

    Raises:
        UsageError: a key or a value that an adapter can't have.
    """
    try:
        config = preset(settings.adapter_preset, shape)
        if settings.method == "reader":  # its memory is not trained: nothing may come out of it
            config.gate_init = 0.0
        for key, value in settings.adapter.items():
            if not hasattr(LcircConfig, key):
                raise ValueError(f"no adapter setting {key!r}")
            setattr(config, key, value)
        config.trained = True
        config.validate()
    except ValueError as error:
        raise UsageError(f"the adapter's settings don't work: {error}") from error
    return config


def build_model(settings: TrainSettings, backbone: Backbone) -> LcircForCausalLM:
    """Backbone and adapter; float32 masters, seeded start or `--init`.

    Raises:
        ModelError: the adapter of --init is missing or doesn't fit.
        UsageError: settings that don't work.
    """
    torch.manual_seed(settings.seed)
    if settings.init:
        adapter = _grown(_initial(Path(settings.init), backbone), settings)
        _override(adapter.config, settings)
    else:
        adapter = LcircAdapter(adapter_config(settings, backbone))
        if settings.warm_start:
            try:
                start_from_backbone(adapter, backbone.lm)
            except ValueError as error:
                raise UsageError(f"{error} (or --set warm_start=false)") from error
    if settings.method == "reader":
        adapter = _with_reader(adapter, backbone, settings)
    adapter.config.reader_beside_memory = settings.method != "reader"  # what it learns to do
    try:
        model = LcircForCausalLM(backbone.lm, adapter.float())
    except ValueError as error:
        raise ModelError(str(error)) from error
    module: torch.nn.Module = model.adapter
    module.to(model.device).requires_grad_(True)
    return model


def _with_reader(
    adapter: LcircAdapter, backbone: Backbone, settings: TrainSettings
) -> LcircAdapter:
    """The adapter with a reader of the run's rank: its own, or a new one."""
    rank = adapter.config.reader_rank
    if not rank:
        try:
            return add_reader(adapter, linear_targets(backbone.lm), rank=settings.lora_rank)
        except ValueError as error:
            raise UsageError(f"{error}: use --method window or qd-lcirc") from error
    if rank != settings.lora_rank:
        raise UsageError(
            f"--init {settings.init} has a reader of rank {rank}, not {settings.lora_rank}: "
            f"--set lora_rank={rank}"
        )
    return adapter


def calibrate(model: LcircForCausalLM, corpus: Corpus, cache: FeatureCache) -> None:
    """Standardise the Perceiver's inputs by the training documents' features."""
    if model.adapter.config.perceiver_start != "average":
        return
    step = max(1, len(corpus.documents) // _CALIBRATION_DOCUMENTS)
    rows = [_head(cache, document) for document in corpus.documents[::step]]
    standardise_inputs(model.adapter, torch.cat(rows))


def _head(cache: FeatureCache, document: TokenisedDocument) -> torch.Tensor:
    (segment,) = cache.segments(document, 0, _CALIBRATION_TOKENS, _CALIBRATION_TOKENS)
    return segment.inputs_BND[0]


def _initial(folder: Path, backbone: Backbone) -> LcircAdapter:
    arguments: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True}
    try:
        with silent_transformers():
            adapter = LcircAdapter.load(folder, **arguments)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise ModelError(f"the adapter {folder} can't be loaded: {reason}") from error
    made_for = adapter.config.base_fingerprint
    if made_for and made_for != backbone.fingerprint:
        raise ModelError(
            f"the adapter {folder} was made for {adapter.config.base_model}, not {backbone.name}"
        )
    adapter.config.trained = True
    adapter.config.confidence = None  # both were measured for other weights
    adapter.config.ask_method = "qd-lcirc"
    return adapter


def _grown(adapter: LcircAdapter, settings: TrainSettings) -> LcircAdapter:
    """The adapter of --init with the feed-forwards that the run asks for and it lacks."""
    size = settings.adapter.get("injection_ffn_size", 0)
    if not size or adapter.config.injection_ffn_size:
        return adapter
    try:
        return add_feed_forwards(adapter, size)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the adapter's settings don't work: {error}") from error


def _override(config: LcircConfig, settings: TrainSettings) -> None:
    """Give the adapter of --init the run's own values; what would change its weights is refused."""
    for key, value in settings.adapter.items():
        if not hasattr(LcircConfig, key):
            raise UsageError(f"the adapter's settings don't work: no adapter setting {key!r}")
        own = getattr(config, key)
        if own != value and key not in _CHANGEABLE:
            raise UsageError(
                f"--init {settings.init} has {key} = {own}, which can't become {value}: leave "
                f"adapter.{key} out, or train without --init"
            )
        setattr(config, key, value)
