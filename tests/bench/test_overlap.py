"""F1, exact match and ROUGE: hand-made cases, and random pairs against independent code."""

from __future__ import annotations

import random
import re
import string

import pytest
from rouge_score import rouge_scorer

from lcirc_cli.bench.metrics import rouge
from lcirc_cli.qa import scoring

WORDS = [
    *"the a an The cat dog dogs' sat, mat. run-on (yes) no 42 3.5 New York U.S. don't".split(),
    *"é naïve “quoted” — x AN tHe and".split(),
]

# (text, normalised, normalised with case)
NORMALISED = [
    ("The cat.", "cat", "The cat"),
    ("a-b", "ab", "ab"),
    ("An apple a day", "apple day", "An apple day"),
    ("  two   spaces\n", "two spaces", "two spaces"),
    ("theatre", "theatre", "theatre"),
    ("A", "", "A"),
    ("U.S.", "us", "US"),
    ("“the”", "“ ”", "“ ”"),
    ("the-end", "theend", "theend"),
    ("don't", "dont", "dont"),
    ("", "", ""),
    ("?!", "", ""),
]


@pytest.mark.parametrize(("text", "plain", "cased"), NORMALISED)
def test_normalise(text: str, plain: str, cased: str) -> None:
    assert scoring.normalise(text) == plain
    assert scoring.normalise(text, keep_case=True) == cased


# (answer, reference, F1)
OVERLAP = [
    ("cat", "cat", 1.0),
    ("the cat", "a cat", 1.0),
    ("cat dog", "cat", 2 / 3),
    ("cat", "cat dog", 2 / 3),
    ("cat cat", "cat", 2 / 3),
    ("cat cat", "cat cat", 1.0),
    ("cat cat dog", "cat dog dog", 2 / 3),
    ("dog", "cat", 0.0),
    ("", "cat", 0.0),
    ("cat", "", 0.0),
    ("", "", 0.0),
    ("the", "a", 0.0),  # nothing is left of either
    ("Cat!", "cat", 1.0),
    ("in 1912", "1912", 2 / 3),
    ("New York City", "New York", 0.8),
    ("one two three four", "one", 0.4),
    ("yes\nQuestion: and more text here", "yes", 2 / 6 / (1 / 6 + 1)),  # no cut at a line
    ("3.5", "35", 1.0),
    ("well-known", "well known", 0.0),
    ("university of toronto", "University of Toronto", 1.0),
]


@pytest.mark.parametrize(("answer", "reference", "expected"), OVERLAP)
def test_token_f1(answer: str, reference: str, expected: float) -> None:
    assert scoring.token_f1(answer, reference) == pytest.approx(expected, abs=1e-12)


def test_best_f1_is_the_maximum_and_needs_no_reference() -> None:
    assert scoring.best_f1("UT", ("University of Toronto", "UT")) == 1.0
    assert scoring.best_f1("UT", ()) == 0.0


@pytest.mark.parametrize(
    ("answer", "references", "expected"),
    [
        ("The cat", ("cat",), 1.0),
        ("cat dog", ("cat",), 0.0),
        ("UT", ("University of Toronto", "ut."), 1.0),
        ("", ("",), 1.0),
        ("x", (), 0.0),
    ],
)
def test_exact(answer: str, references: tuple[str, ...], expected: float) -> None:
    assert scoring.exact(answer, references) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nb", "a"), ("\n\na\nb", "a"), ("a", "a"), ("", ""), (" \na", " "), ("\n", "")],
)
def test_first_line(text: str, line: str) -> None:
    assert scoring.first_line(text) == line


def _slow_f1(answer: str, reference: str) -> float:
    """Written apart: removes one match at a time from a list."""

    def cut(text: str) -> list[str]:
        kept = "".join(" " if c.isspace() else c for c in text.lower() if c not in PUNCTUATION)
        return [w for w in re.split(r"\s+", kept) if w and w not in ("a", "an", "the")]

    given, wanted = cut(answer), cut(reference)
    left, same = list(wanted), 0
    for word in given:
        if word in left:
            left.remove(word)
            same += 1
    return 2 * same / (len(given) + len(wanted)) if same else 0.0


PUNCTUATION = set(string.punctuation)


def _pairs(count: int) -> list[tuple[str, str]]:
    draw = random.Random(4)
    texts = [
        draw.choice([" ", "  ", "\n"]).join(draw.choices(WORDS, k=draw.randint(0, 25)))
        for _ in range(2 * count)
    ]
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_a_thousand_pairs_agree_with_an_independent_f1() -> None:
    for answer, reference in _pairs(1000):
        # A quoted article is one word to the plain version, so those words are left out here.
        pair = [text.replace("“quoted”", "quoted") for text in (answer, reference)]
        assert scoring.token_f1(*pair) == pytest.approx(_slow_f1(*pair), abs=1e-9)


def test_a_thousand_pairs_agree_with_rouge_score() -> None:
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    for answer, reference in _pairs(1000):
        theirs = scorer.score(reference, answer)
        ours = {
            "rouge1": rouge.rouge_n(answer, reference, n=1),
            "rouge2": rouge.rouge_n(answer, reference, n=2),
            "rougeL": rouge.rouge_l(answer, reference),
        }
        for name, value in ours.items():
            assert value == pytest.approx(theirs[name].fmeasure, abs=1e-9), (answer, reference)


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [("abc", "abc", 3), ("abc", "cba", 1), ("", "a", 0), ("axbxc", "abc", 3), ("aab", "aba", 2)],
)
def test_longest_common_subsequence(first: str, second: str, length: int) -> None:
    assert rouge.longest_common_subsequence(first, second) == length
