"""From a sample and an output to values, one function a metric.

The benchmarks' arithmetic is in tokens, choices, exams and rouge; this file says which of it is
applied to what, and what counts as blank or as a format failure. Values are fractions, losses
nats a token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lcirc_cli.qa import scoring
from lcirc_cli.qa.scoring import is_refusal

from ..sample import Output, Sample, Scored, TextSample
from . import choices, exams, rouge

RECALL_AT = (1, 3, 5)
OF, RIGHT_OF = "of:", "right_of:"  # before a gold option: the question has it; and is right
_YES_NO = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}


def qa_f1(sample: Sample, output: Output) -> Scored:
    """InfiniteBench En.QA and LongBench: best token F1, the whole output counts."""
    return _overlap(sample, output.text)


def paper_f1_first_line(sample: Sample, output: Output) -> Scored:
    """The paper's LongBench and L-Eval: F1 of the first line only (D.3, 3)."""
    return _overlap(sample, scoring.first_line(output.text))


def choice(
    sample: Sample, output: Output, *, read: Callable[[str, Sequence[str]], tuple[bool, bool]]
) -> Scored:
    """En.MC by a rule of `choices`; answers are the option's text and letter."""
    right, understood = read(output.text, sample.answers)
    blank = _is_blank(output.text)
    return Scored({"accuracy": float(right)}, blank, format_failure=not (understood or blank))


def leval_letters(sample: Sample, output: Output, *, several: bool) -> Scored:
    """L-Eval quality and tpo: one right letter; coursera (`several`): or more, 0.25 for a part."""
    letters, understood = choices.leval_letters(output.text, several=several)
    gold = choices.leval_gold_letters(sample.answers[0])
    credit = exams.exact_match(letters, gold)
    blank = _is_blank(output.text)
    values = {"exact_match": credit, "accuracy": float(credit == 1.0)}
    return Scored(values, blank, format_failure=not (understood or blank))


def paper_letters(sample: Sample, output: Output, *, several: bool) -> Scored:
    """The paper's: first line, no partial credit, supersets accepted (D.3, 3 and 5)."""
    line = scoring.first_line(output.text)
    letters, understood = choices.leval_letters(line, several=several)
    gold = choices.leval_gold_letters(sample.answers[0])
    blank = _is_blank(line)
    values = {"exact_match": exams.paper_exact_match(letters, gold)}
    return Scored(values, blank, format_failure=not (understood or blank))


def leval_judge(sample: Sample, output: Output) -> Scored:
    """L-Eval sci_fi: loyalty to the document and, asked without it, fact."""
    gold = exams.gold_judgements(sample.answers[0])
    said = exams.said_judgements(output.text, output.closed_book or "")
    return _judged(gold, said, output)


def paper_judge(sample: Sample, output: Output) -> Scored:
    """The paper's sci_fi: the second question is never asked and scores 0 (D.3, 6)."""
    gold = exams.gold_judgements(sample.answers[0])
    said = (exams.true_or_false(scoring.first_line(output.text)), exams.UNREADABLE)
    return _judged(gold, said, output)


def leval_f1(sample: Sample, output: Output) -> Scored:
    """L-Eval's open questions: `f1` over those that its script scores, `f1_all` over all."""
    found = _overlap(sample, output.text)
    values = {"f1_all": found.values["f1"], "exact": found.values["exact"]}
    if sample.scored:
        values["f1"] = found.values["f1"]
    return Scored(values, blank=found.blank)


def leval_rouge(sample: Sample, output: Output) -> Scored:
    """L-Eval's summaries: three F measures, the best reference for each."""
    pairs = [(output.text, reference) for reference in sample.answers]
    values = {
        "rouge1": max(rouge.rouge_n(*pair, n=1) for pair in pairs),
        "rouge2": max(rouge.rouge_n(*pair, n=2) for pair in pairs),
        "rougeL": max(rouge.rouge_l(*pair) for pair in pairs),
    }
    return Scored(values if sample.scored else {}, blank=_is_blank(output.text))


