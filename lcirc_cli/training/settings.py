"""Settings of a training run: one flat dataclass, and which values make no run.

Keys that begin with `adapter.` set the adapter's own configuration (`LcircConfig`). Knows
nothing about torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.settings import MAX_SEED
from lcirc_cli.training.presets import METHODS

_CHOICES: dict[str, tuple[str, ...]] = {
    "stage": ("qa", "lm", "reconstruct"),
    "method": tuple(METHODS),
    "bptt": ("full", "truncated", "selective"),
    "autocast": ("auto", "bfloat16", "float32"),
    "log_to": ("none", "tensorboard", "trackio"),
}
# At least 1.
_COUNTS = (
    "steps",
    "documents",
    "questions",
    "checkpoint_every",
    "validate_every",
    "keep_checkpoints",
    "validation_limit",
    "stream_documents",
    "lora_rank",
    "summary_tokens",
    "summary_segment",
    "answer_tokens",
)
# At least 0.
_AMOUNTS = (
    "document_tokens",
    "join_tokens",
    "window_none",
    "window_evidence",
    "window_ends",
    "answer_weight",
    "evidence_weight",
    "seed",
)
# Between 0 and 1.
_SHARES = (
    "unanswerable",
    "altered",
    "evidence_removed",
    "multiple_choice",
    "mixer_dropout",
    "asked_windows",
    "wordings",
    "history",
)


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides a run's weights.

    Attributes:
        stage: qa, lm or reconstruct.
        method: qd-lcirc (one adapter serves lcirc too); reader (the adapter's reader alone: what
            reads the window); or, to compare with, window (LoRA on the backbone, no memory) or
            autocompressor (summary tokens and LoRA). The data, their order and the form of the
            answers are the same for all but the reader, whose windows many questions share.
        model: the backbone.
        data: folders, Parquet files or Hub ids; the last two are streamed.
        stream_documents: rows that are held at once of streamed data.
        source_tokenizer: decodes streamed data that are token ids: a folder or Hub id.
        adapter_preset: `paper`, `smollm2-raw` or `smollm2`; `adapter` overrides single values.
        init: an adapter folder to start from.
        warm_start: injection blocks start from the backbone's own attention.
        steps: optimiser steps.
        documents: documents a step, over all processes.
        questions: questions a document (qa).
        document_tokens: cut documents to about this length (0 = whole).
        join_tokens: join documents up to this length (0 = never).
        random_segments: draw the segment length anew for each document, as in the paper.
        unanswerable: share of questions asked of a document that does not answer them.
        altered: share of those that are the document's own, changed in one place; the others are
            another document's.
        evidence_removed: share of documents from which the segments with a question's evidence
            are taken out.
        multiple_choice: share of questions that are shown with options, wrong ones from the same
            document; their answer is a letter and the option.
        mixer_dropout: share of documents compressed without the question, so that one adapter
            serves lcirc and qd-lcirc.
        window_none, window_evidence, window_ends: weights of the window's contents: the question
            alone, passages as `lcirc ask` ranks them by words, or the document's head and tail.
        window_tokens: document tokens in a window that holds any (reader: of those around the
            evidence from a fourth of it to all).
        asked_windows: share of windows as `lcirc ask` makes them for a question; the others hold
            its evidence and passages beside it or like it (reader).
        temperature: sets of data are drawn in proportion to (questions) ** (1 / temperature): at 1
            by their size, above it the small ones more often (reader).
        wordings: share of windows in another form than `lcirc ask`'s own prompt (reader).
        history: share of questions with earlier ones about the document before them (reader).
        answer_tokens: answers with more are not learned from (reader).
        answer_weight: of the loss on answer tokens; 0 leaves the LM out and trains only what finds
            the evidence, at a fifth of the time (qa).
        evidence_weight: of the contrastive evidence loss; 0 leaves it out.
        passage_tokens: length of the passages that it contrasts.
        bptt: full, truncated or selective, over bptt_states states.
        bptt_neighbours: selective: gradients also pass between neighbours.
        lora_rank: of the low-rank matrices (reader, window, autocompressor).
        summary_tokens, summary_segment: vectors of a summary, and document tokens that it stands
            for (autocompressor).
        learning_rate, gate_learning_rate: peaks; gates are few and need larger steps.
        final_learning_rate: where the cosine ends, as a share of the peak.
        clip: largest norm of the gradient.
        autocast: auto (bfloat16 where the hardware multiplies it faster), bfloat16 or float32; the
            masters are float32 in any case. A run's config.toml holds what it began with.
        gradient_checkpointing: recompute the LM's layers in the backward pass.
        shard_backbone: the frozen LM's layers are dealt out over the processes (FSDP2) and gathered
            one at a time when they run: for an LM that doesn't fit on one device.
        validation: folder in the documents + qa form; validation_limit questions of it.
        validate_every, checkpoint_every: steps; keep_checkpoints: how many stay.
        log_to: none, tensorboard or trackio.
        seed: of the weights and of the order of the data.
    """

    stage: str = "qa"
    method: str = "qd-lcirc"
    model: str = "smollm2"
    data: tuple[str, ...] = ()
    stream_documents: int = 256
    source_tokenizer: str = ""
    adapter_preset: str = "smollm2"
    init: str = ""
    warm_start: bool = True
    steps: int = 1000
    documents: int = 2
    questions: int = 8
    document_tokens: int = 0
    join_tokens: int = 0
    random_segments: bool = False
    unanswerable: float = 0.1
    altered: float = 0.0
    evidence_removed: float = 0.0
    multiple_choice: float = 0.0
    mixer_dropout: float = 0.15
    window_none: float = 1.0
    window_evidence: float = 0.0
    window_ends: float = 0.0
    window_tokens: int = 512
    asked_windows: float = 0.33
    temperature: float = 2.0
    wordings: float = 0.3
    history: float = 0.1
    answer_tokens: int = 128
    answer_weight: float = 1.0
    evidence_weight: float = 0.0
    passage_tokens: int = 128
    bptt: str = "full"
    bptt_states: int = 8
    bptt_neighbours: bool = False
    lora_rank: int = 8
    summary_tokens: int = 50
    summary_segment: int = 2048
    learning_rate: float = 4e-4
    gate_learning_rate: float = 1e-2
    final_learning_rate: float = 0.1
    warmup_steps: int = 30
    weight_decay: float = 0.01
    clip: float = 1.0
    autocast: str = "auto"
    gradient_checkpointing: bool = False
    shard_backbone: bool = False
    validation: tuple[str, ...] = ()
    validation_limit: int = 200
    validate_every: int = 200
    checkpoint_every: int = 50
    keep_checkpoints: int = 2
    log_to: str = "none"
    seed: int = 0
    adapter: dict[str, Any] = field(default_factory=dict)


