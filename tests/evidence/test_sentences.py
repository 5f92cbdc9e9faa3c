"""Where sentences end, in several scripts; nothing is lost; no text takes more than linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.evidence.sentences import MAX_WORDS, PIECE_WORDS, size_in_words, split_sentences


def pieces(text: str) -> list[str]:
    return [text[sentence.start : sentence.end] for sentence in split_sentences(text)]


def kinds(text: str) -> list[str]:
    return [sentence.opens for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there! Three? Yes.", ["One here.", "Two there!", "Three?", "Yes."]),
        ("He said “Stop.” She went.", ["He said “Stop.”", "She went."]),
        ("Dr. Smith met J. R. Jones. They spoke.", ["Dr. Smith met J. R. Jones.", "They spoke."]),
        ("See Fig. 3 and p. 4. Then go on.", ["See Fig. 3 and p. 4.", "Then go on."]),
        ("He said no. Then he went.", ["He said no.", "Then he went."]),
        ("It is No. 7 of ten. Look.", ["It is No. 7 of ten.", "Look."]),
        (
            "10. Many questions\nTen came in 1910. Then more.",
            ["10. Many questions\nTen came in 1910.", "Then more."],
        ),
        ("Vitamin C. It is good.", ["Vitamin C.", "It is good."]),
        ("Version 3.9.4 came out. It was good.", ["Version 3.9.4 came out.", "It was good."]),
        ("It cost ... much. Well.", ["It cost ... much.", "Well."]),
        ("第一句。第二句！「第三句。」第四", ["第一句。", "第二句！", "「第三句。」", "第四"]),
        ("ما هذا؟ هذا كتاب.", ["ما هذا؟", "هذا كتاب."]),
        ("यह पहला है। यह दूसरा है।", ["यह पहला है।", "यह दूसरा है।"]),
        ("A list:\n- one\n- two\n1. three", ["A list:", "- one", "- two", "1. three"]),
        ("A line\nthat goes on. End.", ["A line\nthat goes on.", "End."]),
        ("Over the page\n\nit goes on. End.", ["Over the page\n\nit goes on.", "End."]),
        ("   ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_headings_and_paragraphs() -> None:
    text = "# Title\n\nA paragraph. More of it.\n\nShort heading\n\nAnother paragraph."
    assert kinds(text) == ["heading", "paragraph", "sentence", "heading", "paragraph"]
    assert kinds("It ends here.\n\nNo, it does not.") == ["paragraph", "paragraph"]


def test_a_part_of_a_text_is_split_like_the_whole() -> None:
    text = "Before it. The part. Has two. After it."
    part = [(s.start, s.end) for s in split_sentences(text, 11, 29)]
    assert [text[a:b] for a, b in part] == ["The part.", "Has two."]


@pytest.mark.parametrize("text", ["word " * 1000, "字" * 1000, "x" * 20_000])
def test_text_without_sentences_is_cut_by_size(text: str) -> None:
    found = list(split_sentences(text))
    assert len(found) > 10
    assert all(sentence.size <= PIECE_WORDS + 1 for sentence in found)
    assert {sentence.opens for sentence in found[1:]} == {"piece"}
    if " " in text:
        assert all(text[s.start : s.end].split() == ["word"] * int(s.size) for s in found)


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.sampled_from(" \n.!?。A bcd1-#(”文字"), max_size=200) | st.text())
def test_nothing_is_lost(text: str) -> None:
    found = list(split_sentences(text))
    position = 0
    for sentence in found:
        assert text[position : sentence.start].strip() == ""
        held = text[sentence.start : sentence.end]
        assert held and held == held.strip()
        assert 0 < sentence.size <= MAX_WORDS
        position = sentence.end
    assert text[position:].strip() == ""


def test_size_counts_words_and_unspaced_characters() -> None:
    assert size_in_words("three short words", 0, 17) == 3
    assert size_in_words("汉字五个字", 0, 5) == 5
    assert size_in_words("x" * 1200, 0, 1200) == 100


HOSTILE = {
    "full stops": ".",
    "spaces": " ",
    "new lines": "\n",
    "blank lines": "\n \n",
    "letters": "a",
    "closing brackets": ")",
    "spaced full stops": ". ",
    "wide full stops": "。",
    "numbers": "\n1.",
    "bullets": "\n- a",
    "hashes": "#",
    "long blank lines": "\n" + " " * 999,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str) -> None:
    def seconds(size: int) -> float:
        text = HOSTILE[name] * (size // len(HOSTILE[name]))
        start = time.process_time()
        for _ in split_sentences(text):
            pass
        return time.process_time() - start

    # Quadratic time would be 64 times as long, and minutes for the larger text.
    assert seconds(400_000) < 20 * seconds(50_000) + 0.2
