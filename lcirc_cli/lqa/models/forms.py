"""The JSON forms of replies: what the prompt shows, and the schema that servers can enforce.

Knows nothing about prompts or about what is done with a reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT: Mapping[str, Any] = {"type": "string"}
FLAG: Mapping[str, Any] = {"type": "boolean"}
COPIED = "copied character for character"
COPY: Mapping[str, Any] = {"type": "string", "description": COPIED}


def one_of(*words: str) -> dict[str, Any]:
    """The schema of a string that is one of `words`."""
    return {"type": "string", "enum": list(words)}


def texts(least: int, most: int, *, of: Mapping[str, Any] = TEXT) -> dict[str, Any]:
    """The schema of a list of `least` to `most` strings."""
    return {"type": "array", "items": dict(of), "minItems": least, "maxItems": most}


@dataclass(frozen=True)
class Form:
    """An object with these fields, all required, in this order."""

    fields: Mapping[str, Mapping[str, Any]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema."""
        return {
            "type": "object",
            "properties": {name: dict(field) for name, field in self.fields.items()},
            "required": list(self.fields),
            "additionalProperties": False,
        }

    def __str__(self) -> str:
        """The form as a prompt shows it."""
        shown = (f"{json.dumps(name)}: {_shown(field)}" for name, field in self.fields.items())
        return "{" + ", ".join(shown) + "}"


def _shown(field: Mapping[str, Any]) -> str:
    if field["type"] == "boolean":
        return "true or false"
    if field["type"] == "array":
        return json.dumps(["..."] * field["minItems"])
    return " or ".join(json.dumps(word) for word in field.get("enum", ["..."]))
