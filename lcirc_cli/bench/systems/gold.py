"""Gold answers as tokens (for the answer loss) and as texts (for the majority answer)."""

from __future__ import annotations

from typing import Any

from lcirc_cli.backbones import Backbone
from lcirc_cli.prompts import load

from ..metrics.choices import leval_gold_letters
from ..metrics.exams import gold_judgements
from ..sample import Sample


def gold_ids(backbone: Backbone, answer: str) -> list[int]:
    """An answer as it follows the prompt of `lcirc ask`, with the token that ends it."""
    tokenizer: Any = backbone.tokenizer
    ids = tokenizer(f" {answer}", add_special_tokens=False, verbose=False)["input_ids"]
    return [*ids, backbone.eos_ids[0]]


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
