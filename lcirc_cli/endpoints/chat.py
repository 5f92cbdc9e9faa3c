"""What is asked of a language model and what it says back, whatever runs it.

Knows nothing about questions, endpoints or caches.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ChatRequest:
    """One request. `purpose` names it in counts; it is no part of what is sent.

    `examples` says the same as `system` and `user` in another way, for a model too small to follow
    instructions: worked examples, to be continued with the reply. `source` is the text that a
    field may be copied from, where that must be a smaller one than the whole prompt.
    """

    purpose: str
    system: str
    user: str
    schema: Mapping[str, Any]  # JSON schema of the reply
    max_tokens: int
    temperature: float
    seed: int
    examples: str = ""
    source: str = ""

    def key(self, model: str) -> str:
        """What the request is known by: 64 hexadecimal digits over all that decides the reply."""
        sent = {**vars(self), "model": model}  # `asdict` would copy the schema, piece by piece
        del sent["purpose"]
        text = json.dumps(sent, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What came back: its text, whether it ended by itself, and the tokens used."""

    text: str
    complete: bool = True
    prompt_tokens: int = 0
    reply_tokens: int = 0


class Refused(Exception):
    """The model's server won't answer this one request, whenever it is asked (e.g. too long)."""


class ChatModel(Protocol):
    """Something that answers requests."""

    name: str
    varies: bool  # whether the same request could be answered better when asked again
    troubles: Counter[str]  # what was waited out so far, by kind

    async def complete(self, request: ChatRequest) -> Reply:
        """Answer one request.

        Raises:
            Refused: this request will never be answered.
            EndpointError: nothing will be, until something is put right.
        """

    async def aclose(self) -> None:
        """Let go of connections."""
