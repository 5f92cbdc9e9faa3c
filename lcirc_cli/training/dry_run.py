"""`lcirc train --dry-run`: tokens, steps, parameters, memory and hours of a run, before it.

Where the backbone's weights are on this machine a few real steps are timed, and nothing is kept of
them. Where they are not, operations are counted from the configuration alone and divided by an
assumed rate. Which of the two it was stands in the result.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lcirc_cli.backbones import hub, smollm2
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.cost.peak import peak_mb
from lcirc_cli.cost.shapes import LMShape, backbone_sizes, shape_of, shape_of_config
from lcirc_cli.errors import ModelError, UsageError
from lcirc_cli.qa.hub import is_streamed
from lcirc_cli.training import estimate
from lcirc_cli.training.assembly import Assembly, assemble
from lcirc_cli.training.data.corpus import count_local
from lcirc_cli.training.data.samples import Sampler
from lcirc_cli.training.distributed import Processes
from lcirc_cli.training.estimate import Slot
from lcirc_cli.training.loop import Stepper
from lcirc_cli.training.methods.adapter import adapter_config, config_for
from lcirc_cli.training.methods.reader_stage import ReaderStage
from lcirc_cli.training.methods.stages import segment_lengths
from lcirc_cli.training.settings import TrainSettings

WARM_UP, TIMED = 1, 3  # steps
_DRAWN = 64  # samples whose mean stands for all
_CHARACTERS_A_TOKEN = 4.0  # where there is no tokenizer


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Attributes:
        documents, questions, document_tokens: of the data; of the first block where streamed.
        samples_a_step: questions (stage qa, reconstruct) or windows (lm).
        tokens_a_step: document tokens that a step reads.
        trained, backbone: parameters.
        memory: estimated bytes of one device, by part.
        peak_bytes: measured over the timed steps; None where nothing ran.
        operations_a_step: estimated.
        seconds_a_step: measured, or from operations and `rate`.
        rate: operations a second of one device that were assumed; None where it was measured.
        devices: that share a step, where the rate is assumed.
    """

    documents: int
    questions: int
    document_tokens: int
    streamed: bool
    steps: int
    samples_a_step: float
    tokens_a_step: float
    trained: int
    backbone: int
    memory: dict[str, int]
    peak_bytes: int | None
    operations_a_step: float
    seconds_a_step: float
    rate: float | None
    devices: int

    @property
    def hours(self) -> float:
        return self.steps * self.seconds_a_step / 3600

    def to_json(self) -> dict[str, Any]:
        """All numbers, with totals."""
        return {
            "schema": 1,
            **asdict(self),
            "samples": round(self.steps * self.samples_a_step),
            "tokens": round(self.steps * self.tokens_a_step),
            "memory_bytes": sum(self.memory.values()),
            "measured": self.rate is None,
            "hours": self.hours,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        parts = " + ".join(f"{size / 1e9:.2f} {name}" for name, size in self.memory.items())
        peak = "" if self.peak_bytes is None else f"; {self.peak_bytes / 1e9:.2f} GB peak measured"
        speed = f"{WARM_UP + TIMED} real steps here, the last {TIMED} timed"
        if self.rate is not None:
            speed = (
                f"assumed: {self.rate / 1e12:g} TFLOP/s on each of {self.devices} device(s); "
                "nothing was run"
            )
        block = " in the first block" if self.streamed else ""
        return [
            f"data        {self.documents:,} documents, {self.questions:,} questions, "
            f"{self.document_tokens:,} tokens{block}",
            f"a step      {self.samples_a_step:.1f} samples, {self.tokens_a_step:,.0f} document "
            f"tokens, {self.operations_a_step:.2e} operations (estimated)",
            f"the run     {self.steps:,} steps, {self.steps * self.samples_a_step:,.0f} samples, "
            f"{self.steps * self.tokens_a_step:,.0f} document tokens",
            f"parameters  {self.trained / 1e6:,.1f} M train, {self.backbone / 1e6:,.1f} M in the "
            "backbone",
            f"memory      {sum(self.memory.values()) / 1e9:.2f} GB a device estimated ({parts})"
            f"{peak}",
            f"speed       {self.seconds_a_step:.2f} s a step ({speed})",
            f"time        {self.hours:.2f} hours",
        ]


def has_weights(model: str) -> bool:
    """Whether a backbone's weights are on this machine; never reaches out."""
    if model == smollm2.NAME:
        return smollm2.is_cached()
    path = Path(model).expanduser()
    if path.is_file():
        return True
    if not path.is_dir():
        if not hub.is_hub_name(model):
            return False
        try:
            path = hub.snapshot(model, offline=True)
        except ModelError:
            return False
    return any(path.glob("*.safetensors"))


def measured_plan(settings: TrainSettings, backbone: Backbone, *, offline: bool = False) -> Plan:
    """Build the run, time a few steps of it, keep nothing.

    Raises:
        As `assemble`: bad data and settings are refused here too.
    """
    parts = assemble(settings, backbone, offline=offline)
    config = adapter_config(settings, backbone)
    slot = _average(settings, parts, config)
    stepper = Stepper(parts.learner, parts.stage, settings=settings, processes=Processes())
    parts.learner.train(True)
    seconds, samples = [], 0
    for step in range(WARM_UP + TIMED):
        begun = time.perf_counter()
        _, seen = stepper.step(step)  # reads the gradient's norm: waits for the device
        seconds.append(time.perf_counter() - begun)
        samples += seen
    shape = shape_of_config(backbone.name, backbone.lm.config)
    weights = [p for p in backbone.lm.parameters() if not p.requires_grad]
    size = sum(p.numel() for p in weights)
    corpus = parts.corpus
    return Plan(
        documents=len(corpus.documents),
        questions=corpus.num_questions,
        document_tokens=sum(len(each.ids_N) for each in corpus.documents),
        streamed=parts.streamed,
        steps=settings.steps,
        samples_a_step=samples / (WARM_UP + TIMED),
        tokens_a_step=slot.document * settings.documents,
        trained=parts.trained,
        backbone=size,
        memory=estimate.memory(
            settings,
            shape,
            config,
            slot,
            backbone=size,
            trained=parts.trained,
            bytes_a_weight=weights[0].element_size(),
        ),
        peak_bytes=round(peak_mb() * 1e6),
        operations_a_step=settings.documents * estimate.operations(settings, shape, config, slot),
        seconds_a_step=sum(seconds[WARM_UP:]) / TIMED,
        rate=None,
        devices=1,
    )


def counted_plan(settings: TrainSettings, *, rate: float, devices: int) -> Plan:
    """The same without weights: sizes from the configuration, hours from an assumed rate.

    Args:
        rate: operations a second of one device.
        devices: that share the documents of a step.

    Raises:
        ModelError: no configuration of that model.
        UsageError: the documents' length is not known.
        DocumentError: the data can't be read.
    """
    shape = shape_of(settings.model)
    config = config_for(settings, backbone_sizes(shape))
    documents, questions, tokens, streamed = _counted_data(settings)
    slot = estimate.assumed_slot(settings, tokens / max(1, documents))
    trained = _trained(settings, shape, config)
    size = sum(shape.layer_weights) + (1 if shape.tied else 2) * shape.head_weights
    total = settings.documents * estimate.operations(settings, shape, config, slot)
    # A step is as slow as the device with the most documents.
    busiest = -(-settings.documents // devices)
    return Plan(
        documents=documents,
        questions=questions,
        document_tokens=round(tokens),
        streamed=streamed,
        steps=settings.steps,
        samples_a_step=settings.documents * slot.questions,
        tokens_a_step=settings.documents * slot.document,
        trained=trained,
        backbone=size,
        memory=estimate.memory(
            settings, shape, config, slot, backbone=size, trained=trained, devices=devices
        ),
        peak_bytes=None,
        operations_a_step=total,
        seconds_a_step=total / settings.documents * busiest / rate,
        rate=rate,
        devices=devices,
    )


def _average(settings: TrainSettings, parts: Assembly, config: Any) -> Slot:
    """The mean of the samples that the first steps draw."""
    corpus = parts.corpus
    sizes = np.array([len(each.ids_N) for each in corpus.documents], dtype=float)
    if settings.stage != "qa":
        return estimate.assumed_slot(settings, float((sizes * sizes).sum() / sizes.sum()))
    if isinstance(parts.stage, ReaderStage):
        return _shared(settings, parts.stage)
    sampler = Sampler(corpus, settings, lengths=segment_lengths(settings, config))
    drawn = [
        sampler.sample(index // settings.documents, index % settings.documents)
        for index in range(_DRAWN)
    ]
    tokens = [sum(part.end - part.start for part in sample.parts) for sample in drawn]
    questions = float(np.mean([len(sample.asked) for sample in drawn]))
    return estimate.asked_slot(settings, float(np.mean(tokens)), questions)


def _shared(settings: TrainSettings, stage: ReaderStage) -> Slot:
    windows = [
        stage.window(index // settings.documents, index % settings.documents)
        for index in range(_DRAWN)
    ]
    rows = [row for window in windows for row in window.rows]
    shared = sum(len(window.shared) for window in windows)
    own = sum(len(row.prompt) + len(row.answer) for row in rows)
    return Slot(
        document=shared / _DRAWN,
        questions=len(rows) / _DRAWN,
        window=(shared + own) / len(rows),
        labels=sum(len(row.answer) for row in rows) / _DRAWN,
    )


def _counted_data(settings: TrainSettings) -> tuple[int, int, float, bool]:
    """Documents, questions and tokens of the data, and whether they are streamed."""
    if any(map(is_streamed, settings.data)):
        if not settings.document_tokens:
            raise UsageError(
                "without the model's weights streamed data are not read: say how long a document "
                "is with --set document_tokens=N"
            )
        count = settings.stream_documents
        return count, count, float(count * settings.document_tokens), True
    documents, questions, characters = count_local(settings.data, questions=settings.stage == "qa")
    return documents, questions, characters / _CHARACTERS_A_TOKEN, False


def _trained(settings: TrainSettings, shape: LMShape, config: Any) -> int:
    if settings.method != "qd-lcirc":
        return estimate.lora_parameters(settings, shape)
    import torch

    from lcirc_cli.model import LcircAdapter

    with torch.device("meta"):
        return sum(p.numel() for p in LcircAdapter(config).parameters())
