"""Each benchmark's own truncation, on a tokenizer that can be followed by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lcirc_cli.bench.systems.truncation import head_words, leval_limit, middle, paper_middle


class Characters:
    """One token a character, and a start token that decoding leaves out."""

    def encode(self, text: str, /, **_: Any) -> list[int]:
        return [0, *map(ord, text)]

    def decode(self, ids: Sequence[int], /, **_: Any) -> str:
        return "".join(chr(i) for i in ids if i)


class Words:
    """One token a word."""

    def encode(self, text: str, /, **_: Any) -> list[int]:
        return [1] * len(text.split())

    def decode(self, ids: Sequence[int], /, **_: Any) -> str:
        raise AssertionError("the head of a document is cut in words")


def test_a_prompt_that_fits_is_never_touched() -> None:
    for text in ("", "abc", "abcdefghi"):
        assert middle(text, limit=10, tokens=Characters()).text == text
        assert middle(text, limit=10, tokens=Characters(), join=True).dropped == 0
        assert head_words(text, limit=10, tokens=Words()).text == text


def test_the_middle_goes_and_the_halves_stay() -> None:
    fitted = middle("abcdefghijkl", limit=6, tokens=Characters())
    assert (fitted.text, fitted.dropped) == ("abjkl", 7)  # the start token is one of the first 3
    assert middle("abcdefghijkl", limit=6, tokens=Characters(), join=True).text == "abjkl"


def test_an_odd_limit_leaves_one_token_unused() -> None:
    fitted = middle("abcdefghijkl", limit=7, tokens=Characters())
    assert (fitted.text, fitted.dropped) == ("abjkl", 7)


def test_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 tokens"):
        middle("abc", limit=1, tokens=Characters())


def test_the_head_is_kept_in_words_and_steps_of_250() -> None:
    text = " ".join(f"w{i}" for i in range(2000))
    assert head_words(text, limit=1000, tokens=Words()).text.split()[-1] == "w999"

    class TwoAWord(Words):
        def encode(self, text: str, /, **_: Any) -> list[int]:
            return [1] * (2 * len(text.split()))

    fitted = head_words(text, limit=1000, tokens=TwoAWord())
    assert len(fitted.text.split()) == 500  # 1000, 750, 500 words: the first that fits
    assert fitted.dropped == 4000 - 1000


def test_a_document_without_spaces_ends_empty_and_not_in_a_loop() -> None:
    fitted = head_words("x" * 5000, limit=100, tokens=Characters())
    assert (fitted.text, fitted.dropped) == ("", 5000)


def test_the_limit_of_leval() -> None:
    assert leval_limit(4096, max_new_tokens=512, around=60) == 3488  # "4k" is 4,000 there
    assert leval_limit(4096, max_new_tokens=512, around=200) == 3384  # what really fits
    assert leval_limit(1024, max_new_tokens=512, around=900) == 0


def test_the_paper_repeats_what_is_short() -> None:
    assert paper_middle(range(10), limit=6) == [0, 1, 2, 7, 8, 9]
    assert paper_middle(range(3), limit=4) == [0, 1, 1, 2]
    assert paper_middle(range(2), limit=8) == [0, 1, 0, 1]
