"""How an answer, its citations and what is said of both are written."""

from __future__ import annotations

import os
import pty
import sys
from typing import Any

import pytest

from lcirc_cli.answering.answer import Answer, Timings, TokenCounts
from lcirc_cli.answering.told import answer_lines, citation_lines
from lcirc_cli.commands.draft import draft
from lcirc_cli.commands.printing import print_notes
from lcirc_cli.evidence import Citation
from lcirc_cli.prompts import REFUSAL


def _citation(score: float = 0.5, **changes: Any) -> Citation:
    place = {"page": 32, "pages": (32, 32), "label": None, **changes}
    return Citation(
        "a.pdf", 0, section=None, start=0, end=2, quote="It", score=score, parts=((0, 2),), **place
    )


def _answer(text: str = "1702", *scores: float, **changes: Any) -> Answer:
    given: dict[str, Any] = {"found": True, "shown": 9, **changes}
    return Answer(
        question="When was it built?",
        answer=text,
        citations=tuple(_citation(score) for score in scores),
        tokens=TokenCounts(90, 30, given.pop("memory", 4), 1),
        timings=Timings(0.0, 0.0, 0.0, 0.0),
        method="qd-lcirc",
        window="evidence",
        model="m",
        adapter="a",
        memory_sha256=None,
        left_out=0,
        **given,
    )


@pytest.mark.parametrize(
    ("page", "pages", "label", "place"),
    [
        (32, (32, 32), None, "p. 32"),
        (32, (32, 32), "32", "p. 32"),
        (32, (32, 32), "18", "p. 32 (printed 18)"),
        (4, (4, 4), "iv", "p. 4 (printed iv)"),
        (33, (32, 33), None, "pp. 32-33"),
        (33, (32, 33), "A-3", "pp. 32-33 (33 printed A-3)"),
    ],
)
def test_pages_and_printed_numbers(
    page: int, pages: tuple[int, int], label: str | None, place: str
) -> None:
    answer = _answer()
    object.__setattr__(answer, "citations", (_citation(page=page, pages=pages, label=label),))
    assert [*citation_lines(answer)] == [f'[1] a.pdf, {place} (0.50): "It"']


STRONG, WEAK = '[1] a.pdf, p. 32 (0.80): "It"', '[1] a.pdf, p. 32 (0.40): "It"'
NO = {"found": False}


@pytest.mark.parametrize(
    ("answer", "lines", "warns"),
    [
        (_answer("1702", 0.8, confidence=0.9), ["1702", STRONG], False),
        (_answer("1702", 0.4, confidence=0.9), ["1702", WEAK], False),
        (_answer("1702", 0.8, confidence=0.3), ["not sure: 1702", STRONG], False),
        (_answer("1702", 0.4, confidence=0.3), ["not sure: 1702", WEAK], True),
        (
            _answer(REFUSAL, 0.8, confidence=0.9, **NO),
            [STRONG, "No short answer read; see [1]"],
            False,
        ),
        (_answer(REFUSAL, 0.4, confidence=0.9, **NO), [REFUSAL, WEAK], True),
        (_answer(REFUSAL, 0.4, confidence=0.4, **NO), [f"not sure: {REFUSAL}", WEAK], True),
        (_answer(REFUSAL, confidence=0.9, **NO), [REFUSAL], True),
        (_answer("", 0.8), ["The model gave an empty answer; see [1]", STRONG], False),
        (_answer(""), ["The model gave an empty answer"], False),
        # without a score: what is found goes by the words of the question
        (_answer("1702", 0.4), ["1702", WEAK], False),
        (_answer("1702", 0.4, **NO), ["1702", WEAK], True),
        (_answer("1702", 0.8, **NO), ["1702", STRONG], False),
        (_answer(REFUSAL, 0.8, **NO), [STRONG, "No short answer read; see [1]"], False),
    ],
)
def test_an_answer_and_its_quotes_say_one_thing(
    answer: Answer, lines: list[str], warns: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning stands where both are weak, and nowhere else."""
    assert [*answer_lines(answer)] == lines
    print_notes(answer)
    assert ("may not contain the answer" in capsys.readouterr().err) is warns


@pytest.mark.parametrize(
    ("memory", "rests"), [(4, "the compressed memory alone"), (0, "what the model knows alone")]
)
def test_an_answer_from_no_text_says_so(
    memory: int, rests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_notes(_answer(shown=0, memory=memory))
    assert rests in capsys.readouterr().err
    print_notes(_answer(shown=9, memory=memory))
    assert "no text of the document" not in capsys.readouterr().err


@pytest.mark.parametrize("terminal", ["xterm", "dumb", None])
def test_a_draft_is_seen_and_leaves_nothing(
    terminal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe, and where nothing can be taken back, there is none."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    monkeypatch.setenv("TERM", terminal or "xterm")
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with draft() as show:
            assert (show is None) == (terminal != "xterm")
            for piece in ("the brewer", " Jon\x1b[2J", "as"):
                if show is not None:
                    show(piece)
        stream.write("end")
        stream.flush()
        seen = os.read(ours, 4096).decode()
        while not seen.endswith("end"):  # a terminal gives what there is so far
            seen += os.read(ours, 4096).decode()
    os.close(ours)
    if terminal != "xterm":
        assert seen == "end"
        return
    assert "the brewer" in seen and "\x1b[2J" not in seen
    left = seen.rpartition("as")[2]
    assert "\x1b[2K" in left and left.endswith("end")  # its line is empty when "end" is written
