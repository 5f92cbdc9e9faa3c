"""An answer says something new: what only repeats the question's words does not end yet.

Asked "What is the epoch of a version?", a small model may say "the epoch" and end. Where it may
not, it goes on: "the epoch is a single small integer". It may not begin a new sentence either:
that one would be about something else. A question that offers what it asks for is answered in its
own words: "Is it red or blue?", options on lines of their own.

Legend: B prompts, V vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.evidence.terms import terms

_OFFERS = re.compile(
    r"\b(?:or|either|between|both|whether|which of|who of)\b|,[^,]+\band\b[^,]+\W*$",
    re.IGNORECASE,
)
_LOOKED_AT = 500  # characters at a question's end
_STOPS = ".!?;"
_WITH_POINT = re.compile(r"(?:\d|\b\w{1,2})\Z")  # "3.5", "St. Anne"
_LONGEST = 10  # tokens of a repetition: then the model goes round in circles
_LIKELY = 50  # tokens among which those that end a line or a sentence are looked for


class Echoes(LogitsProcessor):
    """As a logits processor it removes the end of an answer that is empty or says nothing new.

    Args:
        questions: one for each prompt.
        begins_at: tokens of a prompt.
        one_line: an answer ends with its line.
    """

    def __init__(
        self, backbone: Backbone, questions: Sequence[str], *, begins_at: int, one_line: bool
    ) -> None:
        self._tokenizer: Any = backbone.tokenizer
        self._eos_ids = sorted(backbone.eos_ids)
        self._asked = [
            frozenset() if _offers(question.strip()) else frozenset(terms(question))
            for question in questions
        ]
        self._begins_at, self._one_line = begins_at, one_line

    def __call__(self, input_ids: Tensor, scores: Any) -> Tensor:  # type: ignore[override]
        scores_BV = torch.as_tensor(scores)
        if input_ids.shape[1] - self._begins_at >= _LONGEST:
            return scores_BV
        said = [row[self._begins_at :].tolist() for row in input_ids]
        rows = [n for n, tokens in enumerate(said) if self._is_echo(tokens, self._asked[n])]
        if not rows:
            return scores_BV
        scores_BV = scores_BV.clone()
        for row in rows:
            scores_BV[row, self._ends(scores_BV[row], said[row])] = -torch.inf
        return scores_BV

    def _is_echo(self, tokens: Sequence[int], asked: frozenset[str]) -> bool:
        """Whether what was said so far is no answer; a number or a sign by itself may be one."""
        text = self._text(tokens)
        said = terms(text)
        return asked.issuperset(said) if said else not text.strip()

    def _ends(self, scores_V: Tensor, said: Sequence[int]) -> list[int]:
        """The tokens that would end the answer or its sentence."""
        if not self._one_line:
            return self._eos_ids
        text = self._text(said).strip()
        likely = scores_V.topk(min(_LIKELY, len(scores_V))).indices.tolist()
        pieces = self._tokenizer.batch_decode([[token] for token in likely])
        ends = [t for t, piece in zip(likely, pieces, strict=True) if _ends_it(text, piece)]
        return [*self._eos_ids, *ends]

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))


def _offers(question: str) -> bool:
    """Whether a question holds what it asks for."""
    return "\n" in question or bool(_OFFERS.search(question[-_LOOKED_AT:]))


def _ends_it(text: str, piece: str) -> bool:
    """Whether a piece ends a line or the sentence; a space alone may begin a number."""
    stops = piece.strip().startswith(tuple(_STOPS)) and not _WITH_POINT.search(text)
    return stops or "\n" in piece
