"""What lcirc needs to know about a Hugging Face decoder: its layers, its shape, its attention.

Legend: D hidden size, H heads, G key/value heads, d head size.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from transformers import PreTrainedModel

_LAYER_LISTS = ("layers", "h", "blocks")


def decoder_layers(lm: PreTrainedModel) -> nn.ModuleList:
    """The decoder layers in order.

    Raises:
        ValueError: the model has no list of decoder layers under a known name.
    """
    decoder = lm.get_decoder() if hasattr(lm, "get_decoder") else lm.base_model
    for holder in (decoder, lm.base_model):
        for name in _LAYER_LISTS:
            layers = getattr(holder, name, None)
            if isinstance(layers, nn.ModuleList):
                return layers
    raise ValueError(f"{type(lm).__name__} has no list of decoder layers that lcirc knows")


def backbone_shape(lm: PreTrainedModel, *, name: str, fingerprint: str = "") -> BackboneShape:
    """Read the sizes that a preset needs from the model's configuration."""
    config = lm.config.get_text_config()
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    try:
        form = attention_weights(decoder_layers(lm)[0])
    except ValueError:  # no warm start for this model; the sizes are enough without one
        form = None
    return BackboneShape(
        name=name,
        hidden_size=config.hidden_size,
        num_layers=len(decoder_layers(lm)),
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=head_dim,
        intermediate_size=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        norm_eps=getattr(config, "rms_norm_eps", None)
        or getattr(config, "layer_norm_epsilon", None)
        or 1e-5,
        fingerprint=fingerprint,
        norm="rmsnorm" if form is None or form.norm_bias is None else "layernorm",
        qk_norm=form is not None and form.q_norm is not None,
        attention_bias=form is not None and any(bias is not None for bias in form.biases),
    )


@dataclass(frozen=True)
class AttentionWeights:
    """One layer's self-attention, as a cross-attention can start from it (weights [out, in]).

    The queries (`q_norm` where there is one, else `q` and its bias) carry what the model's own
    factor on the logits differs by from 1/sqrt(head size): Gemma's does.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    out: Tensor
    biases: tuple[Tensor | None, ...]  # of q, k, v, out
    norm: Tensor  # weight of the norm before the attention
    norm_bias: Tensor | None
    q_norm: Tensor | None
    k_norm: Tensor | None


def attention_weights(layer: nn.Module) -> AttentionWeights:
    """Copies of a decoder layer's attention weights (Llama, Qwen, Gemma, GPT-2 forms).

    Raises:
        ValueError: a layer of another form.
    """
    attention = getattr(layer, "self_attn", None) or getattr(layer, "attn", None)
    norm = getattr(layer, "input_layernorm", None) or getattr(layer, "ln_1", None)
    if attention is None or norm is None:
        raise ValueError(f"{type(layer).__name__}: no attention of a form that lcirc knows")
    if hasattr(attention, "q_proj"):
        linears = [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
        weights = [linear.weight for linear in linears]
        biases = [linear.bias for linear in linears]
    elif hasattr(attention, "c_attn"):  # GPT-2: one Conv1D [in, 3 out]
        weights = [*attention.c_attn.weight.T.chunk(3, dim=0), attention.c_proj.weight.T]
        biases = [*attention.c_attn.bias.chunk(3), attention.c_proj.bias]
    else:
        raise ValueError(f"{type(attention).__name__}: no projections of a form that lcirc knows")
    q, k, v, out = (_copy(weight) for weight in weights)
    q_bias, *other_biases = (None if bias is None else _copy(bias) for bias in biases)
    q_norm = _norm_weight(attention.q_norm) if hasattr(attention, "q_norm") else None
    factor = getattr(attention, "scaling", attention.head_dim**-0.5) * attention.head_dim**0.5
    if q_norm is not None:
        q_norm = q_norm * factor
    else:
        q = q * factor
        q_bias = None if q_bias is None else q_bias * factor
    return AttentionWeights(
        q=q,
        k=k,
        v=v,
        out=out,
        biases=(q_bias, *other_biases),
        norm=_norm_weight(norm),
        norm_bias=None if getattr(norm, "bias", None) is None else _copy(norm.bias),
        q_norm=q_norm,
        k_norm=_norm_weight(attention.k_norm) if hasattr(attention, "k_norm") else None,
    )


def _copy(weight: Tensor) -> Tensor:
    return weight.detach().float().clone()


def _norm_weight(norm: nn.Module) -> Tensor:
    weight = _copy(norm.weight)  # type: ignore[arg-type]
    # Gemma's norms multiply by 1 + weight.
    return weight + 1.0 if "Gemma" in type(norm).__name__ else weight


def embed(lm: PreTrainedModel, input_ids: Tensor) -> Tensor:
    """Token embeddings [B, n, D]."""
    return lm.get_input_embeddings()(input_ids)


class _Reached(Exception):
    """Carries the hidden states out of a forward pass that needs to go no further."""

    def __init__(self, hidden: Tensor) -> None:
        self.hidden = hidden


def hidden_states_before(lm: PreTrainedModel, input_ids: Tensor, *, layer: int) -> Tensor:
    """Hidden states after the LM's first `layer` layers, [B, n, D]; exactly those layers run.

    Padding stands at the end: the attention is causal, so no mask is needed and the states of
    real tokens do not depend on it.
    """
    layers = decoder_layers(lm)
    if layer == 0:
        return embed(lm, input_ids)
    # Without a cache the library looks at the positions for packed sequences: that waits for the
    # device, and can't be done on meta.
    if layer == len(layers):
        return lm.base_model(input_ids=input_ids, use_cache=True).last_hidden_state

    def stop(_module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        raise _Reached(args[0] if args else kwargs["hidden_states"])

    handle = layers[layer].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        lm.base_model(input_ids=input_ids, use_cache=True)
    except _Reached as reached:
        return reached.hidden
    finally:
        handle.remove()
    raise RuntimeError(f"layer {layer} did not run")


@dataclass(frozen=True)
class BackboneShape:
    """What an adapter needs to know about a decoder."""

    name: str
    hidden_size: int
    num_layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    norm_eps: float
    fingerprint: str = ""
    norm: str = "rmsnorm"  # of its attention: rmsnorm or layernorm
    qk_norm: bool = False
    attention_bias: bool = False
