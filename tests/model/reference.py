"""LCIRC and QD-LCIRC once more, as plainly as it can be said, to compare `model/` with.

Loops over heads and positions, no SDPA, no batching, no caching, no modules: one document, one
question, one window, in the dtype of the parameters (float64 in the tests). It shares no code
with `model/`; all that it takes from there is the names of the parameters and the settings.

Legend: n tokens of a segment, T window or question tokens, K latents, M memory latents, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .reference_evidence import Division, divide

Parameters = Mapping[str, Tensor]
Bias = Callable[[int, int, int], Tensor]  # of head, query and key: added to the logit


def softmax(logits: Tensor) -> Tensor:
    """Of a vector."""
    powers = torch.exp(logits - logits.detach().max())
    return powers / powers.sum()


def silu(x: Tensor) -> Tensor:
    return x / (1.0 + torch.exp(-x))


@dataclass(frozen=True)
class Part:
    """The parameters of one module, by their names within it."""

    parameters: Parameters
    prefix: str

    def part(self, name: str) -> Part:
        return Part(self.parameters, f"{self.prefix}{name}.")

    def get(self, name: str) -> Tensor | None:
        return self.parameters.get(self.prefix + name)

    def __getitem__(self, name: str) -> Tensor:
        return self.parameters[self.prefix + name]


def norm(x_D: Tensor, part: Part, *, eps: float) -> Tensor:
    """Layer norm where the module has a bias, root-mean-square norm where it has a weight only."""
    weight, bias = part.get("weight"), part.get("bias")
    if weight is None:
        return x_D  # the module has no norm at this place
    if bias is None:
        return weight * x_D / torch.sqrt((x_D * x_D).mean() + eps)
    centred = x_D - x_D.mean()
    return weight * centred / torch.sqrt((centred * centred).mean() + eps) + bias


def linear(x: Tensor, part: Part) -> Tensor:
    y = part["weight"] @ x
    bias = part.get("bias")
    return y if bias is None else y + bias


def feed_forward(x_D: Tensor, part: Part, *, eps: float) -> Tensor:
    return part["down.weight"] @ silu(part["up.weight"] @ norm(x_D, part.part("norm"), eps=eps))


def cross_attention(
    x_TD: Sequence[Tensor],
    context_ND: Sequence[Tensor],
    part: Part,
    *,
    heads: int,
    kv_heads: int,
    eps: float,
    bias: Bias | None = None,
    tilt: Tensor | None = None,
) -> list[Tensor]:
    """For each query: the heads' weighted means of the values, projected back.

    tilt: a factor on each head's own logits, before the bias.
    """
    keys, values = [], []
    for c_D in context_ND:
        c_D = norm(c_D, part.part("context_norm"), eps=eps)
        keys.append(linear(c_D, part.part("k")).chunk(kv_heads))
        values.append(linear(c_D, part.part("v")).chunk(kv_heads))
    outputs = []
    for t, x_D in enumerate(x_TD):
        queries = linear(norm(x_D, part.part("norm"), eps=eps), part.part("q")).chunk(heads)
        read = []
        for h, q_d in enumerate(queries):
            q_d = norm(q_d, part.part("q_norm"), eps=eps)
            group = h // (heads // kv_heads)
            logits = []
            for n in range(len(context_ND)):
                k_d = norm(keys[n][group], part.part("k_norm"), eps=eps)
                logit = torch.dot(q_d, k_d) / math.sqrt(len(q_d))
                logit = logit if tilt is None else logit * tilt[h]
                logits.append(logit if bias is None else logit + bias(h, t, n))
            weights = softmax(torch.stack(logits))
            read.append(sum(w * values[n][group] for n, w in enumerate(weights)))
        outputs.append(linear(torch.cat(read), part.part("out")))
    return outputs


def gated_block(
    x_TD: Sequence[Tensor],
    context_ND: Sequence[Tensor],
    part: Part,
    *,
    heads: int,
    kv_heads: int,
    eps: float,
    bias: Bias | None = None,
) -> list[Tensor]:
    """x + tanh(a) attention, then x + tanh(b) feed-forward; for the mixer and the injection."""
    attention = part.part("attention")
    read = cross_attention(
        x_TD, context_ND, attention, heads=heads, kv_heads=kv_heads, eps=eps, bias=bias
    )
    gate = torch.tanh(part["attention_gate"])
    x_TD = [x_D + gate * r_D for x_D, r_D in zip(x_TD, read, strict=True)]
    second = part.get("feed_forward_gate")
    if second is None:
        return x_TD
    return [
        x_D + torch.tanh(second) * feed_forward(x_D, part.part("feed_forward"), eps=eps)
        for x_D in x_TD
    ]


def standardise(x_D: Tensor, whole: Part) -> Tensor:
    """As the layers read it, where the compressor has a mean and a deviation for each channel."""
    mean = whole.get("input_mean")
    return x_D if mean is None else (x_D - mean) / whole["input_deviation"]


def placed(inputs_nD: Tensor, whole: Part) -> list[Tensor]:
    """A segment's inputs as the layers read them."""
    return [standardise(x_D, whole) + whole["positions"][t] for t, x_D in enumerate(inputs_nD)]


