"""Gold answers: for the answer loss, and for the majority answer."""

from __future__ import annotations

from lcirc_cli.prompts import load

from ..metrics.choices import leval_gold_letters
from ..metrics.exams import gold_judgements
from ..sample import Sample


def gold_answer(sample: Sample) -> str | None:
    """The first gold answer, where the prompt is our own and the document answers."""
    return sample.answers[0] if sample.prompt is None and sample.answers else None


def gold_text(sample: Sample) -> tuple[str, str | None]:
    """What a constant system would have to say to be right, and to the second prompt."""
    if not sample.answers:
        return load("refusal.txt"), None
    if sample.metric in ("leval_judge", "paper_judge"):
        loyalty, fact = gold_judgements(sample.answers[0])
        return loyalty, fact
    if sample.metric in ("leval_letter", "leval_letters", "paper_letter", "paper_letters"):
        return leval_gold_letters(sample.answers[0]), None
    if sample.metric in ("infinitebench_choice", "paper_choice"):
        return sample.answers[-1], None
    return sample.answers[0], None
