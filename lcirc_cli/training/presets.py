"""Named sets of training settings: those of --preset, and what a --method needs otherwise.

Field names of `TrainSettings` to values; what is not named keeps its default. Checks nothing.
"""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # Stage 1 of the paper (A.1): Adam 5e-5, an optimiser step every 8 losses, T = 1.
    "paper-lm": {
        "stage": "lm",
        "adapter_preset": "paper",
        "warm_start": False,
        "documents": 8,
        "random_segments": True,
        "window_tokens": 4096,
        "bptt": "truncated",
        "bptt_states": 1,
        "learning_rate": 5e-5,
        "gate_learning_rate": 5e-5,
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "unanswerable": 0.0,
        "mixer_dropout": 0.0,
        "gradient_checkpointing": True,
    },
    # Stage 2 (A.1): Adam 2e-5, warm-up 300, selective BPTT over 8 of the last 50 states.
    "paper-qa": {
        "stage": "qa",
        "adapter_preset": "paper",
        "adapter": {"retained_segments": 50},
        "warm_start": False,
        "documents": 8,
        "questions": 1,
        "random_segments": True,
        "window_none": 0.0,
        "window_ends": 1.0,
        "window_tokens": 4096,
        "bptt": "selective",
        "bptt_states": 8,
        "bptt_neighbours": True,
        "learning_rate": 2e-5,
        "gate_learning_rate": 2e-5,
        "warmup_steps": 300,
        "weight_decay": 0.0,
        "unanswerable": 0.0,
        "mixer_dropout": 0.0,
        "gradient_checkpointing": True,
    },
    # What the default adapter is trained with: question alone in the window, evidence objective.
    "smollm2-cpu": {
        "stage": "qa",
        "adapter_preset": "smollm2",
        "evidence_weight": 0.3,
        "unanswerable": 0.05,
    },
}

# What a method needs otherwise than a preset has it; what is given wins.
METHOD_DEFAULTS: dict[str, dict[str, Any]] = {
    "qd-lcirc": {},
    # A step: four windows of passages with up to 14 questions each.
    "reader": {
        "window_none": 0.0,
        "window_evidence": 1.0,
        "evidence_weight": 0.0,
        "lora_rank": 32,
        "documents": 4,
        "questions": 14,
        "unanswerable": 0.08,
        "altered": 0.5,
        "evidence_removed": 0.08,
        "multiple_choice": 0.08,
        "learning_rate": 8e-4,
        "warmup_steps": 50,
    },
    # Without a memory the window is all that is read of the document.
    "window": {"window_none": 0.0, "window_ends": 1.0, "evidence_weight": 0.0},
    # Gradients through two summaries, as in the published training.
    "autocompressor": {"evidence_weight": 0.0, "bptt": "truncated", "bptt_states": 2},
}
