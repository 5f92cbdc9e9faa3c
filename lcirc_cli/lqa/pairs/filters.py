"""The filters that need no model: each looks at a pair and its document and says what is wrong.

A filter returns a Rejection, or None. The order in which they run, and those that ask a model,
are in `examiner`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lcirc_cli.lqa.documents import language
from lcirc_cli.lqa.pairs.locate import find_quote, occurs
from lcirc_cli.lqa.pairs.scoring import agreement, token_f1, words
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Pair, PairPlan, Rejection
from lcirc_cli.lqa.settings import Thresholds

# Words that point at what was shown to the model instead of naming it.
_POINTING = re.compile(
    r"\b(?:the|this|that|these|those|given|above|following)\s+(?:\w+\s+)?"
    r"(?:passages?|excerpts?|extracts?|paragraphs?|snippets?|key sentence)\b"
    r"|\b(?:according to|in|from|by|does|mentioned in|described in)\s+(?:the|this)\s+"
    r"(?:given\s+)?(?:text|document|author|context|sentence)\b"
    r"|\b(?:the|this) (?:text|author|context) (?:say|state|mention|describe|suggest|claim)s?\b",
    re.IGNORECASE,
)
_LEAST_PROBABLE = 0.02  # that a question is in its document's language
_NUMBERS = re.compile(r"\d[\d.,:/-]*\d|\d")
_NAMES = re.compile(r"(?<!^)\b[A-Z][\w'’-]+")


def locate_evidence(pair: Pair, text: str, plan: PairPlan) -> Pair | Rejection:
    """The pair with every quote found in the document, or why that isn't so."""
    spans = []
    for quote, place in zip(pair.quotes, plan.places, strict=True):
        found = find_quote(text, quote, near=place.focus_start)
        if found is None:
            return Rejection("quote_not_found", quote)
        spans.append(found)
    if len(set(spans)) < len(spans):
        return Rejection("quote_not_found", "two quotes are the same piece of the document")
    return pair.located(tuple(spans), text)


def verbatim(pair: Pair, view: DocumentView) -> Rejection | None:
    """Every piece of evidence is the stretch of the document that it claims to be."""
    text = view.document.text
    if pair.kind == "unanswerable":
        return None
    if not pair.evidence or len(pair.evidence) != len(pair.quotes):
        return Rejection("quote_not_found", "no evidence")
    for (start, end), quote in zip(pair.evidence, pair.quotes, strict=True):
        if not quote or text[start:end] != quote:
            return Rejection("quote_not_found", quote)
    return None


def length(pair: Pair, limits: Thresholds) -> Rejection | None:
    """Question, answer and quotes are of a sensible length."""
    asked = len(pair.question.split())
    if not limits.min_question_words <= asked <= limits.max_question_words:
        return Rejection("length", f"the question has {asked} words")
    for answer in pair.answers:
        if not words(answer):
            return Rejection("length", f"the answer says nothing: {answer}")
        if len(answer.split()) > limits.max_answer_words:
            return Rejection("length", f"the answer has {len(answer.split())} words")
    for quote in pair.quotes:
        if len(quote.split()) > limits.max_quote_words:
            return Rejection("length", f"a quote has {len(quote.split())} words")
    return None


def pointing(pair: Pair) -> Rejection | None:
    """The question stands by itself, without "the passage" or "the text"."""
    found = _POINTING.search(pair.question)
    return Rejection("points_at_passage", found.group()) if found else None


def in_language(pair: Pair, expected: str) -> Rejection | None:
    """The question is in the language of its document (an ISO 639-1 code; "" = any)."""
    if not expected:
        return None
    likely = language.probability(pair.question, expected)
    if likely >= _LEAST_PROBABLE:
        return None
    return Rejection("language", f"{language.language_of(pair.question)}, not {expected}")


def options(pair: Pair, view: DocumentView) -> Rejection | None:
    """Four different options, the answer among them, the wrong ones from the document."""
    if pair.kind != "choice":
        return None
    if len({" ".join(words(option)) for option in pair.options}) < len(pair.options):
        return Rejection("options", "two options are the same")
    if pair.answers[0] not in pair.options:
        return Rejection("options", "the answer is not among the options")
    for option in pair.options:
        if option != pair.answers[0] and not occurs(view.even, option):
            return Rejection("options", f"not in the document: {option}")
    return None


def near_duplicate(pair: Pair, earlier: Sequence[Pair], threshold: float) -> Rejection | None:
    """No earlier question of the document asks the same."""
    for other in earlier:
        if same_question(pair, other, threshold):
            return Rejection("near_duplicate", f"{other.id}: {other.question}")
    return None


def same_question(first: Pair, second: Pair, threshold: float) -> bool:
    """Whether two questions ask the same: nearly the same words, or letters, and one answer.

    Questions that differ in a number or a name ("in 1990", "in 1991") are two questions unless
    their answers agree as well.
    """
    alike = max(
        token_f1(first.question, second.question),
        _letters(first.question, second.question),
    )
    if alike < threshold:
        return False
    if _particulars(first.question) == _particulars(second.question):
        return True
    return agreement("span", first.answers, second.answers) >= threshold


def _particulars(question: str) -> set[str]:
    return {*_NUMBERS.findall(question), *(name.lower() for name in _NAMES.findall(question))}


def _letters(first: str, second: str) -> float:
    """Jaccard similarity of the runs of three letters."""
    one, two = _trigrams(first), _trigrams(second)
    return len(one & two) / len(one | two) if one | two else 1.0


def _trigrams(text: str) -> set[str]:
    even = f" {' '.join(words(text))} "
    return {even[index : index + 3] for index in range(len(even) - 2)}
