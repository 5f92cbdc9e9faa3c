"""The sizes that a count of operations needs, read from any decoder's configuration.

The decoder is built on the meta device (no memory, no weights) and its matrices are counted, so
that no list of architectures is needed. Dense decoders only: of a mixture of experts every
expert would be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.errors import ModelError

if TYPE_CHECKING:
    from lcirc_cli.model import BackboneShape

_KNOWN: dict[str, dict[str, Any]] = {
    "llama-2-7b": {"max_position_embeddings": 4096},  # else the defaults of LlamaConfig
    "smollm2": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
    },
}


@dataclass(frozen=True)
class LMShape:
    """A decoder as matrices.

    Attributes:
        layer_weights: entries of the matrices that every token passes, a layer.
        attention_width: query heads times head size.
        head_weights: entries of the output projection.
        positions: the longest input that it was made for, in tokens.
        tied: the output projection is the embedding.
    """

    name: str
    hidden: int
    layer_weights: tuple[int, ...]
    attention_width: int
    head_weights: int
    heads: int
    kv_heads: int
    intermediate: int
    norm_eps: float
    positions: int
    tied: bool = False

    @property
    def layers(self) -> int:
        return len(self.layer_weights)


@cache
def shape_of(name: str) -> LMShape:
    """The shape of `llama-2-7b`, `smollm2`, a folder or a Hub id; only its config is read.

    Raises:
        ModelError: there is no such configuration.
    """
    from transformers import AutoConfig, LlamaConfig

    if name in _KNOWN:
        return shape_of_config(name, LlamaConfig(**_KNOWN[name]))
    try:
        config = AutoConfig.from_pretrained(
            str(Path(name).expanduser()) if "." in name else name, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        known = ", ".join(_KNOWN)
        raise ModelError(f"no configuration of {name!r}: give a folder, a Hub id or {known}") from (
            error
        )
    return shape_of_config(name, config)


def shape_of_config(name: str, config: Any) -> LMShape:
    """The shape of a transformers configuration.

    Raises:
        ModelError: it doesn't say how long its inputs may be.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from lcirc_cli.model.decoders import decoder_layers

    with torch.device("meta"):
        lm = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    text = config.get_text_config()
    heads = text.num_attention_heads
    if not (positions := getattr(text, "max_position_embeddings", None)):
        raise ModelError(f"the config of {name} doesn't say how long its inputs may be")
    head = lm.get_output_embeddings()
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // heads
    return LMShape(
        name=name,
        hidden=text.hidden_size,
        layer_weights=tuple(
            sum(weight.numel() for weight in layer.parameters() if weight.dim() == 2)
            for layer in decoder_layers(lm)
        ),
        attention_width=heads * head_dim,
        head_weights=head.weight.numel(),
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        norm_eps=getattr(text, "rms_norm_eps", None) or 1e-5,
        positions=positions,
        tied=head.weight is lm.get_input_embeddings().weight,
    )


def backbone_sizes(shape: LMShape) -> BackboneShape:
    """The same sizes as a preset of an adapter needs them."""
    from lcirc_cli.model import BackboneShape

    return BackboneShape(
        name=shape.name,
        hidden_size=shape.hidden,
        num_layers=shape.layers,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_dim=shape.attention_width // shape.heads,
        intermediate_size=shape.intermediate,
        norm_eps=shape.norm_eps,
    )


def adapter_config(shape: LMShape, preset: str) -> Any:
    """The `LcircConfig` of a preset on that decoder.

    Raises:
        ModelError: no such preset.
    """
    from lcirc_cli.model import preset as make

    try:
        return make(preset, backbone_sizes(shape))
    except ValueError as error:
        raise ModelError(f"preset {preset!r} on {shape.name}: {error}") from error
