"""Question-independent features of training documents, kept on disk between steps and runs.

A document's contextual features depend on the frozen LM and on four settings of the adapter, not
on anything that trains: they are computed once, stored as in a memory file, and read by memory map.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from lcirc_cli.files import atomic_write
from lcirc_cli.model import LcircForCausalLM, Segment
from lcirc_cli.model.features import StoredFeatures, restore
from lcirc_cli.training.corpus import TokenisedDocument


class FeatureCache:
    """Segment inputs of documents: from disk where they are, computed where they are not."""

    def __init__(self, model: LcircForCausalLM, folder: Path | None, *, fingerprint: str) -> None:
        config = model.adapter.config
        key = "|".join(
            map(
                str,
                (
                    fingerprint,
                    config.segment_inputs,
                    config.feature_window,
                    config.feature_dtype,
                    str(next(model.lm.parameters()).dtype),
                ),
            )
        )
        self._model = model
        self._folder = None
        if folder is not None and config.segment_inputs > 0:
            self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
            self._folder.mkdir(parents=True, exist_ok=True)

    def segments(self, document: TokenisedDocument, start: int, end: int, n: int) -> list[Segment]:
        """Tokens start..end-1 of a document in segments of n, inputs [1, <= n, D] in float32."""
        inputs = self._inputs(document, start, min(end, len(document.ids_N)))
        return [Segment(part[None]) for part in inputs.split(n)]

    def _inputs(self, document: TokenisedDocument, start: int, end: int) -> Tensor:
        """x for tokens [start, end), [end - start, D]."""
        config = self._model.adapter.config
        device = self._model.device
        if config.segment_inputs == 0:
            ids = document.ids_N[start:end].long().to(device)
            return self._model.features(ids[None])[0].float()
        if self._folder is None:
            return self._compute(document)[start:end]
        path = self._folder / f"{document.digest}.safetensors"
        if not path.exists():
            self._write(document, path)
        window = config.feature_window
        rows: list[Tensor] = []
        with safe_open(str(path), framework="pt") as file:
            codes = file.get_slice("codes")
            scales = file.get_slice("scales") if "scales" in file.keys() else None  # noqa: SIM118
            for index in range(start // window, (end - 1) // window + 1):
                a, b = max(start, index * window), min(end, (index + 1) * window)
                scale = None if scales is None else scales[index : index + 1][0]
                rows.append(restore(StoredFeatures(codes[a:b], scale), dtype=torch.float32))
        return torch.cat(rows).to(device)

    def _compute(self, document: TokenisedDocument) -> Tensor:
        with torch.autocast(self._model.device.type, enabled=False):
            stored = self._stored(document)
            return torch.cat([restore(block, dtype=torch.float32) for block in stored])

    def _stored(self, document: TokenisedDocument) -> list[StoredFeatures]:
        # Callers switch autocast off: a training step's must not reach what is rounded and kept.
        return self._model.stored_features(document.ids_N.long().to(self._model.device))

    def _write(self, document: TokenisedDocument, path: Path) -> None:
        with torch.autocast(self._model.device.type, enabled=False):
            stored = self._stored(document)
            tensors = {"codes": torch.cat([block.codes_ND for block in stored]).cpu()}
            scales = [block.scale_D for block in stored if block.scale_D is not None]
            if scales:
                tensors["scales"] = torch.stack(scales).cpu()
        atomic_write(path, save(tensors))
