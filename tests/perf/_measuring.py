"""What the speed scripts share: a clock, peak memory, the machine's rate, the model's prefill.

The clock: on one CPU thread it counts this process's own processor time, so that neighbours on the
machine do not matter; with more threads, and on CUDA, it is the wall clock. Every script measures
both sides of a ratio with it, in one run. The default model must be here: `lcirc pull smollm2`.

The number format: lcirc's own choice for this machine, bfloat16 where the hardware has it and
float32 elsewhere; `--dtype` names another. Without such hardware torch multiplies bfloat16 ten
times more slowly than float32, and ratios between such times say little about lcirc.

Peak memory can begin anew after loading (Linux); see lcirc_cli/cost/peak.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from lcirc_cli.backbones.loading import Backbone, load_backbone  # noqa: E402
from lcirc_cli.cost import peak  # noqa: E402
from lcirc_cli.model import LcircAdapter, LcircForCausalLM, preset  # noqa: E402
from lcirc_cli.model.decoders import (  # noqa: E402
    backbone_shape,
    decoder_layers,
    hidden_states_before,
)
from lcirc_cli.settings import DTYPES  # noqa: E402

PIECE = 8_192  # tokens that the bare LM prefills at once: all its positions
_SIZES = ((2048, 2048, 2048), (2048, 576, 576))  # a usual yardstick; the compressor's own
_KEPT_UP_S = 0.4
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


def restart_peak() -> float:
    """Let the peak begin at what is resident now; that, in MB."""
    return peak.restart_peak() / 1e6


def peak_mb() -> float:
    """The peak of this process since it began or since `restart_peak`, in MB (1e6 bytes)."""
    return peak.peak_bytes() / 1e6


def spread_percent(values: Collection[float]) -> float:
    """By how many percent of the smallest the largest is above it."""
    return 100 * (max(values) / min(values) - 1)


def take_dtype(parser: argparse.ArgumentParser) -> None:
    """Give a script the option --dtype."""
    parser.add_argument("--dtype", choices=DTYPES, default="auto", help="as of lcirc ask")


def load(dtype: str = "auto") -> Backbone:
    """The default model."""
    return load_backbone("smollm2", dtype=dtype, offline=True)


def dtype_of(backbone: Backbone) -> str:
    """`bfloat16`, `float32` or `float16`, as results name it."""
    return str(backbone.lm.dtype).removeprefix("torch.")


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
    adapter = adapter.to(weight).eval().requires_grad_(False)  # as a loaded one is
    return LcircForCausalLM(backbone.lm, adapter)


@torch.no_grad()
def matmul_rate(backbone: Backbone) -> float:
    """Operations a second of the fastest product among some sizes, in the model's dtype.

    Kept up for as long as the shortest document takes, so that both meet the same machine.
    """
    like = next(backbone.lm.parameters())
    return max(_rate(like, *size) for size in _SIZES)


def _rate(like: torch.Tensor, rows: int, columns: int, inner: int) -> float:
    x, w = torch.randn(rows, inner).to(like), torch.randn(columns, inner).to(like)

    def multiply(times: int) -> None:
        for _ in range(times):
            torch.nn.functional.linear(x, w)

    times = max(1, round(_KEPT_UP_S / fastest(lambda: multiply(1), 4)))
    taken = fastest(lambda: multiply(times), 3)
    return 2 * rows * columns * inner * times / taken


@torch.no_grad()
def prefill_s(backbone: Backbone, tokens: int, *, layers: int | None = None) -> float:
    """Seconds in which the bare LM reads a prompt of so many tokens, in one piece.

    Args:
        layers: run only so many of its layers, which are all alike, and take their multiple.
    """
    lm: Any = backbone.lm
    ids = some_tokens(tokens, backbone)[None].long().to(lm.device)
    depth = len(decoder_layers(lm))

    def read(part: torch.Tensor) -> object:
        if layers is None:
            return lm(input_ids=part, use_cache=True, logits_to_keep=1)
        return hidden_states_before(lm, part, layer=layers)

    read(ids[:, :256])  # warm up
    return fastest(lambda: read(ids), 1) * (1 if layers is None else depth / layers)


def some_tokens(count: int, backbone: Backbone) -> torch.Tensor:
    """Random token ids, int32, the same ones every time."""
    generator = torch.Generator().manual_seed(0)
    size = backbone.lm.get_input_embeddings().num_embeddings  # type: ignore[union-attr]
    return torch.randint(0, int(size), (count,), generator=generator, dtype=torch.int32)  # type: ignore[arg-type]


def emit(name: str, **figures: Any) -> None:
    """One JSON line; floats keep four digits that count."""
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"name": name, **rounded}), flush=True)
