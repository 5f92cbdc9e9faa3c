"""Everything that a run of make-lqa can be told, as frozen values, and what a run is known by.

Knows nothing about how the pipeline works. Two hashes name a run's folders: `plan_hash` covers
what decides the documents and their shards, `pairs_hash` what decides the pairs. Where and how
fast a run is made (endpoint URL, workers, requests in flight) is in neither, so it can change
from one start to the next.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.executors import ExecutorSettings
from lcirc_cli.settings import MAX_SEED, flag, setting

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
    min_tokens: int = setting(4096, least=1, help="Shorter documents are left out.")
    language: str = setting("en", metavar="CODE", help="ISO 639-1, or any.")
    decontaminate: tuple[str, ...] = ()
    max_documents: int | None = setting(None, least=1, metavar="N", help="The first N.")
    documents_per_shard: int = setting(
        512, least=1, names=("--shard-size",), metavar="N", help="Documents of a task."
    )
    license: str = setting("", metavar="NAME", help="Where a source names none.")


@dataclass(frozen=True)
class PairSettings:
    """What decides the pairs, given the documents."""

    generator: str = setting(
        "",
        metavar="NAME",
        help="The model's name on the server, or local: --model in this process.",
    )
    seed: int = setting(0, min=0, max=MAX_SEED, metavar="S", help="Seed.")
    pairs_per_document: int = setting(4, least=1, metavar="N", help="Tried for each.")
    multi_hop: float = setting(  # of the answerable ones
        0.2, least=0, most=1, help="Share of pairs with evidence in 2-3 places."
    )
    weights: tuple[float, ...] = (0.40, 0.14, 0.10, 0.10, 0.14, 0.12)  # in the order of KINDS
    temperature: float = setting(0.7, least=0, help="For questions; checks are asked at 0.")
    max_answer_tokens: int = 400
    attempts: int = 10  # at most so many times the same request when replies are unreadable
    validation: float = setting(0.05, least=0, most=1, help="Share of documents held out.")
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, kw_only=True)
class EngineSettings(ExecutorSettings):
    """Where and how fast; none of it changes the result."""

    endpoint: str | None = setting(
        None,
        metavar="URL",
        help="An OpenAI-compatible server, e.g. http://localhost:8000/v1.",
    )
    # Over all workers.
    in_flight: int = setting(64, least=1, metavar="N", help="Requests at the same time.")
    timeout: float = setting(120.0, least=0.001, metavar="S", help="Seconds for one request.")
    patience: float = setting(
        900.0, least=0, metavar="S", help="Seconds of trouble before giving up."
    )
    device: str = "auto"
    dtype: str = "auto"
    offline: bool = False
    preload: tuple[str, ...] = ("lcirc_cli.lqa.run", "lcirc_cli.endpoints.endpoint")


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
    engine.check()
    for part in (documents, pairs, engine):
        for each in fields(part):
            _check_range(each, getattr(part, each.name))


def _check_range(of: Field[Any], value: float | None) -> None:
    least, most = of.metadata.get("least"), of.metadata.get("most")
    if least is None or value is None:
        return
    name = flag(of)
    if most is not None and not least <= value <= most:
        raise UsageError(f"{name} is a share between {least} and {most}, not {value}")
    if value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}")
