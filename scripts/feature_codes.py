"""What rounding the features of a memory costs: python scripts/feature_codes.py DIR... --out FOLDER

Each document's float features are rounded in each way of --codes, and questions asked by --method:
qd-lcirc reads the memory beside the window, reader is only shown the passages that it ranks first.
FOLDER gets rows for compare_rows.py, a file for each code, and a JSON line a code is printed with
the bytes a token of the sets' documents and the processor time of storing and restoring in
microseconds a token.
    float      not rounded
    int8       as memories keep them today: a scale a channel and window
    int4       4 bits a value, two to a byte, a scale a channel and window
    int4-asym  the same with a scale and a least value
    int4-128   as int4-asym, for each 128 tokens of a window
    int4-32    for each 32
Scales and least values are float16.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from drawn import RowWriter, draw
from keeping import KeepingEngine
from losses import answer_losses, document_of
from torch import Tensor

from lcirc_cli.model.features import StoredFeatures, restore, store


@dataclass(frozen=True)
class Float:
    """Nothing is rounded."""

    def store(self, x_ND: Tensor) -> list[Tensor]:
        return [x_ND]

    def restore(self, stored: list[Tensor]) -> Tensor:
        return stored[0]


@dataclass(frozen=True)
class Int8:
    """What model/features.py does."""

    def store(self, x_ND: Tensor) -> list[Tensor]:
        stored = store(x_ND, "int8")
        assert stored.scale_D is not None
        return [stored.codes_ND, stored.scale_D]

    def restore(self, stored: list[Tensor]) -> Tensor:
        return restore(StoredFeatures(*stored), dtype=torch.float32)


@dataclass(frozen=True)
class Int4:
    """Codes of 4 bits, the two halves of the channels side by side in a byte.

    Args:
        group: tokens that share a scale; 0 is the whole window.
        least: keep a least value beside the scale; else codes are -7 to 7.
    """

    group: int = 0
    least: bool = False

    def store(self, x_ND: Tensor) -> list[Tensor]:
        parts = x_ND.split(self.group or len(x_ND))
        rows = [self._range(part) for part in parts]
        scale_GD = torch.stack([scale for scale, _ in rows]).clamp(min=1e-6).half()
        least_GD = torch.stack([least for _, least in rows]).half()
        scale_ND, least_ND = self._spread(scale_GD, len(x_ND)), self._spread(least_GD, len(x_ND))
        codes = ((x_ND - least_ND) / scale_ND).round().clamp(0, 15).to(torch.uint8)
        low, high = codes.chunk(2, dim=1)
        return [low | high << 4, scale_GD, *([least_GD] if self.least else [])]

    def restore(self, stored: list[Tensor]) -> Tensor:
        packed, scale_GD = stored[:2]
        codes = torch.cat([packed & 15, packed >> 4], dim=1).float()
        scale_ND = self._spread(scale_GD, len(packed))
        if self.least:
            return codes * scale_ND + self._spread(stored[2], len(packed))
        return (codes - 7) * scale_ND

    def _range(self, x_ND: Tensor) -> tuple[Tensor, Tensor]:
        """The scale and least value of each channel."""
        if self.least:
            least, most = x_ND.amin(dim=0), x_ND.amax(dim=0)
            return (most - least) / 15, least
        scale = x_ND.abs().amax(dim=0) / 7
        return scale, -7 * scale.clamp(min=1e-6).half().float()

    def _spread(self, rows_GD: Tensor, n: int) -> Tensor:
        rows = rows_GD.float()
        return rows.repeat_interleave(self.group, dim=0)[:n] if self.group else rows


CODES: dict[str, Any] = {
    "float": Float(),
    "int8": Int8(),
    "int4": Int4(),
    "int4-asym": Int4(least=True),
    "int4-128": Int4(group=128, least=True),
    "int4-32": Int4(group=32, least=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--codes", nargs="+", choices=CODES, default=list(CODES))
    parser.add_argument("--method", choices=("qd-lcirc", "reader"), default="qd-lcirc")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--window", choices=("none", "evidence"), default="none")
    parser.add_argument("--limit", type=int, default=300, metavar="N", help="questions a set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16, help="questions at once")
    parser.add_argument("--features", type=Path, required=True, metavar="DIR", help="kept features")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    engine: Any = KeepingEngine.load(dtype=options.dtype, offline=True)
    engine.folder = options.features
    engine.adapter.config.feature_dtype = "float32"  # rounded by `change` alone
    rows = {name: RowWriter(options.out / f"{name}.jsonl") for name in options.codes}
    costs = {name: Cost(CODES[name]) for name in options.codes}
    for folder in options.folders:
        planned = draw(folder, limit=options.limit, seed=options.seed)
        batches = planned.batches(options.batch)
        for _, group in groupby(batches, key=lambda batch: batch.samples[0].document_id):
            asked = list(group)
            for name, cost in costs.items():
                engine.change = cost.change
                memory = engine.ingest([document_of(asked[0].samples[0].document)])
                for batch in asked:
                    losses = answer_losses(
                        engine,
                        memory,
                        batch.samples,
                        method=options.method,
                        window=options.window,
                    )
                    for sample, loss in zip(batch.samples, losses, strict=True):
                        rows[name].write(folder.name, sample.id, loss=loss)
        print(folder.name, flush=True)
    for name, cost in costs.items():
        print(json.dumps({"code": name, **dict(cost.figures())}), flush=True)


class Cost:
    """Rounds windows with a code, and adds up what that takes."""

    def __init__(self, code: Any) -> None:
        self._code = code
        self._tokens = self._bytes = 0
        self._store_s = self._restore_s = 0.0

    def change(self, x_ND: Tensor) -> Tensor:
        begun = time.process_time()
        stored = self._code.store(x_ND)
        between = time.process_time()
        restored: Tensor = self._code.restore(stored)
        self._restore_s += time.process_time() - between
        self._store_s += between - begun
        self._tokens += len(x_ND)
        self._bytes += sum(part.numel() * part.element_size() for part in stored)
        return restored

    def figures(self) -> Iterator[tuple[str, float]]:
        yield "bytes_a_token", round(self._bytes / self._tokens, 1)
        yield "store_us_a_token", round(1e6 * self._store_s / self._tokens, 2)
        yield "restore_us_a_token", round(1e6 * self._restore_s / self._tokens, 2)


if __name__ == "__main__":
    main()
