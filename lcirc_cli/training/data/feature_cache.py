"""Question-independent features of training documents, kept on disk between steps and runs.

A document's contextual features depend on the frozen LM and on four settings of the adapter, not
on anything that trains: they are computed once, window by window, stored as in a memory file, and
read segment by segment when the recurrence comes to them, so that memory does not grow with the
document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import torch
from safetensors import safe_open
from torch import Tensor

from lcirc_cli.files import atomic_write
from lcirc_cli.model import LcircForCausalLM, Segment
from lcirc_cli.model.features import StoredFeatures, restore, store
from lcirc_cli.training.data.corpus import TokenisedDocument

Range = tuple[TokenisedDocument, int, int]  # tokens start..end-1 of a document

_DTYPES = {"int8": "I8", "bfloat16": "BF16", "float32": "F32"}  # as safetensors spells them


class FeatureCache:
    """Segment inputs of documents: from disk where they are, computed where they are not."""

    def __init__(self, model: LcircForCausalLM, folder: Path | None, *, fingerprint: str) -> None:
        config = model.adapter.config
        key = (
            f"{fingerprint}|{config.segment_inputs}|{config.feature_window}|"
            f"{config.feature_dtype}|{next(model.lm.parameters()).dtype}"
        )
        self._model = model
        self._folder = None
        if folder is not None and config.segment_inputs > 0:
            self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
            self._folder.mkdir(parents=True, exist_ok=True)

    def segments(
        self, document: TokenisedDocument, start: int, end: int, n: int
    ) -> Sequence[Segment]:
        """Tokens start..end-1 of a document in segments of n, inputs [1, <= n, D] in float32."""
        return self.joined([(document, start, end)], n)

    def joined(self, parts: Iterable[Range], n: int) -> Sequence[Segment]:
        """The segments of several parts, one after the other; each is read when it is asked for."""
        return _Segments(
            self,
            [
                (document, at, min(at + n, end, len(document.ids_N)))
                for document, start, end in parts
                for at in range(start, min(end, len(document.ids_N)), n)
            ],
        )

    def inputs(self, document: TokenisedDocument, start: int, end: int) -> Tensor:
        """x for tokens [start, end), [end - start, D], float32, on the model's device."""
        config = self._model.adapter.config
        device = self._model.device
        if config.segment_inputs == 0:
            ids = document.ids_N[start:end].long().to(device)
            return self._model.features(ids[None])[0].float()
        window = config.feature_window
        rows: list[Tensor] = []
        for index in range(start // window, (end - 1) // window + 1):
            a, b = max(start, index * window), min(end, (index + 1) * window)
            stored = self._window(document, index, a - index * window, b - index * window)
            rows.append(restore(stored, dtype=torch.float32))
        return torch.cat(rows).to(device)

    def _window(
        self, document: TokenisedDocument, index: int, start: int, end: int
    ) -> StoredFeatures:
        """Tokens [start, end) of a document's window `index`."""
        if self._folder is None:
            whole = self._compute(document, index)
            return StoredFeatures(whole.codes_ND[start:end], whole.scale_D)
        path = self._folder / f"{document.digest}.safetensors"
        if not path.exists():
            atomic_write(path, self._file(document))
        first = index * self._model.adapter.config.feature_window
        # Opened anew each time: what a map has read counts as this process's memory.
        with safe_open(str(path), framework="pt") as file:
            codes = file.get_slice("codes")[first + start : first + end].clone()
            scale = None
            if "scales" in file.keys():  # noqa: SIM118
                scale = file.get_slice("scales")[index : index + 1][0].clone()
        return StoredFeatures(codes, scale)

    def _compute(self, document: TokenisedDocument, index: int) -> StoredFeatures:
        config = self._model.adapter.config
        first = index * config.feature_window
        ids = document.ids_N[first : first + config.feature_window].long().to(self._model.device)
        # A training step's autocast must not reach what is rounded and kept.
        with torch.autocast(self._model.device.type, enabled=False):
            return store(self._model.features(ids[None])[0], config.feature_dtype)

    def _file(self, document: TokenisedDocument) -> Iterator[bytes]:
        """A safetensors file of all windows, made as it is written: codes [N, D], scales [W, D]."""
        config = self._model.adapter.config
        shapes = {
            "codes": (_DTYPES[config.feature_dtype], [len(document.ids_N), config.hidden_size])
        }
        windows = -(-len(document.ids_N) // config.feature_window)
        if config.feature_dtype == "int8":
            shapes["scales"] = ("F16", [windows, config.hidden_size])
        yield _header(shapes)
        scales: list[bytes] = []
        for index in range(windows):
            stored = self._compute(document, index)
            if stored.scale_D is not None:
                scales.append(_bytes(stored.scale_D))
            yield _bytes(stored.codes_ND)
        yield from scales


class _Segments(Sequence[Segment]):
    """Segments that are read when they are asked for, and not kept."""

    def __init__(self, cache: FeatureCache, ranges: Sequence[Range]) -> None:
        self._cache, self._ranges = cache, ranges

    def __len__(self) -> int:
        return len(self._ranges)

    @overload
    def __getitem__(self, index: int) -> Segment: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...

    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return _Segments(self._cache, self._ranges[index])
        return Segment(self._cache.inputs(*self._ranges[index])[None])


def _header(shapes: dict[str, tuple[str, list[int]]]) -> bytes:
    """The beginning of a safetensors file: tensors of (dtype, shape), one after the other."""
    sizes, offset, entries = {"I8": 1, "F16": 2, "BF16": 2, "F32": 4}, 0, {}
    for name, (dtype, shape) in shapes.items():
        end = offset + sizes[dtype] * shape[0] * shape[1]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().cpu().view(torch.uint8).numpy().tobytes()
