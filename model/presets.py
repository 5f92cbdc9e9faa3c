"""Named configurations of an adapter, for any backbone."""

from __future__ import annotations

from typing import Any

from .config import LcircConfig
from .decoders import BackboneShape


def preset(name: str, shape: BackboneShape) -> LcircConfig:
    """A named configuration for a backbone.

    `paper` is the published set-up, scaled to the backbone's own width and depth; `smollm2-raw`
    reads raw embeddings (the speed case); `smollm2` is what ships with the default model.

    Raises:
        ValueError: no such preset.
    """
    makers = {"paper": _paper, "smollm2-raw": _smollm2_raw, "smollm2": _smollm2}
    if name not in makers:
        raise ValueError(f"no preset {name!r}; there are {', '.join(makers)}")
    config = LcircConfig(
        base_model=shape.name,
        base_fingerprint=shape.fingerprint,
        hidden_size=shape.hidden_size,
        num_lm_layers=shape.num_layers,
        **makers[name](shape),
    )
    config.validate()
    return config


def _paper(shape: BackboneShape) -> dict[str, Any]:
    # Cross-attention runs at full width with as many heads as the backbone (A.1).
    head_dim = shape.hidden_size // shape.heads
    return {
        "perceiver_heads": shape.heads,
        "perceiver_head_dim": head_dim,
        "perceiver_ffn_size": shape.intermediate_size,
        "mixer_ffn_size": shape.intermediate_size,
        "injection_heads": shape.heads,
        "injection_kv_heads": shape.heads,
        "injection_head_dim": head_dim,
        "injection_ffn_size": shape.intermediate_size,
    }


def _smollm2_raw(shape: BackboneShape) -> dict[str, Any]:
    return dict(
        _paper(shape),
        perceiver_layers=2,
        norm="rmsnorm",
        norm_eps=shape.norm_eps,
    )


def _smollm2(shape: BackboneShape) -> dict[str, Any]:
    """Contextual inputs, averages as the start, injection warm-started from the LM (3.4, 3.5)."""
    j = shape.num_layers * 2 // 5
    return {
        "segment_length": 1024,
        "max_segment_length": 1024,
        "segment_inputs": j,
        "feature_window": 1024,
        "num_latents": 32,
        "shares": "evidence",
        "evidence_latents": 8,
        "perceiver_layers": 2,
        "perceiver_heads": shape.heads,
        "perceiver_head_dim": shape.hidden_size // shape.heads,
        "perceiver_ffn_size": 2 * shape.hidden_size,
        "perceiver_start": "average",
        "mixer_ffn_size": 0,
        "norm": shape.norm,
        "norm_eps": shape.norm_eps,
        "injection_layers": list(range(j, shape.num_layers, 2)),
        "injection_heads": shape.heads,
        "injection_kv_heads": shape.kv_heads,
        "injection_head_dim": shape.head_dim,
        "injection_ffn_size": 0,
        "injection_memory_norm": True,
        "injection_qk_norm": shape.qk_norm,
        "injection_bias": shape.attention_bias,
        "gate_init": 0.3,
        # Fewer tokens than chat turns, which is what a training step costs.
        "prompt_form": "plain",
    }
