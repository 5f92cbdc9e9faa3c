"""What the speed scripts share: a clock, the rate of the machine, the default model's prefill.

The clock: on one CPU thread it counts this process's own processor time, so that neighbours on the
machine do not matter; with more threads, and on CUDA, it is the wall clock. Every script measures
both sides of a ratio with it, in one run. The default model must be here: `lcirc pull smollm2`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from lcirc_cli.backbones import Backbone, load_backbone  # noqa: E402
from lcirc_cli.model import LcircAdapter, LcircForCausalLM, preset  # noqa: E402
from lcirc_cli.model.decoders import backbone_shape  # noqa: E402

PIECE = 8_192  # tokens that the bare LM prefills at once: all its positions
_SIZES = ((2048, 2048, 2048), (4096, 4096, 4096), (2048, 576, 576), (8192, 576, 576))
_GATES = 0.5


def seconds() -> float:
    """Now, on the clock that the module's first lines describe."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.get_num_threads() == 1:
        return time.process_time()
    return time.perf_counter()


def fastest(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of several rounds: the others measure what came between."""
    taken = []
    for _ in range(rounds):
        start = seconds()
        work()
        taken.append(seconds() - start)
    return min(taken)


def load() -> Backbone:
    """The default model in bfloat16."""
    return load_backbone("smollm2", dtype="bfloat16", offline=True)


def adapted(backbone: Backbone, name: str) -> LcircForCausalLM:
    """The model with a preset's adapter: its starting weights, open gates, the model's dtype."""
    config = preset(name, backbone_shape(backbone.lm, name=backbone.name))
    config.trained = True  # so that `ask` also scores the evidence
    torch.manual_seed(0)
    adapter = LcircAdapter(config)
    with torch.no_grad():
        for block in adapter.injection:
            for gate in (block.attention_gate, block.feed_forward_gate):
                if gate is not None:
                    gate.fill_(_GATES)
    weight = next(backbone.lm.parameters())
    return LcircForCausalLM(backbone.lm, adapter.to(weight).eval())


@torch.no_grad()
def matmul_rate(backbone: Backbone) -> float:
    """Operations a second of the fastest bfloat16 product among some sizes."""
    device = backbone.lm.device
    rates = []
    for rows, columns, inner in _SIZES:
        x = torch.randn(rows, inner, device=device).bfloat16()
        w = torch.randn(columns, inner, device=device).bfloat16()
        taken = fastest(lambda x=x, w=w: torch.nn.functional.linear(x, w), 8)  # type: ignore[misc]
        rates.append(2 * rows * columns * inner / taken)
    return max(rates)


@torch.no_grad()
def prefill_s(backbone: Backbone, tokens: int, *, rounds: int = 1) -> float:
    """Seconds in which the bare LM reads a prompt of so many tokens, in one piece."""
    lm: Any = backbone.lm
    ids = some_tokens(tokens, backbone)[None].long().to(lm.device)
    lm(input_ids=ids[:, :256], use_cache=True, logits_to_keep=1)  # warm up
    return fastest(lambda: lm(input_ids=ids, use_cache=True, logits_to_keep=1), rounds)


def some_tokens(count: int, backbone: Backbone) -> torch.Tensor:
    """Random token ids, int32, the same ones every time."""
    generator = torch.Generator().manual_seed(0)
    size = backbone.lm.get_input_embeddings().num_embeddings  # type: ignore[union-attr]
    return torch.randint(0, int(size), (count,), generator=generator, dtype=torch.int32)  # type: ignore[arg-type]


def emit(name: str, **figures: Any) -> None:
    """One JSON line; floats keep four digits that count."""
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"name": name, **rounded}), flush=True)
