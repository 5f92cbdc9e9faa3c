"""What the training scripts share: one document of random tokens, and all that trains on it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from _measuring import some_tokens

from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.training.data.corpus import Corpus, Question, TokenisedDocument
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.loop import make_optimizer
from lcirc_cli.training.methods.adapter import build_model
from lcirc_cli.training.methods.stages import QuestionAnswering
from lcirc_cli.training.settings import TrainSettings


class Training(NamedTuple):
    """The parts of a run that `lcirc train` would make."""

    backbone: Backbone
    model: LcircForCausalLM
    document: TokenisedDocument
    cache: FeatureCache
    stage: QuestionAnswering
    optimizer: torch.optim.Optimizer


def on_one_document(
    settings: TrainSettings, folder: Path, *, tokens: int, asked: list[Question]
) -> Training:
    """The default model on the CPU, and a corpus of one document; features go to `folder`."""
    backbone = load_backbone("smollm2", device="cpu", offline=True)
    model = build_model(settings, backbone)
    cache = FeatureCache(model, folder, fingerprint=backbone.fingerprint)
    ids = some_tokens(tokens, backbone)
    document = TokenisedDocument("d", ids, list(range(tokens)), f"random-{tokens}")
    stage = QuestionAnswering(
        model, backbone, corpus=Corpus([document], [asked]), cache=cache, settings=settings
    )
    optimizer = make_optimizer(model.adapter, settings)
    return Training(backbone, model, document, cache, stage, optimizer)
