"""How a question is asked, what `ask` returns, and its JSON form (schema 2)."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lcirc_cli.errors import UsageError
from lcirc_cli.prompts import REFUSAL
from lcirc_cli.qa.scoring import normalise
from lcirc_cli.settings import MAX_SEED

if TYPE_CHECKING:
    from lcirc_cli.evidence import Citation

ASK_METHODS = ("auto", "qd-lcirc", "lcirc", "reader", "none")
WITHOUT_MEMORY = ("reader", "none")  # what isn't in the window is not read
WINDOWS = ("evidence", "ends", "none")
MAX_NEW_TOKENS = 64
SCHEMA = 2
SURE = 0.5  # of a confidence: likelier right than not
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
            qd-lcirc, no memory), none (the bare language model) or auto (beside passages what the
            adapter answers best with, else qd-lcirc).
        window: what it reads as raw text besides the question: evidence (the best passages),
            ends (head and tail of the document) or none.
        window_tokens: document tokens in the window; None takes the window's own default.
        segments: that a question steers, at most: those with the best passages; 0 for all, None
            for as many as cost little (`Collection.most_segments`).
        max_new_tokens: of an answer; None takes the default of who answers.
        citations: quotes for an answer, at most.
        temperature: 0 is greedy.
        seed: of the sampling, with a temperature.
    """

    method: str = "auto"
    window: str = "evidence"
    window_tokens: int | None = None
    segments: int | None = None
    max_new_tokens: int | None = None
    citations: int = 3
    temperature: float = 0.0
    seed: int = 0

    @property
    def new_tokens(self) -> int:
        """Of an answer, at most, where the backbone gives it."""
        return MAX_NEW_TOKENS if self.max_new_tokens is None else self.max_new_tokens

    def settled(self, own: str, *, remote: bool = False) -> AskSettings:
        """With a method in place of auto.

        Args:
            own: what the adapter answers best with beside passages.
            remote: a model on a server writes the answers.
        """
        if self.method != "auto":
            return self
        reads = self.window == "evidence" and self.window_tokens != 0 and not remote
        return dataclasses.replace(self, method=own if reads else "qd-lcirc")

    def validate(self) -> None:
        """Raises UsageError with the first setting that can't be used."""
        if self.method not in ASK_METHODS:
            raise UsageError(f"method must be one of {', '.join(ASK_METHODS)}, not {self.method!r}")
        if self.window not in WINDOWS:
            raise UsageError(f"window must be one of {', '.join(WINDOWS)}, not {self.window!r}")
        least_of = {"max_new_tokens": 1, "citations": 0, "window_tokens": 0, "segments": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name.replace('_', '-')} must be {least} or more, not {value}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"seed must be from 0 to {MAX_SEED}, not {self.seed}")
        if not 0.0 <= self.temperature < float("inf"):
            raise UsageError(f"temperature must be 0 or more, not {self.temperature}")


def ask_settings(options: Mapping[str, Any]) -> AskSettings:
    """The settings of `Engine.ask(..., **options)`, checked.

    Raises:
        UsageError: there is no such option, or it can't have this value.
    """
    known = [field.name for field in dataclasses.fields(AskSettings)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"ask has no option {name!r}; {hint}")
    settings = AskSettings(**options)
    settings.validate()
    return settings


def check_settings(settings: AskSettings) -> None:
    """Raises UsageError for what a model on a server can't do."""
    if settings.method == "reader":
        raise UsageError(
            "--method reader is the adapter's own decoder on this machine, --reader a model on a "
            "server: choose one of them"
        )
    if settings.window != "evidence":
        raise UsageError("a model on a server reads passages: leave out --window with --reader")


@dataclass(frozen=True)
class TokenCounts:
    """How many tokens took which way."""

    document: int  # of all documents in the memories
    window: int  # of the prompt that the language model read
    memory: int  # latents that were injected
    answer: int


@dataclass(frozen=True)
class SegmentCounts:
    """How many segments the memories have, and how many of them the question steered."""

    all: int
    steered: int


@dataclass(frozen=True)
class Timings:
    """Seconds on the wall clock."""

    load_s: float  # models and memories, once for all questions
    compress_s: float  # what depends on the question (QD-LCIRC)
    first_token_s: float  # from the question to the first token of its answer
    total_s: float  # from the question to the end of its answer


@dataclass(frozen=True)
class Sent:
    """A passage that a model on a server was shown, under the number that its answer has for it."""

    id: int
    used: bool  # the answer names it
    document: str
    document_index: int
    page: int | None
    section: str | None
    start: int
    end: int
    quote: str | None  # of the used ones: what of it is closest to the question and the answer


@dataclass(frozen=True)
class Read:
    """Which model on a server gave the answer, and from what."""

    url: str
    model: str
    tokens: int  # of the document's text that was sent
    passages: tuple[Sent, ...]  # in the order of the document

    def id_of(self, citation: Citation) -> int | None:
        """The number of the passage that a citation is from, where it was sent."""
        for sent in self.passages:
            if sent.document_index == citation.document_index and any(
                start < sent.end and end > sent.start for start, end in citation.parts
            ):
                return sent.id
        return None


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
    read: Read | None = None  # where a model on a server gave it
    confidence: float | None = None  # that the answer is right (of a refusal: it); None: unknown
    shown: int = 0  # document tokens that the model read as text
    segments: SegmentCounts = SegmentCounts(0, 0)

    @property
    def compressed(self) -> int:
        """Document tokens that the memory holds; 0 where none was read."""
        return 0 if self.method in WITHOUT_MEMORY else self.tokens.document - self.left_out

    @property
    def refused(self) -> bool:
        """Whether it says that the document does not."""
        return says_refusal(self.answer)

    @property
    def sure(self) -> bool:
        """False where it is likelier wrong than right."""
        return self.confidence is None or self.confidence >= SURE

    @property
    def quoted(self) -> bool:
        """Whether a quote fits the question well."""
        return any(citation.strong for citation in self.citations)

    @property
    def weak(self) -> bool:
        """Whether the answer and its quotes are weak both: who asked is warned."""
        return not ((self.found and self.sure) or self.quoted)

    def to_json(self) -> dict[str, Any]:
        """The object that `lcirc ask --json` prints."""
        record = {
            "schema": SCHEMA,
            "question": self.question,
            "answer": self.answer,
            "finish": self.finish,
            "citations": [_cited(citation) for citation in self.citations],
            "found": self.found,
            "sure": self.sure,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "tokens": dataclasses.asdict(self.tokens),
            "segments": dataclasses.asdict(self.segments),
            "timings": {k: round(v, 4) for k, v in dataclasses.asdict(self.timings).items()},
            "method": self.method,
            "window": self.window,
            "model": self.model,
            "adapter": self.adapter,
            "memory_sha256": self.memory_sha256,
        }
        return record if self.read is None else {**record, "reader": dataclasses.asdict(self.read)}


def says_refusal(answer: str) -> bool:
    """Whether an answer is the refusal and nothing else."""
    return normalise(answer) == normalise(REFUSAL)


def _cited(citation: Citation) -> dict[str, Any]:
    """A citation's JSON; `parts` where the quote is not simply text[start:end]."""
    record = {name: getattr(citation, name) for name in _CITED}
    return {**record, "parts": citation.parts} if len(citation.parts) > 1 else record
