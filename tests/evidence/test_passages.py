"""Passages: about 120 words, every word in exactly one, tokens divided, headings kept."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import PassageIndex, Text
from lcirc_cli.evidence.passages import MAX_WORDS, passage_ranges

from .memories import memory, sentences


def test_about_120_words_at_sentence_ends() -> None:
    text = sentences(*(f"guest{n}" for n in range(100)), words=17)
    ranges = list(passage_ranges(text))
    sizes = [len(text[a:b].split()) for a, b in ranges]
    assert all(100 <= size <= 140 for size in sizes[:-1])
    assert all(text[a:b].startswith("Here the") and text[a:b].endswith(".") for a, b in ranges)


def test_paragraphs_are_kept_together() -> None:
    paragraph = sentences("one", "two", "three", words=33)
    text = "\n\n".join([paragraph] * 6)
    assert [text[a:b] for a, b in passage_ranges(text)] == [paragraph] * 6


def test_a_heading_stays_with_what_follows() -> None:
    parts = [f"Chapter {n}\n\n" + sentences("cat", "dog", words=40) for n in range(8)]
    text = "\n\n".join(parts)
    for start, end in passage_ranges(text):
        last_line = text[start:end].rsplit("\n", 1)[-1]
        assert not last_line.startswith("Chapter")
    beginnings = [text[start:end].split("\n")[0] for start, end in passage_ranges(text)]
    assert all(line.startswith("Chapter") for line in beginnings)


@pytest.mark.parametrize("text", ["word " * 2000, "字" * 2000, "x" * 30_000, "a b\n" * 3000])
def test_text_without_sentences(text: str) -> None:
    ranges = list(passage_ranges(text))
    assert len(ranges) > 10
    assert all(0 < b - a <= 12 * (MAX_WORDS + 1) for a, b in ranges)
    if text.startswith("word"):
        assert all(80 <= len(text[a:b].split()) <= 160 for a, b in ranges[:-1])


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(
        st.text(alphabet=st.sampled_from(" \n.ABc文字"), max_size=60).map(lambda t: t * 30),
        min_size=1,
        max_size=3,
    )
)
def test_every_word_and_token_is_in_exactly_one(texts: list[str]) -> None:
    documents = memory(*texts)
    passages = PassageIndex(documents).passages
    first = 0
    for index, document in enumerate(documents):
        own = [passage for passage in passages if passage.document == index]
        position, token = 0, first
        for passage in own:
            assert document.text[position : passage.start].strip() == ""
            assert passage.first_token == token
            position, token = passage.end, passage.end_token
        assert document.text[position:].strip() == ""
        first += len(document.starts)
        if own:
            assert token == first
    assert [p.document for p in passages] == sorted(p.document for p in passages)


def test_tokens_lie_in_their_passage() -> None:
    texts = memory(sentences(*"abcdefgh"), sentences(*"ijklmnop"))
    passages = PassageIndex(texts).passages
    assert len(passages) >= 4
    tokens = [(index, start) for index, text in enumerate(texts) for start in text.starts]
    for passage in passages:
        own = tokens[passage.first_token : passage.end_token]
        assert own and all(passage.start - 3 <= start < passage.end for _, start in own)
        assert {index for index, _ in own} == {passage.document}


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=3).map(sorted), character=st.integers(0, 39))
def test_the_page_of_a_character(cuts: list[int], character: int) -> None:
    pages = [Page(n, None, a, b) for n, (a, b) in enumerate(pairwise([0, *cuts, 40]), start=1)]
    (text,) = memory("y" * 40, pages=pages)
    assert [text.page_at(character)] == [p for p in pages if p.start <= character < p.end]


def test_a_format_without_pages_has_none() -> None:
    assert Text("no pages", "text", np.zeros(1, np.int64)).page_at(0) is None


def test_a_million_characters_take_seconds() -> None:
    text = sentences(*(f"guest{n}" for n in range(8000)))
    assert len(text) > 900_000
    start = time.process_time()
    assert len(list(passage_ranges(text))) > 1000
    assert time.process_time() - start < 5
