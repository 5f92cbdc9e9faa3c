"""Which values of the training settings make no run: refused before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lcirc_cli.errors import UsageError
from lcirc_cli.settings import MAX_SEED
from lcirc_cli.training.presets import METHODS

if TYPE_CHECKING:
    from lcirc_cli.training.settings import TrainSettings

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
