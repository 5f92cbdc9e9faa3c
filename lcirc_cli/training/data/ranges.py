"""Token ranges of documents: parts, gaps in them, and where a question's evidence lies."""

from __future__ import annotations

from dataclasses import dataclass

from lcirc_cli.training.data.corpus import Question


@dataclass(frozen=True)
class Part:
    """Tokens start..end-1 of a document."""

    document: int
    start: int
    end: int


def evidence_segments(question: Question, n: int) -> tuple[int, int]:
    """The first and the last segment that any of the evidence touches."""
    first = min(start for start, _ in question.evidence)
    return first // n, (max(end for _, end in question.evidence) - 1) // n


def evidence_width(question: Question, n: int) -> int:
    """Segments from the first to the last evidence; 0 without any."""
    if not question.evidence:
        return 0
    first, last = evidence_segments(question, n)
    return last - first + 1


def evidence_inside(question: Question, part: Part) -> bool:
    """Whether all evidence lies in a part; true without any."""
    return all(part.start <= start and end <= part.end for start, end in question.evidence)


def evidence_outside(question: Question, part: Part) -> bool:
    """Whether no evidence touches a part."""
    return all(end <= part.start or part.end <= start for start, end in question.evidence)


def removed_before(gap: Part | None, token: int) -> int:
    """Tokens that the gap takes out before a token of the same document."""
    return 0 if gap is None or token < gap.end else gap.end - gap.start


def without_gap(parts: list[Part], own: Part, gap: Part | None) -> list[Part]:
    """The parts with the gap taken out of the own one."""
    if gap is None:
        return parts
    around = [Part(own.document, own.start, gap.start), Part(own.document, gap.end, own.end)]
    at = parts.index(own)
    return [*parts[:at], *(part for part in around if part.start < part.end), *parts[at + 1 :]]
