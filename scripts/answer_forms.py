"""Losses and answers under one form of the weights: python scripts/answer_forms.py DIR... [options]

Each question is answered as `lcirc ask` does, by --system (default: qd-lcirc with passages in the
window), and the loss of its gold answer is taken after the same prompt. Forms of --form:
    kept            weights as they are kept, computed in float32
    rounded         each weight rounded to bfloat16 and back, computed in float32
    bfloat16-own    weights and computation in bfloat16, as `--dtype bfloat16` has them
    bfloat16        the same, but products with weights are summed in float32 and rounded once
    bfloat16-head   as bfloat16, but the head's product (the logits) is not rounded to bfloat16
Products of the last two are those of processors with bfloat16 instructions; without those torch's
own may be six times slower. A processor without some instructions is had by the environment:
ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2, of which the first line printed says what counted.
Documents are read under the same form too, unless --features holds what another one computed.
Writes rows for compare_rows.py.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from drawn import RowWriter, draw
from keeping import KeepingEngine
from torch import Tensor, nn
from torch.nn import functional as F

from lcirc_cli.bench.systems import Limits, Workbench, open_system, parse_system

FORMS = ("kept", "rounded", "bfloat16-own", "bfloat16", "bfloat16-head")
SYSTEM = "qd-lcirc+evidence"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--form", choices=FORMS, required=True)
    parser.add_argument("--system", default=SYSTEM, help="as `lcirc bench run --system` names it")
    parser.add_argument("--segments", type=int, default=0, help="that are steered; `ask` has 16")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="questions a set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, metavar="N", help="only so many of those drawn")
    parser.add_argument("--batch", type=int, default=4, help="questions at once")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument(
        "--features", type=Path, metavar="DIR", help="keep documents' features here"
    )
    options = parser.parse_args()
    print(f"{torch.backends.cpu.get_cpu_capability()}, form {options.form}", flush=True)
    engine = load(options.form)
    engine.folder = options.features
    limits = Limits(segments=options.segments)
    system = open_system(parse_system(options.system), Workbench(engine), limits=limits)
    rows = RowWriter(options.out)
    for folder in options.folders:
        begun = time.process_time()
        drawn = draw(folder, limit=options.limit, seed=options.seed)
        drawn = replace(drawn, asked=drawn.asked[: options.first])
        for batch in drawn.batches(options.batch):
            for sample, measured in zip(batch.samples, system.run(batch), strict=True):
                output = measured.output
                rows.write(folder.name, sample.id, loss=output.answer_loss, answer=output.text)
        print(f"{folder.name}: {time.process_time() - begun:.0f} s", flush=True)


def load(form: str) -> KeepingEngine:
    """The default model and the adapter that ships, under a form."""
    dtype = "bfloat16" if form.startswith("bfloat16") else "float32"
    engine: Any = KeepingEngine.load(dtype=dtype, offline=True)
    if form == "rounded":
        round_weights(engine.backbone.lm)
    if form in ("bfloat16", "bfloat16-head"):
        for name, module in engine.model.named_modules():
            if isinstance(module, nn.Linear):
                wide = form == "bfloat16-head" and name.endswith("lm_head")
                sum_in_float(module, rounded=not wide)
    loaded: KeepingEngine = engine
    return loaded


@torch.no_grad()
def round_weights(lm: nn.Module) -> None:
    """Every weight as bfloat16 would hold it."""
    for parameter in lm.parameters():
        parameter.copy_(parameter.bfloat16())


def sum_in_float(linear: Any, *, rounded: bool) -> None:
    """A layer's product of bfloat16 values, summed in float32; rounded to bfloat16 or left."""
    weight = linear.weight.float()
    bias = None if linear.bias is None else linear.bias.float()

    def forward(x: Tensor) -> Tensor:
        product = F.linear(x.float(), weight, bias)
        return product.to(x.dtype) if rounded else product

    linear.forward = forward


if __name__ == "__main__":
    main()
