"""How a question is asked, what `ask` returns, and its JSON form (schema 2)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import Citation
from lcirc_cli.settings import MAX_SEED

ASK_METHODS = ("qd-lcirc", "lcirc", "reader", "none")
WITHOUT_MEMORY = ("reader", "none")  # what isn't in the window is not read
WINDOWS = ("evidence", "ends", "none")
MAX_NEW_TOKENS = 64
SCHEMA = 2
Finish = Literal["stop", "length"]
_CITED = (
    *("document", "document_index", "page", "pages", "label", "section"),
    *("start", "end", "quote", "score"),
)


@dataclass(frozen=True)
class AskSettings:
    """How questions are answered.

    Args:
        method: qd-lcirc (the question steers the compression), lcirc (one compression for all
            questions), reader (the decoder that the adapter has tuned, passages ranked as for
            qd-lcirc, no memory) or none (the bare language model).
        window: what it reads as raw text besides the question: evidence (the best passages),
            ends (head and tail of the document) or none.
        window_tokens: document tokens in the window; None takes the window's own default.
        max_new_tokens: of an answer.
        citations: quotes for an answer, at most.
        temperature: 0 is greedy.
        seed: of the sampling, with a temperature.
    """

    method: str = "qd-lcirc"
    window: str = "evidence"
    window_tokens: int | None = None
    max_new_tokens: int = MAX_NEW_TOKENS
    citations: int = 3
    temperature: float = 0.0
    seed: int = 0

    def validate(self) -> None:
        """Raises UsageError with the first setting that can't be used."""
        if self.method not in ASK_METHODS:
            raise UsageError(f"method must be one of {', '.join(ASK_METHODS)}, not {self.method!r}")
        if self.window not in WINDOWS:
            raise UsageError(f"window must be one of {', '.join(WINDOWS)}, not {self.window!r}")
        for name, least in (("max_new_tokens", 1), ("citations", 0), ("window_tokens", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name.replace('_', '-')} must be {least} or more, not {value}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"seed must be from 0 to {MAX_SEED}, not {self.seed}")
        if not 0.0 <= self.temperature < float("inf"):
            raise UsageError(f"temperature must be 0 or more, not {self.temperature}")


@dataclass(frozen=True)
class TokenCounts:
    """How many tokens took which way."""

    document: int  # of all documents in the memories
    window: int  # of the prompt that the language model read
    memory: int  # latents that were injected
    answer: int


@dataclass(frozen=True)
class Timings:
    """Seconds on the wall clock."""

    load_s: float  # models and memories, once for all questions
    compress_s: float  # what depends on the question (QD-LCIRC)
    first_token_s: float  # from the question to the first token of its answer
    total_s: float  # from the question to the end of its answer


@dataclass(frozen=True)
class Answer:
    """An answer with its evidence; questions asked together share their timings."""

    question: str
    answer: str
    citations: tuple[Citation, ...]  # best first
    found: bool  # False: the document may not contain the answer
    tokens: TokenCounts
    timings: Timings
    method: str
    window: str
    model: str
    adapter: str
    memory_sha256: str | None  # of several memories: joined by spaces; None if never saved
    left_out: int  # document tokens that were neither compressed nor in the window
    finish: Finish = "stop"  # length: the limit of tokens cut the answer

    @property
    def compressed(self) -> int:
        """Document tokens that the memory holds; 0 where none was read."""
        return 0 if self.method in WITHOUT_MEMORY else self.tokens.document - self.left_out

    def to_json(self) -> dict[str, Any]:
        """The object that `lcirc ask --json` prints."""
        return {
            "schema": SCHEMA,
            "question": self.question,
            "answer": self.answer,
            "finish": self.finish,
            "citations": [_cited(citation) for citation in self.citations],
            "found": self.found,
            "tokens": dataclasses.asdict(self.tokens),
            "timings": {k: round(v, 4) for k, v in dataclasses.asdict(self.timings).items()},
            "method": self.method,
            "window": self.window,
            "model": self.model,
            "adapter": self.adapter,
            "memory_sha256": self.memory_sha256,
        }


def _cited(citation: Citation) -> dict[str, Any]:
    """A citation's JSON; `parts` where the quote is not simply text[start:end]."""
    record = {name: getattr(citation, name) for name in _CITED}
    return {**record, "parts": citation.parts} if len(citation.parts) > 1 else record