def evidence(
    queries_KD: Sequence[Tensor], inputs_nD: Tensor, parameters: Parameters, *, config: Any
) -> list[list[Tensor]]:
    """The first layer's logits before the softmax: a row for each head and latent."""
    whole, heads, eps = Part(parameters, "perceiver."), config.perceiver_heads, config.norm_eps
    part = whole.part("layers.0").part("attention")
    context = [norm(x_D, part.part("context_norm"), eps=eps) for x_D in placed(inputs_nD, whole)]
    keys = [linear(c_D, part.part("k")).chunk(heads) for c_D in context]
    rows = []
    for x_D in queries_KD:
        queries = linear(norm(x_D, part.part("norm"), eps=eps), part.part("q")).chunk(heads)
        for h, q_d in enumerate(queries):
            rows.append([torch.dot(q_d, key[h]) / math.sqrt(len(q_d)) for key in keys])
    return rows


def perceiver(
    latents_KD: Sequence[Tensor],
    inputs_nD: Tensor,
    parameters: Parameters,
    *,
    config: Any,
    division: Division | None = None,
) -> list[Tensor]:
    """h_i from g_i and a segment's inputs before positions."""
    whole = Part(parameters, "perceiver.")
    n, K, eps = len(inputs_nD), len(latents_KD), config.norm_eps
    x_nD = placed(inputs_nD, whole)
    for index in range(config.perceiver_layers):
        layer = whole.part(f"layers.{index}")
        share, residual = layer.get("share_logit"), layer.get("residual_gate")
        bias: Bias | None = None
        if share is not None:

            def bias(h: int, k: int, t: int, share: Tensor = share) -> Tensor:
                return share[h] * (division.share[k][t] if division else float(t * K // n == k))

        heads = config.perceiver_heads
        read = cross_attention(
            latents_KD,
            x_nD,
            layer.part("attention"),
            heads=heads,
            kv_heads=heads,
            eps=eps,
            bias=bias,
            tilt=layer.get("tilt"),
        )
        kept = latents_KD
        if residual is not None:
            kept = [torch.tanh(residual) * latent_D for latent_D in latents_KD]
        latents_KD = [k_D + r_D for k_D, r_D in zip(kept, read, strict=True)]
        ffn = layer.part("feed_forward")
        latents_KD = [x_D + feed_forward(x_D, ffn, eps=eps) for x_D in latents_KD]
    if whole.get("input_mean") is not None:
        latents_KD = [x_D * whole["input_deviation"] + whole["input_mean"] for x_D in latents_KD]
    return [norm(x_D, whole.part("norm"), eps=eps) for x_D in latents_KD]


def mixed(
    latents_KD: Sequence[Tensor], question_TD: Tensor, parameters: Parameters, *, config: Any
) -> list[Tensor]:
    """Latents steered by the question."""
    whole, heads = Part(parameters, "perceiver."), config.perceiver_heads
    context = [standardise(q_D, whole) for q_D in question_TD]
    block = Part(parameters, "mixer.block.")
    eps = config.norm_eps
    return gated_block(latents_KD, context, block, heads=heads, kv_heads=heads, eps=eps)


def recurrence(
    segments: Sequence[Tensor],
    parameters: Parameters,
    *,
    config: Any,
    question_TD: Tensor | None = None,
    cut: Callable[[int], bool] = lambda index: False,
    priors: list[Tensor] | None = None,
) -> list[Tensor]:
    """h_1 ... h_S, each [K, D]; `cut(i)` says that no gradient enters segment i from h_{i-1}.

    priors: gets the latents' log-odds, where a question divides the segments by evidence.
    """
    start, whole = list(parameters["latents"]), Part(parameters, "perceiver.")
    carry_gate = parameters.get("carry_gate")
    previous: list[Tensor] | None = None
    states = []
    for index, inputs_nD in enumerate(segments):
        if previous is not None and cut(index):
            previous = [x_D.detach() for x_D in previous]
        if previous is None:
            latents = start
        elif carry_gate is None:
            latents = previous
        else:
            gate = torch.tanh(carry_gate)
            latents = [
                s_D + gate * standardise(p_D, whole)
                for s_D, p_D in zip(start, previous, strict=True)
            ]
        division = None
        if question_TD is not None:
            latents = mixed(latents, question_TD, parameters, config=config)
            if config.shares == "evidence":
                looking = mixed(start, question_TD, parameters, config=config)
                looking = looking[: config.evidence_latents or None]
                logits = evidence(looking, inputs_nD, parameters, config=config)
                division = divide(logits, len(latents))
                if priors is not None:
                    priors += division.prior
        previous = perceiver(latents, inputs_nD, parameters, config=config, division=division)
        states.append(torch.stack(previous))
    return states


def llama(
    input_ids: Sequence[int],
    lm: Parameters,
    adapter: Parameters,
    *,
    lm_config: Any,
    config: Any,
    memory_MD: Tensor | None,
    priors: Sequence[Tensor] = (),
) -> Tensor:
    """Logits [T, V] of a Llama whose layers in A read the memory first.

    priors: log-odds of the latents; a head adds them, times its scale, to its logits.
    """
    x_TD = [lm["model.embed_tokens.weight"][token] for token in input_ids]
    eps = lm_config.rms_norm_eps
    for index in range(lm_config.num_hidden_layers):
        if memory_MD is not None and index in config.injection_layers:
            site = config.injection_layers.index(index)
            block = Part(adapter, f"injection.{site}.")
            bias: Bias | None = None
            if priors:

                def bias(
                    h: int, t: int, m: int, scale: Tensor = adapter["prior_scale"][site]
                ) -> Tensor:
                    return scale[h] * priors[m]

            x_TD = gated_block(
                x_TD,
                list(memory_MD),
                block,
                heads=config.injection_heads,
                kv_heads=config.injection_kv_heads,
                eps=config.norm_eps,
                bias=bias,
            )
        x_TD = _llama_layer(x_TD, Part(lm, f"model.layers.{index}."), lm_config)
    final = Part(lm, "model.norm.")
    return torch.stack([lm["lm_head.weight"] @ norm(x_D, final, eps=eps) for x_D in x_TD])


def _llama_layer(x_TD: Sequence[Tensor], layer: Part, lm_config: Any) -> list[Tensor]:
    eps = lm_config.rms_norm_eps
    heads, groups = lm_config.num_attention_heads, lm_config.num_key_value_heads
    theta = lm_config.rope_parameters["rope_theta"]
    attention = layer.part("self_attn")
    queries, keys, values = [], [], []
    for position, x_D in enumerate(x_TD):
        y_D = norm(x_D, layer.part("input_layernorm"), eps=eps)
        split = linear(y_D, attention.part("q_proj")).chunk(heads)
        queries.append([_rotate(q, position, theta) for q in split])
        split = linear(y_D, attention.part("k_proj")).chunk(groups)
        keys.append([_rotate(k, position, theta) for k in split])
        values.append(linear(y_D, attention.part("v_proj")).chunk(groups))
    outputs = []
    for t, x_D in enumerate(x_TD):
        read = []
        for h in range(heads):
            g, q_d = h // (heads // groups), queries[t][h]
            logits = [torch.dot(q_d, keys[n][g]) / math.sqrt(len(q_d)) for n in range(t + 1)]
            weights = softmax(torch.stack(logits))
            read.append(sum(w * values[n][g] for n, w in enumerate(weights)))
        x_D = x_D + linear(torch.cat(read), attention.part("o_proj"))
        y_D = norm(x_D, layer.part("post_attention_layernorm"), eps=eps)
        mlp = layer.part("mlp")
        inner = silu(linear(y_D, mlp.part("gate_proj"))) * linear(y_D, mlp.part("up_proj"))
        outputs.append(x_D + linear(inner, mlp.part("down_proj")))
    return outputs


def _rotate(x_d: Tensor, position: int, theta: float) -> Tensor:
    """Rotary position: component i and component i + d/2 turn by position / theta^(2i/d)."""
    half = len(x_d) // 2
    angles = [position / theta ** (2 * i / len(x_d)) for i in range(half)]
    cos = x_d.new_tensor([math.cos(angle) for angle in angles])
    sin = x_d.new_tensor([math.sin(angle) for angle in angles])
    first, second = x_d[:half], x_d[half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin])
