"""How servers with the same interface differ: structured output, the limit's name, and whether
their model wants worked examples.

Knows nothing about connections.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lcirc_cli.endpoints.chat import ChatRequest
from lcirc_cli.prompts import load

# A model that wants examples copies a quote by picking the likeliest words; at the temperature
# that gives a large model's questions variety, one of the many words is soon another.
_CAREFUL = 0.2


@dataclass(frozen=True)
class Dialect:
    """What this server understands; found out once by `negotiate`."""

    structure: str = "json_schema"  # or json_object, or none
    limit: str = "max_tokens"  # or max_completion_tokens
    examples: bool = False  # show worked examples, as turns, where a request has any
    temperature: bool = True  # some models that think first take none but their own

    def after(self, refusal: str) -> Dialect:
        """What to try where a server's refusal names the argument that it is about."""
        if self.limit == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in refusal:
            return replace(self, temperature=False)
        return self

    def messages(self, request: ChatRequest) -> list[dict[str, str]]:
        """The conversation whose next turn is the reply."""
        if self.examples and request.examples:
            return [_turn("system", load("lqa/local/system.txt")), *_turns(request.examples)]
        return [_turn("system", request.system), _turn("user", request.user)]

    def arguments(self, request: ChatRequest) -> dict[str, Any]:
        """The request's arguments that differ between servers."""
        careful = self.examples and bool(request.examples)
        arguments: dict[str, Any] = {self.limit: request.max_tokens}
        if self.temperature:
            given = request.temperature
            arguments["temperature"] = min(given, _CAREFUL) if careful else given
        if self.structure == "json_schema":
            schema = {"name": "reply", "schema": dict(request.schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.structure == "json_object":
            arguments["response_format"] = {"type": "json_object"}
        return arguments


def _turns(examples: str) -> list[dict[str, str]]:
    """Worked examples, one a paragraph with the reply as its last line; what follows has none."""
    turns = []
    paragraphs = examples.strip().split("\n\n")
    while len(paragraphs) > 1:
        question, _, reply = paragraphs[0].rpartition("\n")
        if not reply.startswith("{"):
            break  # what is asked may have paragraphs of its own
        turns += [_turn("user", question), _turn("assistant", reply)]
        del paragraphs[0]
    return [*turns, _turn("user", "\n\n".join(paragraphs))]


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


DIALECTS = tuple(
    Dialect(structure, limit)
    for structure in ("json_schema", "json_object", "none")
    for limit in ("max_tokens", "max_completion_tokens")
)
