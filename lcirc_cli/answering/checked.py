"""A reply checked while it comes: passages that were not shown are never named, and a sentence
that none of its passages backs is followed by `[?]`.

Text goes out as soon as it can: only what may be a passage's number is held back, and what stands
between two sentences. Knows nothing about servers or passages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence, Set

from lcirc_cli.evidence.sentences import split_sentences
from lcirc_cli.evidence.terms import terms
from lcirc_cli.prompts import REFUSAL

MARK = "[?]"
_IDS = re.compile(r"\[\s?\d{1,6}(?:\s?[,;]\s?\d{1,6}){0,40}\s?\]")
_MAYBE = re.compile(r"\[[\d\s,;]{0,400}\Z")  # the beginning of one
_MARKS = re.compile(r" ?\[(?:\d+|\?)\]")
_STEP = 2_000  # characters that are read at once
_TAIL = 300  # characters of a sentence that show whether it ends
_THINKING, _THOUGHT = "<think>", "</think>"


def _numbers(ids: Sequence[int]) -> str:
    return "".join(f"[{id}]" for id in ids)


class Checked:
    """Takes a reply piece by piece.

    Args:
        ids: of the passages that were shown.
        backed: whether one of these passages backs a sentence; it gets all that were shown where
            the sentence names none.
        name: how passages are named where the reply has their numbers.
        on_text: called with pieces of the checked text; together they are `text`.
    """

    def __init__(
        self,
        ids: Collection[int],
        backed: Callable[[str, Set[int]], bool],
        on_text: Callable[[str], object] | None = None,
        *,
        name: Callable[[Sequence[int]], str] = _numbers,
    ) -> None:
        self._ids, self._backed = frozenset(ids), backed
        self._on_text, self._shown_as = on_text, name
        self._waiting = ""  # not gone out yet
        self._space = ""  # after what went out
        self._sentence = ""  # what went out of it, without numbers
        self._named: set[int] = set()  # in the sentence
        self._begun = False  # past what a model thinks before it answers
        self._thinks = False
        self._said: list[str] = []
        self.used: set[int] = set()

    @property
    def text(self) -> str:
        return "".join(self._said)

    @property
    def has_begun(self) -> bool:
        return bool(self._said)

    def add(self, piece: str) -> None:
        """More of the reply."""
        for at in range(0, len(piece), _STEP):
            self._waiting += piece[at : at + _STEP]
            if self._begun or self._begin():
                self._read(last=False)

    def end(self) -> None:
        """There is no more of it."""
        if not self._begun and not self._thinks:
            self._begun, self._waiting = True, self._waiting.lstrip()
        if self._begun:
            self._read(last=True)
            self._close()

    def _begin(self) -> bool:
        """Whether the answer has begun; thoughts before it are left out."""
        start = self._waiting.lstrip()
        if self._thinks or start.startswith(_THINKING):
            self._thinks = True
            _, done, start = self._waiting.partition(_THOUGHT)
            if not done:
                self._waiting = self._waiting[-len(_THOUGHT) :]
                return False
            self._thinks, self._waiting = False, start
            start = start.lstrip()
        if not start or _THINKING.startswith(start):
            return False
        self._waiting, self._begun = start, True
        return True

    def _read(self, *, last: bool) -> None:
        while self._waiting:
            if found := _IDS.match(self._waiting):
                self._waiting = self._waiting[found.end() :]
                self._name({int(number) for number in re.findall(r"\d+", found.group())})
                continue
            if self._waiting[0] == "[" and _MAYBE.match(self._waiting):
                if last:  # the limit of tokens cut a number
                    self._waiting = ""
                return
            if self._waiting[0].isspace():
                rest = self._waiting.lstrip()
                self._space += self._waiting[: len(self._waiting) - len(rest)]
                self._waiting = rest
                continue
            if self._space and self._ends(self._waiting[0]):
                self._close()
            following = re.search(r"[\s\[]", self._waiting[1:])
            size = len(self._waiting) if following is None else 1 + following.start()
            word, self._waiting = self._waiting[:size], self._waiting[size:]
            self._sentence += self._space + word
            self._out(self._space + word)
            self._space = ""

    def _name(self, ids: set[int]) -> None:
        known = sorted(ids & self._ids)
        if "\n" in self._space:
            self._close()
        if known:
            self._out(self._space + self._shown_as(known))
        self._space = ""
        self._named |= set(known)
        self.used |= set(known)

    def _ends(self, following: str) -> bool:
        """Whether a sentence ends before the space that a character follows."""
        if "\n" in self._space:
            return True
        return len(list(split_sentences(f"{self._sentence[-_TAIL:].strip()} {following}"))) > 1

    def _close(self) -> None:
        """The sentence is whole: mark it where nothing that was shown backs it."""
        sentence = self._sentence.strip()
        plain = terms(sentence)
        if plain and plain != terms(REFUSAL) and not sentence.endswith((":", "：")):
            ids = self._named or set(self._ids)
            if not self._backed(sentence, ids):
                self._out(f" {MARK}")
        self._sentence, self._named = "", set()

    def _out(self, text: str) -> None:
        self._said.append(text)
        if self._on_text is not None:
            self._on_text(text)


def bare(text: str) -> str:
    """A checked answer without numbers and marks."""
    return _MARKS.sub("", text).strip()