def squad(sample: Sample, output: Output) -> Scored:
    """Our documents and questions: F1 and exact match by SQuAD 2's rules.

    A question without an answer is right when it is refused.
    Of those with options, and of yes/no questions, it is also noted which one is the gold one, so
    that the share right can be balanced over them.
    `f1_missed@5` is F1 of the questions whose evidence is in none of the five first passages: what
    the answer is worth where retrieval failed.
    """
    refused = is_refusal(output.text)
    if not sample.answers:
        values = dict.fromkeys(("f1", "exact", "refused_unanswerable"), float(refused))
    else:
        found = _overlap(sample, output.text)
        values = dict(found.values) | {"refused_answerable": float(refused)}
        values["f1_answerable"] = values["f1"]
    if sample.answers and _choices(sample):
        gold = {scoring.normalise(answer) for answer in sample.answers}
        right = float(scoring.normalise(_chosen(sample, output.text) or "") in gold)
        first = scoring.normalise(sample.answers[0])
        values |= {"choice_accuracy": right, f"{OF}{first}": 1.0, f"{RIGHT_OF}{first}": right}
    if output.answer_loss is not None:
        values["answer_loss"] = output.answer_loss
    if output.refusal is not None:
        values["refusal_probability"] = output.refusal
    if output.confidence is not None:
        values["confidence"] = output.confidence
    if output.ranking is not None and sample.evidence:
        values |= {f"recall@{k}": _recall(sample, output.ranking, k) for k in RECALL_AT}
        if sample.answers and not values["recall@5"]:
            values["f1_missed@5"] = values["f1"]
    return Scored(values, blank=_is_blank(output.text))


def contains(sample: Sample, output: Output) -> Scored:
    """A planted fact: right if the answer holds it, case and spaces aside."""
    right = any(scoring.normalise(a) in scoring.normalise(output.text) for a in sample.answers)
    return Scored({"accuracy": float(right)}, blank=_is_blank(output.text))


def perplexity(sample: TextSample, output: Output) -> Scored:
    """The mean loss of the scored tokens.

    Raises:
        ValueError: the output has no loss.
    """
    if output.loss is None:
        raise ValueError(f"the system measured no loss for {sample.id}")
    return Scored({"loss": output.loss})


def _overlap(sample: Sample, text: str) -> Scored:
    values = {
        "f1": scoring.best_f1(text, sample.answers),
        "exact": scoring.exact(text, sample.answers),
    }
    return Scored(values, blank=_is_blank(text))


def _judged(gold: tuple[str, str], said: tuple[str, str], output: Output) -> Scored:
    values = {
        "loyalty": exams.exact_match(said[0], gold[0]),
        "fact": exams.exact_match(said[1], gold[1]),
    }
    blank = _is_blank(output.text)
    return Scored(values, blank, format_failure=said[0] == exams.UNREADABLE and not blank)


def _choices(sample: Sample) -> tuple[str, ...]:
    """What can be chosen: the options, yes and no for a yes/no question, else nothing."""
    if sample.options:
        return sample.options
    gold = {scoring.normalise(answer) for answer in sample.answers}
    return ("Yes", "No") if gold and gold <= {"yes", "no"} else ()


def _chosen(sample: Sample, text: str) -> str | None:
    """The option that an answer names: by its letter, where letters are shown, or by its text."""
    offered = _choices(sample)
    named = {scoring.normalise(option): option for option in offered}
    first = (scoring.normalise(text).split() or [""])[0]
    if named.keys() == {"yes", "no"} and first in _YES_NO:
        return named[_YES_NO[first]]
    head = text.strip()
    if scoring.normalise(head) in named:
        return named[scoring.normalise(head)]
    for index, option in enumerate(sample.options):
        letter = chr(ord("A") + index)
        if f"\n{letter}. {option}" not in sample.question:
            continue
        if head == letter or head.startswith((f"{letter}.", f"{letter})", f"{letter}:")):
            return option
    overlaps = [scoring.token_f1(text, option) for option in offered]
    best = max(range(len(overlaps)), key=overlaps.__getitem__)
    return offered[best] if overlaps[best] > 0 else None


def _recall(sample: Sample, ranking: tuple[tuple[int, int], ...], k: int) -> float:
    """1 if one of the first k ranges overlaps a range of evidence."""
    return float(
        any(
            start < evidence_end and evidence_start < end
            for start, end in ranking[:k]
            for evidence_start, evidence_end in sample.evidence
        )
    )


def _is_blank(text: str) -> bool:
    return not text.strip()
