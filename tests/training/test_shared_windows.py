"""Windows that questions share: what stands in them, what is asked, what is to be said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcirc_cli.errors import UsageError
from lcirc_cli.prompts import load
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data import shared_windows
from lcirc_cli.training.data.corpus import Corpus, Question, load_corpus
from lcirc_cli.training.data.shared_windows import SharedWindow, WindowDrawer, share
from lcirc_cli.training.settings import TrainSettings

FACTS = [
    ("The mill at Arden was built in 1702.", "When was the mill built?", "1702"),
    ("The ferry belongs to Anselm Trotter.", "Who owns the ferry?", "Anselm Trotter"),
    ("Grain is kept in the north barn.", "Where is grain kept?", "the north barn"),
    ("The school opened on a Monday in May.", "When did the school open?", "a Monday in May"),
    ("The bridge is forty metres long.", "How long is the bridge?", "forty metres"),
]
FILLER = "Nothing else of note was written down about those years, which were quiet ones. "


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny tokenizer needs several tokens for a word."""
    monkeypatch.setattr(shared_windows, "MOST_TOKENS", 10**6)


@pytest.fixture
def backbone(tiny_backbone: Callable[..., Any]) -> Any:
    return tiny_backbone()


@pytest.fixture
def corpus(tmp_path: Path, backbone: Any) -> Corpus:
    """One document with five facts far apart, and one with a question that it does not answer."""
    text = "".join(f"{fact} {FILLER * 9}\n\n" for fact, _, _ in FACTS)
    rows = [
        {
            "document_id": "a",
            "question": question,
            "answers": [answer],
            "evidence": [[text.index(fact), text.index(fact) + len(fact)]],
        }
        for fact, question, answer in FACTS
    ]
    rows.append({"document_id": "b", "question": "Who is Ilse?", "answers": [], "evidence": []})
    documents = [{"id": "a", "text": text}, {"id": "b", "text": FILLER * 20}]
    _write(tmp_path / "documents.jsonl", documents)
    _write(tmp_path / "qa.jsonl", rows)
    return load_corpus([tmp_path], backbone)


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _settings(**changes: Any) -> TrainSettings:
    """Nothing made unanswerable, no other wording: every row is a question as it is."""
    plain: dict[str, Any] = {
        "method": "reader",
        "unanswerable": 0.0,
        "evidence_removed": 0.0,
        "multiple_choice": 0.0,
        "wordings": 0.0,
        "history": 0.0,
        "asked_windows": 0.0,
        "window_tokens": 2500,  # the tiny tokenizer needs several for a word
    }
    return make_settings(None, {**plain, **changes})


def _texts(backbone: Any, window: SharedWindow) -> list[tuple[str, str]]:
    """(prompt, answer) of each row as text."""
    decode = backbone.tokenizer.decode
    return [
        (
            decode([*window.shared, *row.prompt]),
            decode(row.answer, skip_special_tokens=True).strip(),
        )
        for row in window.rows
    ]


def _drawn(backbone: Any, corpus: Corpus, count: int = 60, **changes: Any) -> list[SharedWindow]:
    drawer = WindowDrawer(backbone, corpus, _settings(**changes))
    return [drawer.draw(step, 0) for step in range(count)]


def test_a_window_is_a_function_of_seed_step_and_slot(backbone: Any, corpus: Corpus) -> None:
    changes = {"unanswerable": 0.3, "wordings": 0.5, "history": 0.5, "asked_windows": 0.5}
    first = _drawn(backbone, corpus, 20, **changes)
    assert first == _drawn(backbone, corpus, 20, **changes)
    assert first != _drawn(backbone, corpus, 20, **changes, seed=1)


def test_answered_questions_have_their_evidence_in_the_window(
    backbone: Any, corpus: Corpus
) -> None:
    facts = {question: (fact, answer) for fact, question, answer in FACTS}
    several = 0
    for window in _drawn(backbone, corpus, window_tokens=3500):
        several += len(window.rows) > 1
        for prompt, answer in _texts(backbone, window):
            question = prompt.rpartition("Question: ")[2].removesuffix("\nAnswer:")
            if question in facts:
                fact, right = facts[question]
                assert fact in prompt and answer == right
            else:
                assert (question, answer) == ("Who is Ilse?", load("refusal.txt"))
    assert several > 5


def test_what_is_shared_and_the_rows_make_the_prompts_of_ask(backbone: Any, corpus: Corpus) -> None:
    for window in _drawn(backbone, corpus, 20):
        for prompt, _ in _texts(backbone, window):
            passages, _, asked = prompt.rpartition("\n\nQuestion: ")
            assert passages and asked.endswith("\nAnswer:")
            assert backbone.tokenizer(prompt)["input_ids"] in [
                [*window.shared, *row.prompt] for row in window.rows
            ]


