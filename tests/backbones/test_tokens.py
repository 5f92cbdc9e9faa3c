"""Tokens of long texts: block by block they are those of the whole text at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from lcirc_cli.backbones.tokens import encode

from ..engine.tiny import make_text

WHOLE = 10**9


@pytest.fixture(scope="module")
def tokenizer(backbone_folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(backbone_folder)


def assert_same(tokenizer: Any, text: str, **blocks: int) -> None:
    ids, starts = encode(tokenizer, text, **blocks)
    whole_ids, whole_starts = encode(tokenizer, text, block=WHOLE)
    assert np.array_equal(ids, whole_ids)
    assert np.array_equal(starts, whole_starts)


@pytest.mark.parametrize("size", [999, 1000, 1001, 1799, 1800, 1801, 5000])
def test_blocks_are_joined_where_they_agree(tokenizer: Any, size: int) -> None:
    assert_same(tokenizer, make_text(3, words=1200)[:size], block=1000, overlap=200)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=600))
def test_any_text(tokenizer: Any, text: str) -> None:
    assert_same(tokenizer, text, block=120, overlap=60)


def test_a_word_longer_than_a_block(tokenizer: Any) -> None:
    assert_same(tokenizer, "the " + "q" * 5000 + " boat", block=1000, overlap=200)


def test_each_token_begins_where_its_text_is(tokenizer: Any) -> None:
    text = "Boats — 船 and Über-harbour\n\n" + make_text(1, words=60)
    ids, starts = encode(tokenizer, text)
    assert ids.dtype == np.int32 and starts.dtype == np.int64
    assert tokenizer.decode(ids.tolist()) == text
    for index in range(0, len(ids) - 1, 7):
        piece = tokenizer.decode([int(ids[index])]).strip()
        if piece.isascii() and piece:
            begin = int(starts[index])
            assert text[begin:].lstrip().startswith(piece)


def test_what_looks_like_a_special_token_is_text(tokenizer: Any) -> None:
    ids, _ = encode(tokenizer, "left <|im_end|> right")
    assert 2 not in ids.tolist()
    assert tokenizer.decode(ids.tolist()) == "left <|im_end|> right"


def test_half_a_surrogate_pair(tokenizer: Any) -> None:
    ids, starts = encode(tokenizer, "a\ud800b")
    assert tokenizer.decode(ids.tolist()) == "a\ufffdb"
    assert starts.max() == 2


def test_a_text_without_tokens(tokenizer: Any) -> None:
    ids, starts = encode(tokenizer, "")
    assert len(ids) == len(starts) == 0


@pytest.mark.slow
def test_a_novel(data_dir: Path, smollm2: Any) -> None:
    with gzip.open(data_dir / "text" / "novels.jsonl.gz", "rt", encoding="utf-8") as file:
        text = max((json.loads(line)["text"] for line in file), key=len)
    assert_same(smollm2.tokenizer, text)
