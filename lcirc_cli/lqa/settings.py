"""Everything that a run of make-lqa can be told, as frozen values, and what a run is known by.

Knows nothing about how the pipeline works. Two hashes name a run's folders: `plan_hash` covers
what decides the documents and their shards, `pairs_hash` what decides the pairs. Where and how
fast a run is made (endpoint URL, workers, requests in flight) is in neither, so it can change
from one start to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.executors import EXECUTORS, ExecutorSettings

LOCAL = "local"
KINDS = ("span", "number", "yes_no", "list", "choice", "unanswerable")


@dataclass(frozen=True)
class Thresholds:
    """Where the filters draw their lines. F1 values and similarities are between 0 and 1."""

    round_trip_f1: float = 0.6  # at least this, answered again from the evidence alone
    closed_book_f1: float = 0.6  # at least this without the document means: known anyway
    near_duplicate: float = 0.8  # at least this similar to an earlier question of the document
    min_question_words: int = 4
    max_question_words: int = 60
    max_answer_words: int = 30
    max_quote_words: int = 120


@dataclass(frozen=True)
class DocumentSettings:
    """What decides which documents are used and how they are dealt out."""

    inputs: tuple[str, ...]
    model: str = "smollm2"  # the backbone whose tokens are counted
    min_tokens: int = 4096
    language: str = "en"  # an ISO 639-1 code, or "any"
    decontaminate: tuple[str, ...] = ()
    max_documents: int | None = None
    documents_per_shard: int = 512
    license: str = ""  # for documents whose source names none


@dataclass(frozen=True)
class PairSettings:
    """What decides the pairs, given the documents."""

    generator: str
    seed: int = 0
    pairs_per_document: int = 4
    multi_hop: float = 0.2  # share of the answerable pairs with two or three pieces of evidence
    weights: tuple[float, ...] = (0.40, 0.14, 0.10, 0.10, 0.14, 0.12)  # in the order of KINDS
    temperature: float = 0.7  # for questions; checks are asked at 0
    max_answer_tokens: int = 400
    attempts: int = 10  # at most so many times the same request when replies are unreadable
    validation: float = 0.05  # share of the documents
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, kw_only=True)
class EngineSettings(ExecutorSettings):
    """Where and how fast; none of it changes the result."""

    endpoint: str | None = None
    in_flight: int = 64  # requests at the same time, over all workers
    timeout: float = 120.0  # seconds for one request
    patience: float = 900.0  # seconds of trouble before a request gives up
    device: str = "auto"
    dtype: str = "auto"
    offline: bool = False
    preload: tuple[str, ...] = ("lcirc_cli.lqa.run", "lcirc_cli.lqa.models.endpoint")


@dataclass(frozen=True)
class LqaSettings:
    """One run."""

    out: Path
    documents: DocumentSettings
    pairs: PairSettings
    engine: EngineSettings = field(default_factory=EngineSettings)


def fingerprint(value: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a value's JSON form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def plan_hash(settings: DocumentSettings, states: list[list[str]]) -> str:
    """What the documents and their shards are known by.

    Args:
        states: for each input unit, what tells it from a changed one (name, size, time).
    """
    return fingerprint({"settings": asdict(settings), "inputs": states, "version": 1})


def pairs_hash(settings: PairSettings, prompts: str) -> str:
    """What the pairs are known by, given the documents.

    Args:
        prompts: the hash of the prompt templates.
    """
    return fingerprint({"settings": asdict(settings), "prompts": prompts, "version": 2})


def parse_options(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """KEY=VALUE words as pairs.

    Raises:
        UsageError: one has no "=".
    """
    for word in given:
        if "=" not in word.strip("="):
            raise UsageError(f"--slurm needs KEY=VALUE, not {word!r}")
    return tuple((word.partition("=")[0], word.partition("=")[2]) for word in given)


def check(settings: LqaSettings, *, asks: bool) -> None:
    """Refuse settings that can't work.

    Args:
        asks: whether a model will be asked, or only counted.

    Raises:
        UsageError: with what is wrong and what to do.
    """
    documents, pairs, engine = settings.documents, settings.pairs, settings.engine
    if asks and not pairs.generator:
        raise UsageError("say who asks: --endpoint URL --generator NAME, or --generator local")
    if asks and pairs.generator == LOCAL and engine.endpoint:
        raise UsageError("--generator local asks in this process; leave out --endpoint")
    if asks and pairs.generator != LOCAL and not engine.endpoint:
        raise UsageError(f"say where {pairs.generator} is: --endpoint http://HOST:PORT/v1")
    if engine.executor not in EXECUTORS:
        raise UsageError(f"--executor must be one of {', '.join(EXECUTORS)}")
    least = {
        "--min-tokens": (documents.min_tokens, 1),
        "--pairs-per-document": (pairs.pairs_per_document, 1),
        "--shard-size": (documents.documents_per_shard, 1),
        "--workers": (engine.workers, 1),
        "--in-flight": (engine.in_flight, 1),
        "--max-documents": (documents.max_documents or 1, 1),
        "--temperature": (pairs.temperature, 0),
        "--timeout": (engine.timeout, 0.001),
        "--patience": (engine.patience, 0),
    }
    for name, (value, lowest) in least.items():
        if value < lowest:
            raise UsageError(f"{name} must be at least {lowest}, not {value}")
    for name, share in (("--multi-hop", pairs.multi_hop), ("--validation", pairs.validation)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} is a share between 0 and 1, not {share}")
