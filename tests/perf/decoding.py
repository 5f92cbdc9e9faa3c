"""Time of a generated token with the memory of 128K document tokens, against the bare LM's.

    python tests/perf/decoding.py [--dtype bfloat16]

The default model with each preset, at the default window and at the paper's. The
window's keys and values are in the cache, and single tokens take turns with and without the
memory. `projected_again` is what it would be if the memory's keys and values were made anew for
every token, as the published code does. Prints JSON lines.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

import torch
from _measuring import adapted, emit, fastest, load, seconds, some_tokens, take_dtype
from transformers import DynamicCache

from lcirc_cli.model import LcircForCausalLM, Memory

DOCUMENT = 131_072
WINDOWS = (640, 4_096)  # what the default window comes to with its question; the paper's
TURNS, WARM_UP = 24, 4


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    take_dtype(parser)
    backbone = load(parser.parse_args().dtype)
    lm: Any = backbone.lm
    for window in WINDOWS:
        ids = some_tokens(window, backbone)[None].long().to(lm.device)
        cache = DynamicCache(config=lm.config)
        lm(input_ids=ids, past_key_values=cache, logits_to_keep=1)
        for preset in ("smollm2", "smollm2-raw"):
            model = adapted(backbone, preset)
            measure(model, preset=preset, ids=ids, cache=cache)


def measure(
    model: LcircForCausalLM, *, preset: str, ids: torch.Tensor, cache: DynamicCache
) -> None:
    """One line for a preset and a window."""
    lm: Any = model.lm
    config, window = model.adapter.config, ids.shape[1]
    latents = DOCUMENT // config.segment_length * config.num_latents
    torch.manual_seed(0)
    states = torch.randn(1, latents, config.hidden_size).to(model.adapter.latents)
    # The odds that a question gives the latents, which each token adds to its logits.
    prior = torch.randn(1, latents) if config.shares == "evidence" else None
    memory = Memory(states, prior_BM=prior)

    def token() -> float:
        start = seconds()
        lm(input_ids=ids[:, -1:], past_key_values=cache)
        taken = seconds() - start
        cache.crop(-1)  # the token that was just read
        return taken

    bare, injected = [], []
    for _ in range(WARM_UP + TURNS):
        bare.append(token())
        with model.injector.attached(memory):
            injected.append(token())
    project = fastest(lambda: model.injector.project(memory), 3)
    before, after = median(bare[WARM_UP:]), median(injected[WARM_UP:])
    emit(
        "decoding",
        preset=preset,
        dtype=str(lm.dtype).removeprefix("torch."),
        window=window,
        latents=latents,
        bare_ms=1e3 * before,
        with_memory_ms=1e3 * after,
        ratio=after / before,
        projected_again=(after + project) / before,
        limits={"ratio": 1.5},
    )


if __name__ == "__main__":
    main()
