"""An engine that computes a document's contextual features once, however often it is ingested.

The float features of each window are kept in a folder, before they are rounded as a memory keeps
them, so that scripts can compare ways of rounding or of joining without reading a document again.
One folder is for one form of one model's weights: nothing checks that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli.engine import Engine
from lcirc_cli.files import atomic_write
from lcirc_cli.memory.contents import MemoryContents


class KeepingEngine(Engine):
    """Set `folder` before the first ingest; `change` is applied to a window's features [n, D]."""

    folder: Path | None = None
    change: Callable[[Tensor], Tensor] | None = None

    def ingest(self, *args: Any, **kwargs: Any) -> MemoryContents:
        model: Any = self.model
        compute = model.features
        model.features = lambda ids_BN: self._features(ids_BN, compute)
        try:
            return super().ingest(*args, **kwargs)
        finally:
            del model.features  # the method of its class is back

    def _features(self, ids_BN: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """[B, n, D], each row from the folder where it is there."""
        rows = [self._kept(ids_N, compute) for ids_N in ids_BN]
        if self.change is not None:
            rows = [self.change(row) for row in rows]
        return torch.stack(rows)

    def _kept(self, ids_N: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        if self.folder is None:
            return compute(ids_N[None])[0]
        layer = self.adapter.config.segment_inputs
        digest = hashlib.sha256(ids_N.long().numpy().tobytes()).hexdigest()[:32]
        path = self.folder / f"layer{layer}-{digest}"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, compute(ids_N[None])[0].float().numpy().tobytes())
        values = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32)
        return values.view(len(ids_N), -1)