# Values that may change between a run and its resumption: they don't decide the weights.
FREE = frozenset(
    [
        "validation",
        "validation_limit",
        "validate_every",
        "checkpoint_every",
        "keep_checkpoints",
        "log_to",
    ]
)


def check(settings: TrainSettings) -> None:
    """Raises UsageError with the first value that no run can have."""
    for key, allowed in _CHOICES.items():
        if getattr(settings, key) not in allowed:
            raise UsageError(f"{key} must be one of {', '.join(allowed)}")
    for key in _COUNTS:
        if getattr(settings, key) < 1:
            raise UsageError(f"{key} must be at least 1")
    for key in _AMOUNTS:
        if not getattr(settings, key) >= 0:
            raise UsageError(f"{key} must not be negative")
    if settings.seed > MAX_SEED:
        raise UsageError(f"seed must be {MAX_SEED} at most, not {settings.seed}")
    if not settings.clip > 0:
        raise UsageError("clip must be over 0; a large one leaves gradients as they are")
    _check_lengths(settings)
    if not settings.temperature > 0:
        raise UsageError("temperature must be over 0")
    for key in _SHARES:
        if not 0.0 <= getattr(settings, key) <= 1.0:
            raise UsageError(f"{key} must be between 0 and 1")
    if settings.answer_weight <= 0 and settings.evidence_weight <= 0:
        raise UsageError("one of answer_weight and evidence_weight must be over 0")
    if settings.method != "qd-lcirc":
        _check_tuned(settings)
    if settings.window_none + settings.window_evidence + settings.window_ends <= 0:
        raise UsageError("one of window_none, window_evidence, window_ends must be over 0")


def _check_lengths(settings: TrainSettings) -> None:
    """Numbers that some stages, windows and losses need, and others pass over."""
    if settings.bptt != "full" and settings.bptt_states < 1:
        raise UsageError(f"bptt_states must be at least 1 with bptt={settings.bptt}")
    if settings.evidence_weight > 0 and settings.passage_tokens < 1:
        raise UsageError("passage_tokens must be at least 1 where evidence_weight is over 0")
    # Half of the window for the head, half for the tail.
    needed = 2 if settings.window_ends > 0 else 1 if settings.window_evidence > 0 else 0
    if settings.stage != "qa":
        needed = 1
    if settings.window_tokens < needed:
        raise UsageError(f"window_tokens must be at least {needed} for what the window holds")


def _check_tuned(settings: TrainSettings) -> None:
    """What a reader or a fine-tuned baseline can't have is refused, not passed over."""
    method = settings.method
    if settings.stage != "qa":
        raise UsageError(f"--method {method} is trained by --stage qa alone")
    if settings.init and method != "reader":
        raise UsageError(f"--method {method} starts from the backbone: leave --init out")
    if settings.shard_backbone:
        raise UsageError(f"--method {method} trains inside the backbone: shard_backbone=false")
    if settings.evidence_weight > 0 or settings.answer_weight <= 0:
        raise UsageError(f"--method {method} learns from answers alone: evidence_weight=0")
    if method in ("window", "reader") and settings.window_none > 0:
        raise UsageError(
            f"--method {method} reads the document in its window alone: window_none=0, and "
            "window_ends or window_evidence over 0"
        )
    if method == "reader" and settings.window_ends > 0:
        raise UsageError(
            "--method reader reads passages: window_ends=0, and window_evidence over 0"
        )
    if method == "autocompressor" and settings.bptt == "selective":
        raise UsageError("--method autocompressor takes bptt=full or bptt=truncated")
