"""Gathers the tokens of a `<math>` element and writes it as linear text.

Knows nothing about the page around it.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from lcirc_cli.documents.equations import linear
from lcirc_cli.documents.html_tokens import Token, attribute

_MAX_DEPTH = 100
_ATTRIBUTES = ("linethickness", "open", "close", "separators")


class Math:
    """An equation that is open."""

    def __init__(self) -> None:
        self._path = [Element("math")]

    def take(self, token: Token) -> bool:
        """Take a token; False once the equation has ended."""
        if token.kind == "text":
            element = self._path[-1]
            if token.value.isspace() and element.tag != "mtext":
                return True  # between two tags
            if len(element):
                element = SubElement(element, "mtext")
            element.text = (element.text or "") + token.value
        elif token.kind == "start":
            child = SubElement(self._path[-1], token.value)
            for name in _ATTRIBUTES:
                if (value := attribute(token, name)) is not None:
                    child.set(name, value)
            if not token.empty and len(self._path) < _MAX_DEPTH:
                self._path.append(child)
        elif token.value == "math":
            return False
        else:
            open_names = [element.tag for element in self._path[1:]]
            if token.value in open_names:
                del self._path[len(open_names) - open_names[::-1].index(token.value) :]
        return True

    def text(self) -> str:
        """The equation as far as it was read."""
        return " ".join(linear(self._path[0]).split())
