"""From a sample to prompt tokens: the benchmark's template, its truncation, the chat turns.

Knows backbones; nothing about memories.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lcirc_cli.answering.follow_ups import needed_turns
from lcirc_cli.answering.windows import as_turns, build_prompt, uses_turns
from lcirc_cli.backbones.loading import Backbone

from ..sample import Prompt, Sample
from . import truncation
from .texts import Ranges

_MARK = "\ufdd0document\ufdd0"  # a noncharacter: it is in no text and survives a chat template
_RETRIES = 8


@dataclass(frozen=True)
class Prepared:
    """A prompt that fits.

    Attributes:
        dropped: document tokens that are not in it.
        middle: the text that was cut out (the paper's way of choosing what to compress).
        ranking: see `Output.ranking`.
    """

    ids: list[int]
    dropped: int
    middle: str = ""
    ranking: Ranges | None = None

    @functools.cached_property
    def sha256(self) -> str:
        return hashlib.sha256(np.array(self.ids, np.int64).tobytes()).hexdigest()


class Prompter:
    """Makes prompts for one backbone.

    Args:
        form: of `lcirc ask`'s own prompt, which some adapters were trained with.
    """

    def __init__(self, backbone: Backbone, *, form: str = "auto") -> None:
        self._backbone, self._form = backbone, form
        self._tokenizer: Any = backbone.tokenizer

    def count(self, text: str) -> int:
        """Tokens of a text, without special ones."""
        return len(self._ids(text, special=False))

    def shown(self, sample: Sample, passages: Sequence[str], *, document_tokens: int) -> Prepared:
        """The prompt with these passages in the document's place (none: an empty document)."""
        if sample.prompt is None:
            ids = build_prompt(
                self._backbone,
                question=sample.question,
                passages=passages,
                history=needed_turns(sample.question, sample.history),
                form=self._form,
            )
        else:
            ids = self._wrapped(sample.prompt, "\n\n".join(passages))
        used = sum(map(self.count, passages))
        return Prepared(ids, max(0, document_tokens - used))

    def fitted(self, sample: Sample, *, limit: int) -> Prepared:
        """The prompt with the whole document, cut to `limit` tokens by the benchmark's rule."""
        prompt = sample.prompt
        if prompt is None:
            return self._fitted_ask(sample, limit)
        if sample.truncation == "paper_middle":
            return self._paper(prompt.plain(sample.document), limit)
        if sample.truncation == "head_words":
            return self._fitted_head(sample, prompt, limit)
        return self._fitted_middle(sample, prompt, limit)

    def one_line(self, sample: Sample) -> bool:
        """Whether an answer ends with its line: to our own prompt, where there are no turns."""
        return sample.prompt is None and not uses_turns(self._backbone, form=self._form)

    def trimmed(self, sample: Sample, text: str) -> str:
        """The first line of an answer that ends with it, any other as it is."""
        return text.strip().split("\n", 1)[0] if self.one_line(sample) else text

    def closed_book(self, text: str) -> Prepared:
        """A prompt without a document, as it stands."""
        return Prepared(self._ids(text, special=True), 0)

    def _fitted_ask(self, sample: Sample, limit: int) -> Prepared:
        """Head and tail of the document, each half of what the rest leaves."""
        around = len(self.shown(sample, ["x"], document_tokens=0).ids)
        ids = self._ids(sample.document, special=False)
        room = max(0, limit - around)
        for _ in range(_RETRIES):
            if len(ids) <= room:
                passages = [sample.document]
            else:
                passages = [self._text(ids[: room // 2]), self._text(ids[-(room // 2) :])]
            prepared = self.shown(sample, passages if room else [], document_tokens=len(ids))
            if len(prepared.ids) <= limit or room == 0:
                break
            room = max(0, room - (len(prepared.ids) - limit))
        return _checked(prepared, limit)

    def _fitted_middle(self, sample: Sample, prompt: Prompt, limit: int) -> Prepared:
        text = prompt.plain(sample.document)
        around = len(self._turns(prompt, "")) - len(self._ids("", special=True))
        room = limit - around
        for _ in range(_RETRIES):
            fitted = truncation.middle(
                text,
                limit=room,
                tokens=self._tokenizer,
                join=sample.truncation == "middle_joined",
            )
            # What is decoded may come back as a few tokens more.
            ids = self._turns(prompt, fitted.text)
            if len(ids) <= limit:
                break
            room -= len(ids) - limit
        return _checked(Prepared(ids, fitted.dropped), limit)

    def _fitted_head(self, sample: Sample, prompt: Prompt, limit: int) -> Prepared:
        around = len(self._wrapped(prompt, ""))
        fitted = truncation.head_words(
            sample.document,
            limit=truncation.leval_limit(
                limit + sample.max_new_tokens, max_new_tokens=sample.max_new_tokens, around=around
            ),
            tokens=self._tokenizer,
        )
        return _checked(Prepared(self._wrapped(prompt, fitted.text), fitted.dropped), limit)

    def _paper(self, text: str, limit: int) -> Prepared:
        ids = self._ids(text, special=True)
        half = limit // 2
        if len(ids) <= limit:
            return Prepared(truncation.paper_middle(ids, limit=limit), 0)
        kept = truncation.paper_middle(ids, limit=limit)
        return Prepared(kept, len(ids) - len(kept), self._text(ids[half:-half]))

    def _wrapped(self, prompt: Prompt, document: str) -> list[int]:
        """The whole prompt with a document that needs no cut."""
        if not self._chat(prompt):
            return self._ids(prompt.plain(document), special=True)
        return self._turns(prompt, f"{prompt.before}{document}{prompt.after}")

    def _turns(self, prompt: Prompt, content: str) -> list[int]:
        """A user's turn with this content; without a template the content stands alone."""
        if not self._chat(prompt):
            return self._ids(content, special=True)
        said = [{"role": "user", "content": _MARK}]
        frame = as_turns(self._tokenizer, said, system=prompt.system)
        return self._ids(frame.replace(_MARK, content) + prompt.reply, special=False)

    def _chat(self, prompt: Prompt) -> bool:
        return prompt.chat and bool(self._tokenizer.chat_template)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def _checked(prepared: Prepared, limit: int) -> Prepared:
    if len(prepared.ids) > limit:
        raise ValueError(
            f"the prompt around the document takes {len(prepared.ids)} tokens and the window has "
            f"{limit}; use a larger --window"
        )
    return prepared
