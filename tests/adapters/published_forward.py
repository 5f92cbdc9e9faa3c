"""What the published LCIRC code computes, written anew and plainly, on checkpoints of its form.

Works on the tables of tensors themselves (no modules), with softmax and einsum as the formulas
have them. Only batch size 1 and no padding, as there. Used for the parity of `lcirc convert`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Table = dict[str, Tensor]


def random_checkpoint(
    *,
    width: int = 32,
    inner: int = 48,
    latents: int = 3,
    perceiver_layers: int = 2,
    blocks: int = 3,
    mixer: bool = True,
    dtype: torch.dtype = torch.bfloat16,
    seed: int = 0,
) -> dict[str, Any]:
    """A checkpoint with the keys, shapes and dtypes that the training scripts write."""
    generator = torch.Generator().manual_seed(seed)

    def matrix(rows: int, columns: int) -> Tensor:
        noise = torch.randn(rows, columns, generator=generator) * columns**-0.5
        return noise.to(dtype)

    def norm(name: str) -> Table:
        noise = 0.2 * torch.randn(2, width, generator=generator)
        return {f"{name}.weight": (1 + noise[0]).to(dtype), f"{name}.bias": noise[1].to(dtype)}

    def projections(name: str) -> Table:
        return {
            f"{name}to_q.weight": matrix(width, width),
            f"{name}to_kv.weight": matrix(2 * width, width),
            f"{name}to_out.weight": matrix(width, width),
        }

    def feed_forward(name: str) -> Table:
        up, down = matrix(inner, width), matrix(width, inner)
        return {**norm(f"{name}0"), f"{name}1.weight": up, f"{name}3.weight": down}

    def gated(name: str) -> Table:
        # The gates are the only tensors that the code leaves in float32.
        gates = torch.rand(2, generator=generator) + 0.2
        return {
            f"{name}attn_gate": gates[0].clone(),
            f"{name}ff_gate": gates[1].clone(),
            **norm(f"{name}attn.norm"),
            **projections(f"{name}attn."),
            **feed_forward(f"{name}ff."),
        }

    compressor: Table = {"pos_emb": matrix(width, width) * width**0.5, **norm("norm")}
    for index in range(perceiver_layers):
        place = f"layers.{index}."
        compressor |= {**norm(f"{place}0.norm_x"), **norm(f"{place}0.norm_latents")}
        compressor |= {**projections(f"{place}0."), **feed_forward(f"{place}1.")}
    whole: dict[str, Any] = {
        "Xattn_layers_state_dict": {},
        "compressor_state_dict": compressor,
        "latent_state_dict": {"latent": matrix(latents, width) * width**0.5},
        "optimizer_state_dict": {"state": {0: {"step": torch.tensor(8.0)}}, "param_groups": []},
        "epoch": 0,
    }
    for index in range(blocks):
        whole["Xattn_layers_state_dict"] |= gated(f"{index}.")
    if mixer:
        whole["mixer_state_dict"] = gated("")
    return whole


def cast(checkpoint: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Every tensor of the model's parts in one dtype."""
    parts = [key for key in checkpoint if key.endswith("_state_dict") and "optim" not in key]
    return {key: {n: t.to(dtype) for n, t in checkpoint[key].items()} for key in parts}


def _norm(x: Tensor, table: Table, name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], table[f"{name}.weight"], table[f"{name}.bias"], 1e-5)


def _read(x: Tensor, context: Tensor, table: Table, name: str, heads: int) -> Tensor:
    """Attention of x [T, D] to a context [N, D], projected back to D."""
    keys_values = context @ table[f"{name}to_kv.weight"].T
    keys, values = keys_values[:, : x.shape[1]], keys_values[:, x.shape[1] :]
    queries = x @ table[f"{name}to_q.weight"].T
    q, k, v = (each.unflatten(-1, (heads, -1)) for each in (queries, keys, values))
    logits = torch.einsum("thd,nhd->htn", q, k) / q.shape[-1] ** 0.5
    out = torch.einsum("htn,nhd->thd", logits.softmax(dim=-1), v)
    return out.flatten(1) @ table[f"{name}to_out.weight"].T


def _feed_forward(x: Tensor, table: Table, name: str) -> Tensor:
    inner = F.silu(_norm(x, table, f"{name}0") @ table[f"{name}1.weight"].T)
    return inner @ table[f"{name}3.weight"].T


def gated_block(x: Tensor, context: Tensor, table: Table, name: str, *, heads: int) -> Tensor:
    read = _read(_norm(x, table, f"{name}attn.norm"), context, table, f"{name}attn.", heads)
    x = x + read * torch.tanh(table[f"{name}attn_gate"])
    return x + _feed_forward(x, table, f"{name}ff.") * torch.tanh(table[f"{name}ff_gate"])


def compressed(latents: Tensor, segment: Tensor, table: Table, *, heads: int) -> Tensor:
    """One segment's embeddings [n, D] into the latents [K, D]."""
    x = segment + table["pos_emb"][: len(segment)]
    index = 0
    while f"layers.{index}.0.to_q.weight" in table:
        place = f"layers.{index}."
        queries = _norm(latents, table, f"{place}0.norm_latents")
        latents = latents + _read(
            queries, _norm(x, table, f"{place}0.norm_x"), table, f"{place}0.", heads
        )
        latents = latents + _feed_forward(latents, table, f"{place}1.")
        index += 1
    return _norm(latents, table, "norm")


def soft_prompt(
    checkpoint: dict[str, Any],
    segments: Sequence[Tensor],
    *,
    question: Tensor | None,
    heads: int,
) -> Tensor:
    """All segments' latents side by side, [S * K, D]."""
    latents, states = checkpoint["latent_state_dict"]["latent"], []
    for segment in segments:
        if question is not None:
            mixer = checkpoint["mixer_state_dict"]
            latents = gated_block(latents, question, mixer, "", heads=heads)
        latents = compressed(latents, segment, checkpoint["compressor_state_dict"], heads=heads)
        states.append(latents)
    return torch.cat(states)


def logits(
    checkpoint: dict[str, Any],
    lm: Any,
    input_ids: Tensor,
    *,
    prompt: Tensor,
    layers: Sequence[int],
    heads: int,
) -> Tensor:
    """Llama's own layers in a loop [T, V], with a gated block before each of `layers`."""
    x = lm.model.embed_tokens(input_ids)[None]
    T = len(input_ids)
    positions = torch.arange(T)[None]
    rotary = lm.model.rotary_emb(x, positions)
    causal = torch.full((T, T), torch.finfo(x.dtype).min, dtype=x.dtype).triu(1)[None, None]
    blocks = checkpoint["Xattn_layers_state_dict"]
    for index, layer in enumerate(lm.model.layers):
        if index in layers:
            name = f"{list(layers).index(index)}."
            x = gated_block(x[0], prompt, blocks, name, heads=heads)[None]
        x = layer(x, attention_mask=causal, position_ids=positions, position_embeddings=rotary)
    return lm.lm_head(lm.model.norm(x))[0]
