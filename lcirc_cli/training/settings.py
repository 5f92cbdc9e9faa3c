"""Settings of a training run: one flat dataclass, and which values make no run.

Keys that begin with `adapter.` set the adapter's own configuration (`LcircConfig`). Knows
nothing about torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.settings import MAX_SEED, setting
from lcirc_cli.training.presets import METHOD_DEFAULTS


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
        reader_share: of learning_rate, at which the reader of --init goes on while the memory
            trains (qd-lcirc); 0 holds it still.
        final_learning_rate: where the cosine ends, as a share of the peak.
        clip: largest norm of the gradient.
        autocast: auto (bfloat16 where the hardware multiplies it faster), bfloat16 or float32; the
            masters are float32 in any case. A run's config.toml holds what it began with.
        gradient_checkpointing: recompute the LM's layers in the backward pass.
        compile: the LM's layers run as torch.compile makes them (reader): 1.7 times as fast on
            a CPU with bfloat16, after a minute at the start; needs a C++ compiler there.
        shard_backbone: the frozen LM's layers are dealt out over the processes (FSDP2) and gathered
            one at a time when they run: for an LM that doesn't fit on one device.
        validation: folder in the documents + qa form; validation_limit questions of it.
        validate_every, checkpoint_every: steps; keep_checkpoints: how many stay.
        log_to: none, tensorboard or trackio.
        seed: of the weights and of the order of the data.
    """

    stage: str = setting("qa", choices=("qa", "lm", "reconstruct"), help="What is trained.")
    method: str = setting(
        "qd-lcirc",
        choices=tuple(METHOD_DEFAULTS),
        metavar="NAME",
        help="qd-lcirc (default), or reader: its low-rank weights on the model, for reading "
        "passages; to compare with: window or autocompressor.",
    )
    model: str = "smollm2"
    data: tuple[str, ...] = setting(
        (),
        metavar="DIR|HUB_ID",
        help="Documents + qa, Parquet files, or a set of the Hub (streamed); give it again.",
    )
    stream_documents: int = setting(256, least=1)
    source_tokenizer: str = setting(
        "", metavar="ID|DIR", help="Of data that are token ids already."
    )
    adapter_preset: str = "smollm2"
    init: str = setting("", metavar="ADAPTER", help="Start from this adapter.")
    warm_start: bool = True
    steps: int = setting(1000, least=1, metavar="N", help="Steps.")
    documents: int = setting(2, least=1)
    questions: int = setting(8, least=1)
    document_tokens: int = setting(0, least=0)
    join_tokens: int = setting(0, least=0)
    random_segments: bool = False
    unanswerable: float = setting(0.1, least=0, most=1)
    altered: float = setting(0.0, least=0, most=1)
    evidence_removed: float = setting(0.0, least=0, most=1)
    multiple_choice: float = setting(0.0, least=0, most=1)
    mixer_dropout: float = setting(0.15, least=0, most=1)
    window_none: float = setting(1.0, least=0)
    window_evidence: float = setting(0.0, least=0)
    window_ends: float = setting(0.0, least=0)
    window_tokens: int = 512
    asked_windows: float = setting(0.33, least=0, most=1)
    temperature: float = 2.0
    wordings: float = setting(0.3, least=0, most=1)
    history: float = setting(0.1, least=0, most=1)
    answer_tokens: int = setting(128, least=1)
    answer_weight: float = setting(1.0, least=0)
    evidence_weight: float = setting(0.0, least=0)
    passage_tokens: int = 128
    bptt: str = setting("full", choices=("full", "truncated", "selective"))
    bptt_states: int = 8
    bptt_neighbours: bool = False
    lora_rank: int = setting(8, least=1)
    summary_tokens: int = setting(50, least=1)
    summary_segment: int = setting(2048, least=1)
    learning_rate: float = 4e-4
    gate_learning_rate: float = 1e-2
    reader_share: float = setting(0.1, least=0)
    final_learning_rate: float = 0.1
    warmup_steps: int = 30
    weight_decay: float = 0.01
    clip: float = 1.0
    autocast: str = setting("auto", choices=("auto", "bfloat16", "float32"))
    gradient_checkpointing: bool = False
    compile: bool = False
    shard_backbone: bool = False
    validation: tuple[str, ...] = setting((), metavar="DIR", help="Documents + qa to validate on.")
    validation_limit: int = setting(200, least=1, metavar="N", help="Questions of each.")
    validate_every: int = setting(200, least=1)
    checkpoint_every: int = setting(50, least=1)
    keep_checkpoints: int = setting(2, least=1)
    log_to: str = setting(
        "none", choices=("none", "tensorboard", "trackio"), help="Also log there."
    )
    seed: int = setting(0, least=0, metavar="S", help="Seed.")
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
    for each in fields(settings):
        value, allowed = getattr(settings, each.name), each.metadata.get("choices")
        if allowed and value not in allowed:
            raise UsageError(f"{each.name} must be one of {', '.join(allowed)}")
        least, most = each.metadata.get("least"), each.metadata.get("most")
        if most is not None and not least <= value <= most:
            raise UsageError(f"{each.name} must be between {least} and {most}")
        if least is not None and not value >= least:
            told = f"must be at least {least}" if least else "must not be negative"
            raise UsageError(f"{each.name} {told}")
    if settings.seed > MAX_SEED:
        raise UsageError(f"seed must be {MAX_SEED} at most, not {settings.seed}")
    if not settings.clip > 0:
        raise UsageError("clip must be over 0; a large one leaves gradients as they are")
    if not settings.temperature > 0:
        raise UsageError("temperature must be over 0")
    _check_lengths(settings)
    if settings.answer_weight <= 0 and settings.evidence_weight <= 0:
        raise UsageError("one of answer_weight and evidence_weight must be over 0")
    if settings.method != "qd-lcirc":
        _check_tuned(settings)
    if settings.compile and settings.method != "reader":
        raise UsageError("compile=true is for --method reader alone")
    if settings.compile and settings.gradient_checkpointing:
        raise UsageError("compile=true does not go with gradient_checkpointing=true")
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
