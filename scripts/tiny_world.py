"""A made-up language in which every segment of a document states one fact; for tiny models.

A segment is `segment_tokens` words: fillers, and somewhere among them "KEY VALUE". The keys of a
document differ, so "what is KEY" has one answer, at a known depth. The answer repeats the key, so
that what a model must be able to do is to say what followed a word. One word is one token.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qa_sets import Labelled, Question, write_set
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lcirc_cli.prompts import load

PAD, END, UNKNOWN = "<pad>", "<eos>", "<unk>"
KEYS, VALUES, FILLERS = 96, 32, 32
_FACT_TOKENS = 2


def _words() -> list[str]:
    """As many two-syllable words as the language has."""
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprst", "aeiou")]
    pairs = itertools.islice(itertools.product(syllables, repeat=2), KEYS + VALUES + FILLERS)
    return ["".join(pair) for pair in pairs]


WORDS = _words()
KEY_WORDS, VALUE_WORDS = WORDS[:KEYS], WORDS[KEYS : KEYS + VALUES]
FILLER_WORDS = WORDS[KEYS + VALUES :]


@dataclass(frozen=True)
class Fact:
    """A key and its value, and the first token of "KEY VALUE" in its document."""

    key: str
    value: str
    token: int

    @property
    def question(self) -> str:
        """What is asked about it."""
        return f"what is {self.key}"

    @property
    def answer(self) -> str:
        """The key again, then the value: only the second word is counted."""
        return f"{self.key} {self.value}"


@dataclass(frozen=True)
class Document:
    """Words with one fact a segment, in order of depth."""

    words: list[str]
    facts: list[Fact]


def make_document(rng: np.random.Generator, *, segments: int, segment_tokens: int) -> Document:
    """A random document.

    Raises:
        ValueError: more segments than keys, or segments too short for a fact.
    """
    if segments > KEYS or segment_tokens < _FACT_TOKENS:
        raise ValueError(f"at most {KEYS} segments of at least {_FACT_TOKENS} tokens")
    keys = rng.permutation(KEYS)[:segments]
    words, facts = [], []
    for index in range(segments):
        text = [FILLER_WORDS[int(i)] for i in rng.integers(FILLERS, size=segment_tokens)]
        place = int(rng.integers(segment_tokens - _FACT_TOKENS + 1))
        key, value = KEY_WORDS[int(keys[index])], VALUE_WORDS[int(rng.integers(VALUES))]
        text[place : place + _FACT_TOKENS] = [key, value]
        facts.append(Fact(key, value, index * segment_tokens + place))
        words += text
    return Document(words, facts)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word: the language, and the words of the prompt."""
    splitter = pre_tokenizers.Whitespace()
    texts = [load(name) for name in ("ask_question.txt", "ask_answer.txt", "refusal.txt")]
    texts.append("what is")
    asked = [word for text in texts for word, _ in splitter.pre_tokenize_str(text)]
    vocabulary = list(dict.fromkeys([PAD, END, UNKNOWN, *asked, *WORDS]))
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, UNKNOWN))
    core.pre_tokenizer = splitter
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, unk_token=UNKNOWN
    )


def write_documents(folder: Path, documents: list[Document]) -> None:
    """Write the documents + qa form, a question a fact."""
    made = []
    for number, document in enumerate(documents):
        starts = np.cumsum([0, *(len(word) + 1 for word in document.words)]).tolist()
        questions = []
        for fact in document.facts:
            span = (starts[fact.token], starts[fact.token + _FACT_TOKENS] - 1)
            questions.append(Question(fact.question, (fact.answer,), (span,)))
        made.append(Labelled(f"d{number}", " ".join(document.words), tuple(questions)))
    write_set(folder, made)
