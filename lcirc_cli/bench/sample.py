"""What a task yields and what a metric reads: samples, prompts and outputs.

A sample keeps the document apart from the rest of the prompt, so that a system which compresses
knows what to compress and what the question is. Knows no tokenizer, model or file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Truncation = Literal["middle", "middle_joined", "head_words", "paper_middle", "none"]
Protocols = Literal["official", "paper"]


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hex; half characters count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Prompt:
    """The text around a document, as the benchmark's own template has it.

    Attributes:
        before: text before the document, inside the user's turn.
        after: text after it: the question, the options, the instruction.
        system: the system message; without a chat template it stands first, as it is.
        reply: text that follows the user's turn and begins the answer.
        chat: wrap in the backbone's chat template where it has one, as the benchmark does.
    """

    before: str
    after: str
    system: str = ""
    reply: str = ""
    chat: bool = False

    def plain(self, document: str) -> str:
        """The whole prompt as one text, without a chat template."""
        return f"{self.system}{self.before}{document}{self.after}{self.reply}"


@dataclass(frozen=True)
class Sample:
    """One question about one document.

    Attributes:
        id: unique inside its task; part of the key under which a result is kept.
        document_id: samples with the same one share the document's text.
        question: what a query-dependent compressor reads.
        prompt: the benchmark's own; None for the prompt that `lcirc ask` makes.
        answers: gold references; empty means that the document doesn't answer the question.
        metric: a name of `lcirc_cli.bench.metrics.METRICS`.
        closed_book: a second prompt, without the document, that is scored too (L-Eval sci_fi).
        evidence: character ranges of `document` that hold the answer.
        facets: what the report groups by, such as a needle's depth.
        scored: False where the benchmark's own script leaves the question to a judge; the
            answer is still generated and counted in the total.
        parts: the texts that `document` was joined from; empty where it is one.
        history: earlier questions with their answers, oldest first (our own form).
    """

    id: str
    document_id: str
    document: str
    question: str
    prompt: Prompt | None
    answers: tuple[str, ...]
    metric: str
    max_new_tokens: int
    truncation: Truncation
    options: tuple[str, ...] = ()
    closed_book: str | None = None
    evidence: tuple[tuple[int, int], ...] = ()
    facets: Mapping[str, float | str] = field(default_factory=dict)
    scored: bool = True
    parts: tuple[str, ...] = field(default=(), repr=False)
    history: tuple[tuple[str, str], ...] = ()

    @property
    def gold(self) -> str | None:
        """The answer whose loss is measured: the first one, where the prompt is our own."""
        return self.answers[0] if self.prompt is None and self.answers else None


@dataclass(frozen=True)
class TextSample:
    """A long text whose last tokens are scored given what stands before them.

    Attributes:
        end_token: where the scored tokens end, counted from the start of the text.
        context_tokens: tokens before `end_token`, the scored ones among them, that may be used.
        scored_tokens: how many at the end of them are scored.
    """

    id: str
    document_id: str
    document: str
    end_token: int
    context_tokens: int
    scored_tokens: int = 2048
    metric: str = "perplexity"
    facets: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What a system returned for a sample.

    Attributes:
        text: the generated answer.
        closed_book: the answer to `Sample.closed_book`.
        answer_loss: nats a token of the first gold answer, where the system measures it.
        refusal: the probability that the answer begins with the refusal of `lcirc ask`.
        confidence: the probability that the text is right, where the adapter was fitted to say.
        loss: mean nats a token of the scored text (`TextSample`).
        ranking: character ranges of the document, best first, where the system ranks passages.
    """

    text: str = ""
    closed_book: str | None = None
    answer_loss: float | None = None
    refusal: float | None = None
    confidence: float | None = None
    loss: float | None = None
    ranking: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Scored:
    """One sample's result: named values, fractions unless the metric says otherwise."""

    values: Mapping[str, float]
    blank: bool = False
    format_failure: bool = False


class Task(Protocol):
    """A named list of samples that a run can go through again in the same order."""

    @property
    def name(self) -> str: ...

    @property
    def metric(self) -> str: ...

    @property
    def note(self) -> str:
        """What is left out of the data, for the report; "" where nothing is."""
        ...

    def samples(self) -> Iterator[Sample] | Iterator[TextSample]: ...
