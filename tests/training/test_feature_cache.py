"""Segment inputs of training documents: from disk, from the model, and read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.model.features import restore, store
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.corpus import TokenisedDocument
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.methods.adapter import build_model

WINDOW, TOKENS = 16, 41


@pytest.fixture
def make_model(tiny_backbone: Callable[..., Any]) -> Callable[..., LcircForCausalLM]:
    def make(inputs: int = 1, dtype: str = "int8") -> LcircForCausalLM:
        given = {"segment_length": 8, "max_segment_length": 16, "feature_window": WINDOW}
        given |= {"segment_inputs": inputs, "feature_dtype": dtype, "num_latents": 2}
        settings = make_settings(None, {f"adapter.{key}": value for key, value in given.items()})
        return build_model(settings, tiny_backbone())

    return make


@pytest.fixture
def document() -> TokenisedDocument:
    ids = torch.randint(2, 60, (TOKENS,), generator=torch.Generator().manual_seed(1))
    return TokenisedDocument("d", ids.int(), list(range(TOKENS)), "digest")


def _joined(cache: FeatureCache, document: TokenisedDocument, n: int) -> torch.Tensor:
    segments = cache.segments(document, 0, TOKENS, n)
    return torch.cat([segment.inputs_BND[0] for segment in segments])


@pytest.mark.parametrize("dtype", ["int8", "bfloat16", "float32"])
@pytest.mark.parametrize("n", [8, 11])  # within the windows, and across their seams
def test_stored_and_computed_features_are_the_models(
    make_model: Callable[..., LcircForCausalLM],
    document: TokenisedDocument,
    tmp_path: Path,
    dtype: str,
    n: int,
) -> None:
    model = make_model(dtype=dtype)
    windows = document.ids_N.long().split(model.adapter.config.feature_window)
    blocks = [store(model.features(window[None])[0], dtype) for window in windows]
    expected = torch.cat([restore(block, dtype=torch.float32) for block in blocks])
    with torch.autocast("cpu", torch.bfloat16):  # as in a training step
        computed = _joined(FeatureCache(model, None, fingerprint="x"), document, n)
        stored = _joined(FeatureCache(model, tmp_path, fingerprint="x"), document, n)
    assert torch.equal(computed, expected)
    assert torch.equal(stored, expected)
    (path,) = tmp_path.glob("*/digest.safetensors")
    assert torch.equal(load_file(path)["codes"], torch.cat([block.codes_ND for block in blocks]))


def test_parts_of_documents_follow_one_another(
    make_model: Callable[..., LcircForCausalLM], document: TokenisedDocument, tmp_path: Path
) -> None:
    cache = FeatureCache(make_model(), tmp_path, fingerprint="x")
    whole = _joined(cache, document, TOKENS)
    segments = cache.joined([(document, 20, TOKENS), (document, 0, 10)], 8)
    assert [segment.inputs_BND.shape[1] for segment in segments] == [8, 8, 5, 8, 2]
    rows = torch.cat([segment.inputs_BND[0] for segment in segments])
    assert torch.equal(rows, torch.cat([whole[20:], whole[:10]]))
    assert torch.equal(segments[-1].inputs_BND, segments[3:][1].inputs_BND)


@pytest.mark.parametrize("inputs", [0, 1])
def test_a_segment_is_read_when_it_is_asked_for(
    make_model: Callable[..., LcircForCausalLM],
    document: TokenisedDocument,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: int,
) -> None:
    cache = FeatureCache(make_model(inputs), tmp_path, fingerprint="x")
    read: list[tuple[int, int]] = []
    real = cache.inputs

    def noted(document: TokenisedDocument, start: int, end: int) -> torch.Tensor:
        read.append((start, end))
        return real(document, start, end)

    monkeypatch.setattr(cache, "inputs", noted)
    segments = cache.segments(document, 0, TOKENS, 8)
    assert len(segments) == 6 and not read
    assert segments[2].inputs_BND.shape[1] == 8
    assert read == [(16, 24)]
