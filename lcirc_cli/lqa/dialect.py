"""How servers with the same interface differ: structured output, and the limit's name.

Knows nothing about connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lcirc_cli.lqa.chat import ChatRequest


@dataclass(frozen=True)
class Dialect:
    """What this server understands; found out once by `negotiate`."""

    structure: str = "json_schema"  # or json_object, or none
    limit: str = "max_tokens"  # or max_completion_tokens

    def arguments(self, request: ChatRequest) -> dict[str, Any]:
        """The request's arguments that differ between servers."""
        arguments: dict[str, Any] = {self.limit: request.max_tokens}
        if self.structure == "json_schema":
            schema = {"name": "reply", "schema": dict(request.schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.structure == "json_object":
            arguments["response_format"] = {"type": "json_object"}
        return arguments


DIALECTS = tuple(
    Dialect(structure, limit)
    for structure in ("json_schema", "json_object", "none")
    for limit in ("max_tokens", "max_completion_tokens")
)