def test_without_its_evidence_a_question_is_refused(backbone: Any, corpus: Corpus) -> None:
    facts = {question: fact for fact, question, _ in FACTS}
    refused = 0
    for window in _drawn(backbone, corpus, evidence_removed=1.0):
        for prompt, answer in _texts(backbone, window):
            question = prompt.rpartition("Question: ")[2].removesuffix("\nAnswer:")
            if question in facts and answer == load("refusal.txt"):
                refused += 1
                assert facts[question] not in prompt
    assert refused > 20


def test_unanswerable_questions_are_near_and_not_answered(backbone: Any, corpus: Corpus) -> None:
    """Those of the same document whose evidence is not shown, or whose answer stands nowhere."""
    answers = {question: answer for _, question, answer in FACTS}
    made = 0
    for window in _drawn(backbone, corpus, unanswerable=1.0, altered=0.0):
        for prompt, answer in _texts(backbone, window):
            passages, _, asked = prompt.rpartition("Question: ")
            question = asked.removesuffix("\nAnswer:")
            if answer == load("refusal.txt") and question in answers:
                made += 1
                assert answers[question] not in passages
    assert made > 20


def test_answers_that_are_too_long_are_left_out_and_counted(backbone: Any, corpus: Corpus) -> None:
    drawer = WindowDrawer(backbone, corpus, _settings(answer_tokens=5))
    longer = sum(len(shared_windows.answer_ids(backbone, answer)) > 5 for _, _, answer in FACTS)
    assert drawer.too_long == longer > 0


def test_small_sets_are_drawn_more_often_at_a_higher_temperature(
    backbone: Any, corpus: Corpus
) -> None:
    """Two sets of 1 and 5 questions: 1 in 6 at temperature 1, 1 in 1 + sqrt(5) at 2."""
    corpus = Corpus(corpus.documents, corpus.questions, sources=[0, 1])
    for temperature in (1.0, 2.0):
        drawer = WindowDrawer(backbone, corpus, _settings(temperature=temperature))
        small = 1 / (1 + 5 ** (1 / temperature))
        assert drawer._weights.tolist() == pytest.approx([1 - small, small])


def test_a_question_s_own_history_stands_before_it(backbone: Any, corpus: Corpus) -> None:
    first = corpus.questions[0][0]
    followed = Question(
        0, "And who built it?", ("Holm",), first.evidence, history=(("When?", "In 1702."),)
    )
    alone = Corpus(corpus.documents, [[followed], []])
    (prompt, _), *_ = _texts(backbone, _drawn(backbone, alone, 1, wordings=1.0)[0])
    assert prompt.endswith(
        "\n\nQuestion: When?\nAnswer: In 1702.\n\nQuestion: And who built it?\nAnswer:"
    )


def test_derived_answers_are_preferred_to_their_clause(backbone: Any, corpus: Corpus) -> None:
    first = corpus.questions[0][0]
    derived = Question(0, first.text, ("short", "the long clause"), first.evidence, kind="derived")
    alone = Corpus(corpus.documents, [[derived], []])
    for window in _drawn(backbone, alone, 8):
        assert [answer for _, answer in _texts(backbone, window)] == ["short"]


def test_evidence_that_never_fits_is_told(backbone: Any, corpus: Corpus) -> None:
    whole = Question(0, "Everything?", ("yes",), ((0, len(corpus.documents[0].ids_N)),))
    alone = Corpus(corpus.documents, [[whole], []])
    with pytest.raises(UsageError, match="window_tokens"):
        _drawn(backbone, alone, 1)


def test_a_window_holds_as_many_questions_as_there_is_room_for(
    backbone: Any, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _drawn(backbone, corpus, 20, window_tokens=3500)
    most = max(_size(window) for window in whole) - 1
    monkeypatch.setattr(shared_windows, "MOST_TOKENS", most)
    cut = _drawn(backbone, corpus, 20, window_tokens=3500)
    assert all(_size(window) <= most or len(window.rows) == 1 for window in cut)
    for window, small in zip(whole, cut, strict=True):
        assert small.shared == window.shared
        assert small.rows == window.rows[: len(small.rows)]
    assert cut != whole


def _size(window: SharedWindow) -> int:
    return len(window.shared) + sum(len(row.prompt) + len(row.answer) for row in window.rows)


def test_sharing_leaves_every_prompt_a_token_of_its_own() -> None:
    window = share([[1, 2, 3], [1, 2, 3, 4]], [[7], [8]])
    assert window.shared == [1, 2]
    assert [row.prompt for row in window.rows] == [[3], [3, 4]]
    assert share([[5]], [[6]]).shared == []


def test_options_and_yes_or_no(backbone: Any, corpus: Corpus) -> None:
    first = corpus.questions[0][0]
    asked = Question(
        0, "Is this statement true? It is old.", ("Yes",), first.evidence, ("Yes", "No")
    )
    alone = Corpus(corpus.documents, [[asked], []])
    said = {
        answer
        for w in _drawn(backbone, alone, 80, multiple_choice=0.3)
        for _, answer in _texts(backbone, w)
    }
    assert {"Yes", "True"} < said
    assert said <= {"Yes", "True", "A", "B", "A. Yes", "B. Yes"}
    assert np.array(sorted(said)).size >= 4
