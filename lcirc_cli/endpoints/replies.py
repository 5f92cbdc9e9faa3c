"""From a model's reply to checked fields, tolerant of how the JSON is wrapped.

Knows nothing about what the fields mean; that is in `questions` and `checks`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from lcirc_cli.files.schema import parse

_THINKING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
# A reply of nothing but braces must not take the square of its length.
_STRAY = 16  # opening braces that nothing closes
_LONGEST = 1 << 20  # characters of a reply: far more than any is asked for
_MOST_VALUES = 100_000
_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn what follows


class UnreadableReply(ValueError):
    """The reply holds no JSON object of the form that was asked for."""


def parse_object(text: str) -> dict[str, Any]:
    """The first JSON object in a reply.

    Accepts what models do to JSON in practice: thinking before it, a code fence or words
    around it, raw line breaks in strings, commas before a closing bracket.

    Raises:
        UnreadableReply: there is none, or the reply is longer than one can be.
    """
    if len(text) > _LONGEST:
        raise UnreadableReply(f"a reply of {len(text):,} characters")
    text = _THINKING.sub("", text)
    for candidate in _objects(text):
        for attempt in (candidate, _TRAILING_COMMA.sub(r"\1", candidate)):
            try:
                value = parse(attempt, "the reply", strict=False, most=_MOST_VALUES)
            except ValueError:
                continue
            if isinstance(value, dict):
                return value
    raise UnreadableReply("no JSON object in the reply")


def text_field(value: dict[str, Any], name: str, *, empty: bool = False) -> str:
    """A string field, without space around it; numbers and booleans count as their text.

    Raises:
        UnreadableReply: missing, of another type, or (unless `empty`) without a word in it.
    """
    found = value.get(name)
    if isinstance(found, bool):
        found = "yes" if found else "no"
    if isinstance(found, int | float):
        found = str(found)
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        found = found[0]
    if found is None and empty:
        return ""
    if not isinstance(found, str) or not (found.strip() or empty):
        raise UnreadableReply(f"no text in the field {name!r}")
    return "".join(c if c.isprintable() or c in "\n\t" else _blank(c) for c in found).strip()


def _blank(character: str) -> str:
    """What stands for a character that isn't printed: spaces, joiners and marks stay."""
    if unicodedata.category(character) in ("Cc", "Cs") or character in _DIRECTIONS:
        return " "
    return character


def list_field(value: dict[str, Any], name: str, *, least: int, most: int) -> tuple[str, ...]:
    """A field of `least` to `most` strings, without space around each.

    Raises:
        UnreadableReply: missing, of another type, an empty entry, or another number of them.
    """
    found = value.get(name)
    if isinstance(found, str):
        found = [part for part in re.split(r"[;\n]", found) if part.strip()]
    if not isinstance(found, list) or not least <= len(found) <= most:
        raise UnreadableReply(f"the field {name!r} is not a list of {least} to {most} entries")
    return tuple(text_field({name: entry}, name) for entry in found)


def flag_field(value: dict[str, Any], name: str) -> bool:
    """A true-or-false field; "true", "yes" and their opposites count as well.

    Raises:
        UnreadableReply: missing, or something else.
    """
    found = value.get(name)
    if isinstance(found, bool):
        return found
    word = found.strip().lower() if isinstance(found, str) else ""
    if word in ("true", "yes"):
        return True
    if word in ("false", "no"):
        return False
    raise UnreadableReply(f"the field {name!r} is neither true nor false")


def _objects(text: str) -> list[str]:
    """The stretches of `text` from a brace to the brace that closes it, outermost ones first."""
    found: list[str] = []
    position, stray = text.find("{"), 0
    while position != -1 and len(found) < 8 and stray < _STRAY:
        end = _closing(text, position)
        if end is None:
            stray += 1
            position = text.find("{", position + 1)
            continue
        found.append(text[position:end])
        position = text.find("{", end)
    return found


def _closing(text: str, start: int) -> int | None:
    depth, quoted, escaped = 0, False, False
    for index in range(start, len(text)):
        char = text[index]
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return index + 1
    return None
