"""`retrieval`: the best passages, by BM25 or, as `retrieval@MODEL`, by a sentence encoder.

The encoder makes unit vectors of texts: mean pooling over the tokens, normalised, as most such
encoders were trained; no prefixes are put before questions or passages.

Legend: B texts, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lcirc_cli import console
from lcirc_cli.backbones import hub
from lcirc_cli.backbones.folders import check_settings
from lcirc_cli.console import silent_transformers
from lcirc_cli.errors import ModelError, first_line
from lcirc_cli.evidence.index import PassageIndex

from .base import Limits
from .reading import Reading
from .spec import SystemSpec
from .workbench import Workbench

_BATCH = 32  # texts


class Retrieval(Reading):
    """Reads the best passages."""

    shows = "evidence"

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        super().__init__(spec, bench, limits)
        if spec.adapter is not None:
            device = bench.backbone.lm.device
            encoder = SentenceEncoder(spec.adapter, device=device, offline=bench.offline)
            self._scores = DenseRetrieval(encoder).scores  # type: ignore[method-assign]


class DenseRetrieval:
    """Cosines of a sentence encoder instead of BM25."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._kept: tuple[PassageIndex, NDArray[np.floating[Any]]] | None = None

    def scores(self, index: PassageIndex, question: str) -> NDArray[np.floating[Any]]:
        """Of each passage; those of the last document are kept, all its questions share them."""
        if self._kept is None or self._kept[0] is not index:
            texts = [index.text(number) for number in range(len(index.passages))]
            self._kept = index, self._encoder.embed(texts)
        return self._kept[1] @ self._encoder.embed([question])[0]


class SentenceEncoder:
    """An encoder in float32, from a folder or the Hub; only safetensors weights are opened.

    Raises:
        ModelError: no such model, or one that transformers' AutoModel can't load.
    """

    def __init__(self, name: str, *, device: torch.device, offline: bool = False) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = _folder(name, offline=offline)
        try:
            check_settings(folder)
            with silent_transformers():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
                model: Any = AutoModel.from_pretrained(
                    folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    dtype=torch.float32,
                )
        except Exception as error:  # the libraries below raise a dozen types for a bad folder
            reason = first_line(error)
            raise ModelError(f"the sentence encoder {name} can't be loaded: {reason}") from error
        if self._tokenizer.pad_token is None:
            raise ModelError(f"the sentence encoder {name} has no padding token: use another")
        self._name, self._device = name, device
        self._model = model.eval().to(device)
        positions = getattr(model.config, "max_position_embeddings", None)
        limits = (self._tokenizer.model_max_length, positions)
        self._limit = min(limit for limit in limits if limit)
        self._warned = False

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [B, D]; what is longer than the encoder reads is cut, and said."""
        parts = [self._embed(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
        return np.concatenate(parts)

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        whole = self._tokenizer(list(texts), padding=True, return_tensors="pt", verbose=False)
        if whole["input_ids"].shape[1] > self._limit:
            self._warn_once()
            whole = self._tokenizer(
                list(texts),
                padding=True,
                truncation=True,
                max_length=self._limit,
                return_tensors="pt",
            )
        ids_BT, mask_BT = (whole[k].to(self._device) for k in ("input_ids", "attention_mask"))
        hidden_BTD = self._model(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        weight_BT1 = mask_BT[..., None].to(hidden_BTD)
        mean_BD = (hidden_BTD * weight_BT1).sum(dim=1) / weight_BT1.sum(dim=1).clamp(min=1)
        return torch.nn.functional.normalize(mean_BD, dim=-1).cpu().numpy()

    def _warn_once(self) -> None:
        if not self._warned:
            console.note(
                f"{self._name} reads {self._limit:,} tokens at most: longer passages are ranked "
                "by their beginnings"
            )
            self._warned = True


def _folder(name: str, *, offline: bool) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not folder.exists() and hub.is_hub_name(name):
        return hub.snapshot(name, offline=offline)
    raise ModelError(f"there is no sentence encoder {name}: give a folder or a Hub id")
