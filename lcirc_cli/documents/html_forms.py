"""What a form shows: the values of its fields, and which boxes are ticked.

Knows nothing about other elements.
"""

from __future__ import annotations

from lcirc_cli.documents.html_tokens import Token, attribute

_UNSEEN = frozenset({"hidden", "password", "file", "image"})


def field_text(token: Token) -> str:
    """The text that a start tag shows besides its content; "" if it shows none."""
    if token.value == "option":
        return "[x]" if attribute(token, "selected") is not None else ""
    if token.value == "optgroup":
        return attribute(token, "label") or ""
    if token.value != "input":
        return ""
    kind = (attribute(token, "type") or "text").lower()
    if kind in ("checkbox", "radio"):
        return "[x]" if attribute(token, "checked") is not None else "[ ]"
    if kind == "image":
        return attribute(token, "alt") or ""
    return "" if kind in _UNSEEN else attribute(token, "value") or ""
