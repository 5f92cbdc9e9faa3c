"""Planted facts by depth and length: a needle grid, made here and the same for the same seed.

The haystack is sentences of prompts/bench/needle.json, shuffled parts of speech that hold no
numbers; each cell of the grid plants one fact a sample and asks for its code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lcirc_cli.prompts import load

from ..sample import Sample
from .options import TaskOptions, estimate_tokens
from .template import split_template

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # where a fact is planted: 0 at the start, 1 at the end
MAX_NEW_TOKENS = 16
_CODE_DIGITS = 6
_SENTENCES_A_PARAGRAPH = 6
_MEASURED_SENTENCES = 200


@dataclass(frozen=True)
class Needle:
    """The grid: `facts` samples for each length and depth."""

    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    facts: int
    seed: int
    count_tokens: Callable[[str], int]
    name: str = "needle"
    note = ""

    @property
    def metric(self) -> str:
        return "contains"

    def samples(self) -> Iterator[Sample]:
        """Lengths outermost, then depths; each sample is made when it is asked for."""
        words = json.loads(load("bench/needle.json"))
        for length in self.lengths:
            for depth in self.depths:
                for number in range(self.facts):
                    yield self._sample(words, length, depth, number)

    def _sample(self, words: Mapping[str, Any], length: int, depth: float, number: int) -> Sample:
        draw = random.Random(f"{self.seed}/{length}/{depth}/{number}")
        fields = {"item": draw.choice(words["items"]), "place": draw.choice(words["places"])}
        code = "".join(draw.choice("0123456789") for _ in range(_CODE_DIGITS))
        fact = words["fact"].format(code=code, **fields)
        asked = words["question"].format(**fields)
        sentences = self._haystack(words, draw, length - self.count_tokens(fact))
        place = round(depth * len(sentences))
        sentences.insert(place, fact)
        document, start = _paragraphs(sentences, place)
        return Sample(
            id=f"{length}/{depth:g}/{number}",
            document_id=f"{length}/{depth:g}/{number}",
            document=document,
            question=asked,
            prompt=split_template(
                words["prompt"], document="document", fields={"question": asked}, chat=True
            ),
            answers=(code,),
            metric=self.metric,
            max_new_tokens=MAX_NEW_TOKENS,
            truncation="middle",
            evidence=((start, start + len(fact)),),
            facets={"length": length, "depth": depth},
        )

    def _haystack(self, words: Mapping[str, Any], draw: random.Random, tokens: int) -> list[str]:
        """As many sentences as fit into `tokens`; the length is measured on the first ones."""
        first = [_sentence(words, draw) for _ in range(_MEASURED_SENTENCES)]
        mean = self.count_tokens(" ".join(first)) / len(first)
        count = max(1, int(tokens / mean))
        return (first + [_sentence(words, draw) for _ in range(count - len(first))])[:count]


def _sentence(words: Mapping[str, Any], draw: random.Random) -> str:
    parts = (draw.choice(words[kind]) for kind in ("subjects", "verbs", "objects", "endings"))
    return " ".join(parts) + "."


def _paragraphs(sentences: list[str], place: int) -> tuple[str, int]:
    """The text, and where its sentence number `place` starts."""
    text, start = "", 0
    for index, sentence in enumerate(sentences):
        if text:
            text += " " if index % _SENTENCES_A_PARAGRAPH else "\n\n"
        if index == place:
            start = len(text)
        text += sentence
    return text, start


def open_task(options: TaskOptions) -> Needle:
    """The grid that the options ask for."""
    return Needle(
        options.lengths,
        DEPTHS,
        options.facts,
        options.seed,
        options.count_tokens or estimate_tokens,
    )
