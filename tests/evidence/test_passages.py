"""Passages: about 120 words, every word in exactly one, tokens divided, headings kept."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.evidence import split_passages
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
    contents = memory(*texts)
    passages = split_passages(contents)
    for index, document in enumerate(contents.documents):
        own = [passage for passage in passages if passage.document == index]
        position, token = 0, document.first_token
        for passage in own:
            assert document.text[position : passage.start].strip() == ""
            assert passage.first_token == token
            position, token = passage.end, passage.end_token
        assert document.text[position:].strip() == ""
        if own:
            assert token == document.first_token + document.num_tokens
    assert [p.document for p in passages] == sorted(p.document for p in passages)


def test_tokens_lie_in_their_passage() -> None:
    contents = memory(sentences(*"abcdefgh"), sentences(*"ijklmnop"))
    passages = split_passages(contents)
    assert len(passages) >= 4
    for passage in passages:
        starts = contents.token_starts[passage.first_token : passage.end_token].tolist()
        assert starts and all(passage.start - 3 <= start < passage.end for start in starts)
        assert {
            contents.document_of_token(t) for t in range(passage.first_token, passage.end_token)
        } == {passage.document}


def test_a_million_characters_take_seconds() -> None:
    text = sentences(*(f"guest{n}" for n in range(8000)))
    assert len(text) > 900_000
    start = time.process_time()
    assert len(list(passage_ranges(text))) > 1000
    assert time.process_time() - start < 5
