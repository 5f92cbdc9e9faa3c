"""Checkpoints that are saved for `lcirc convert`, and the config of a tiny Llama."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig

HEADS, WIDTH, DEPTH = 4, 32, 5


def config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=97,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        max_position_embeddings=128,
        initializer_range=0.2,
    )


def save(checkpoint: Any, folder: Path) -> Path:
    path = folder / "checkpoint.pt"
    torch.save(checkpoint, path)
    return path
