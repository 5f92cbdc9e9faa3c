"""Metrics applied to samples: which values come out, blanks, format failures, headlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lcirc_cli.bench.metrics import METRICS, score, worst
from lcirc_cli.bench.sample import Output, Prompt, Sample, TextSample
from lcirc_cli.qa.scoring import is_refusal

BASE = Sample(
    id="1",
    document_id="d",
    document="The mill burned down in 1912. Nobody was hurt.",
    question="When?",
    prompt=Prompt("", ""),
    answers=("in 1912", "1912"),
    metric="squad",
    max_new_tokens=8,
    truncation="middle",
    evidence=((0, 29),),
)


def _values(metric: str, text: str, **changes: object) -> dict[str, float]:
    sample = replace(BASE, metric=metric, **changes)  # type: ignore[arg-type]
    return dict(score(sample, Output(text)).values)


def test_longbench_counts_the_whole_output_and_the_paper_its_first_line() -> None:
    text = "1912\nQuestion: who was hurt? Answer: nobody at all"
    assert _values("qa_f1", text)["f1"] < 0.3
    assert _values("paper_f1_first_line", text)["f1"] == 1.0


@pytest.mark.parametrize(
    ("metric", "text", "gold", "expected"),
    [
        ("leval_letters", "A", "AB", 0.25),
        ("leval_letters", "AB", "AB", 1),
        ("leval_letters", "ABC", "AB", 0),
        ("paper_letters", "ABC", "AB", 1),
        ("paper_letters", "A", "AB", 0),
        ("leval_letter", "The answer is C", "C", 1),
        ("leval_letter", "", "A", 0),
        ("leval_letter", "dunno", "A", 1),  # no letter reads as A
        ("paper_letter", "\nB\nA", "B", 1),
    ],
)
def test_exam_letters(metric: str, text: str, gold: str, expected: float) -> None:
    assert _values(metric, text, answers=(gold,))["exact_match"] == expected


def test_full_credit_is_counted_apart_from_partial_credit() -> None:
    values = _values("leval_letters", "A", answers=("AB",))
    assert (values["exact_match"], values["accuracy"]) == (0.25, 0.0)


def test_blank_and_unreadable_answers_are_told_apart() -> None:
    sample = replace(BASE, metric="leval_letter", answers=("B",))
    blank, odd = score(sample, Output(" ")), score(sample, Output("dunno"))
    assert (blank.blank, blank.format_failure) == (True, False)
    assert (odd.blank, odd.format_failure) == (False, True)
    good = score(sample, Output("B"))
    assert (good.blank, good.format_failure) == (False, False)


def test_sci_fi_has_two_halves() -> None:
    sample = replace(BASE, metric="leval_judge", answers=("True [fact: False]",))
    both = score(sample, Output("true", closed_book="False."))
    assert dict(both.values) == {"loyalty": 1.0, "fact": 1.0}
    one = score(sample, Output("true", closed_book="True."))
    assert dict(one.values) == {"loyalty": 1.0, "fact": 0.0}
    paper = score(replace(sample, metric="paper_judge"), Output("true", closed_book="False"))
    assert dict(paper.values) == {"loyalty": 1.0, "fact": 0.0}


def test_questions_left_to_a_judge_count_in_f1_all_only() -> None:
    assert set(_values("leval_f1", "1912")) == {"f1", "f1_all", "exact"}
    assert set(_values("leval_f1", "1912", scored=False)) == {"f1_all", "exact"}


def test_rouge_headline_is_the_geometric_mean_of_means() -> None:
    headline = METRICS["leval_rouge"].headlines[0]
    means = np.array([[0.5, 0.2, 0.4], [0.0, 0.2, 0.4]])
    assert headline.combine(means) == pytest.approx([0.04 ** (1 / 3), 0.0])


def test_perplexity_is_the_exponential_of_the_mean_loss() -> None:
    sample = TextSample("1", "d", "text", end_token=4096, context_tokens=4096)
    values = score(sample, Output(loss=2.0)).values
    assert METRICS["perplexity"].headlines[0].combine(np.array([values["loss"]])) == pytest.approx(
        np.exp(2.0)
    )
    with pytest.raises(ValueError, match="no loss"):
        score(sample, Output())


def test_answerable_and_unanswerable_questions() -> None:
    right = _values("squad", "1912")
    assert (right["f1"], right["exact"], right["refused_answerable"]) == (1.0, 1.0, 0.0)
    refused = _values("squad", "unanswerable")
    assert (refused["f1"], refused["refused_answerable"]) == (0.0, 1.0)
    assert refused["f1_answerable"] == 0.0
    open_question = _values("squad", "Unanswerable.", answers=())
    assert open_question == {"f1": 1.0, "exact": 1.0, "refused_unanswerable": 1.0}
    made_up = _values("squad", "1911", answers=())
    assert made_up == {"f1": 0.0, "exact": 0.0, "refused_unanswerable": 0.0}


def test_recall_of_evidence() -> None:
    ranking = ((40, 46), (30, 40), (20, 25), (0, 5))
    values = score(BASE, Output("x", ranking=ranking)).values
    assert [values[f"recall@{k}"] for k in (1, 3, 5)] == [0.0, 1.0, 1.0]
    assert "recall@1" not in score(replace(BASE, evidence=()), Output("x", ranking=ranking)).values


def test_questions_whose_evidence_was_not_shown_count_apart() -> None:
    missed = Output("1912", ranking=((40, 46), (30, 40)))
    assert score(BASE, missed).values["f1_missed@5"] == 1.0
    found = Output("1912", ranking=((40, 46), (20, 25)))
    assert "f1_missed@5" not in score(BASE, found).values
    assert "f1_missed@5" not in score(replace(BASE, answers=()), missed).values


def test_answer_loss_is_passed_on() -> None:
    assert score(BASE, Output("x", answer_loss=1.5)).values["answer_loss"] == 1.5


@pytest.mark.parametrize(
    ("text", "right"),
    [("B", 1.0), ("b) blue", 1.0), ("B. blue", 1.0), ("blue", 1.0), ("A", 0.0), ("xyz", 0.0)],
)
def test_options_by_letter_or_text(text: str, right: float) -> None:
    shown = "Which?\nA. red\nB. blue"
    values = _values("squad", text, question=shown, answers=("blue",), options=("red", "blue"))
    assert values["choice_accuracy"] == right
    assert (values["of:blue"], values["right_of:blue"]) == (1.0, right)


def test_a_letter_means_nothing_where_options_are_not_shown() -> None:
    given = {"answers": ("blue",), "options": ("red", "blue")}
    assert _values("squad", "B", question="Which?", **given)["choice_accuracy"] == 0.0
    assert _values("squad", "It is blue.", question="Which?", **given)["choice_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("No", 1.0),
        ("no, because of the fire", 1.0),
        ("False.", 1.0),
        ("Yes, not in winter", 0.0),
        ("The document does not say.", 0.0),
        ("", 0.0),
    ],
)
@pytest.mark.parametrize("options", [(), ("Yes", "No")])
def test_yes_or_no_is_the_first_word(text: str, right: float, options: tuple[str, ...]) -> None:
    values = _values("squad", text, question="Is it?", answers=("No",), options=options)
    assert (values["choice_accuracy"], values["right_of:no"]) == (right, right)
    assert "choice_accuracy" not in _values("squad", text, answers=("in 1912",))


def test_accuracy_is_balanced_over_the_gold_options() -> None:
    """Three of "yes", one of "no": saying yes always is right for three, and worth a half."""
    rows = [
        _values("squad", "yes", question="Is it?", answers=(gold,))
        for gold in ("Yes", "yes", "Yes.", "No")
    ]
    (headline,) = [h for h in METRICS["squad"].headlines if h.name == "balanced_accuracy"]
    names = headline.names(rows)
    means = np.array([[row.get(name, 0.0) for name in names] for row in rows]).mean(axis=0)
    assert headline.combine(means) == 0.5
    assert headline.combine(np.array([1.0, 0.0, 0.75, 0.0])) == 0.75  # one option alone drawn
    assert not headline.has(_values("squad", "1912"))
    failed = worst(replace(BASE, answers=("No",)), ranks=False)
    assert (failed["of:no"], failed["right_of:no"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "right"),
    [("482913", 1.0), ("The code is 482913.", 1.0), ("48291", 0.0), ("", 0.0)],
)
def test_planted_facts(text: str, right: float) -> None:
    assert _values("contains", text, answers=("482913",))["accuracy"] == right


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", True),
        ("unanswerable", True),
        ("Unanswerable.", True),
        ("The document does not say.", True),
        ("It is not mentioned in the text", True),
        ("I don't know", True),
        ("The document says.", True),
        ("The document does not mention it", True),
        ("The document says that it rains", False),
        ("1912", False),
        ("The unknown soldier", False),
        ("no", False),
    ],
)
def test_refusals(text: str, refusal: bool) -> None:
    assert is_refusal(text) is refusal
