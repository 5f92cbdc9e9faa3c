"""The styles of a Word file, as far as they change what is read: headings, numbers, hidden text.

Knows nothing about paragraphs or runs.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_HEADING = re.compile(r"(?:heading ?([1-9])|(title))", re.IGNORECASE)
_ON = frozenset({None, "1", "true", "on"})


def child_of(element: Element | None, name: str) -> Element | None:
    """The first child of that name, such as `w:pPr`: `find` takes a colon for a path's."""
    return next(iter(children_of(element, name)), None)


def children_of(element: Element | None, name: str) -> list[Element]:
    """The children of that name."""
    return [] if element is None else [child for child in element if child.tag == name]


def value(element: Element | None, name: str) -> str | None:
    """The value of a child such as `w:vertAlign`; None if there is no child of that name."""
    child = child_of(element, name)
    return None if child is None else child.get("w:val", "")


def is_on(element: Element | None, name: str) -> bool | None:
    """Whether a switch such as `w:vanish` is on; None if it isn't mentioned."""
    child = child_of(element, name)
    return None if child is None else child.get("w:val") in _ON


class Styles:
    """The styles by their identifiers, each with what it takes over from the one it is based on."""

    def __init__(self, root: Element | None) -> None:
        self._styles: dict[str, Element] = {}
        self._default: str | None = None
        self._of_runs: dict[tuple[str, str], str | None] = {}  # asked for once a run
        for style in [] if root is None else root.iter("w:style"):
            key = style.get("w:styleId", "")
            self._styles.setdefault(key, style)
            if style.get("w:type") == "paragraph" and style.get("w:default") in ("1", "true"):
                self._default = key

    def chain(self, key: str | None) -> list[Element]:
        """The style, then those that it is based on."""
        found: list[Element] = []
        key = self._default if key is None else key
        while key is not None and key in self._styles and len(found) < 20:
            style = self._styles[key]
            found.append(style)
            key = value(style, "w:basedOn")
        return found

    def heading(self, key: str | None) -> bool:
        """Whether paragraphs of this style are headings."""
        chain = self.chain(key)
        if not chain:
            return key is not None and bool(_HEADING.fullmatch(key))
        for style in chain:
            if _HEADING.fullmatch(value(style, "w:name") or ""):
                return True
            level = value(child_of(style, "w:pPr"), "w:outlineLvl")
            if level is not None:
                return level.isdigit() and int(level) < 9
        return False

    def numbering(self, key: str | None) -> tuple[str | None, str | None]:
        """The list and the level that a style gives to its paragraphs, each where it says one."""
        found = [child_of(child_of(style, "w:pPr"), "w:numPr") for style in self.chain(key)]
        numbers = [value(each, "w:numId") for each in found]
        levels = [value(each, "w:ilvl") for each in found]
        return next(filter(None, numbers), None), next(filter(None, levels), None)

    def run(self, key: str, name: str) -> str | None:
        """The value of a property of runs in a character style, if it has one."""
        if (key, name) not in self._of_runs:
            found = (child_of(child_of(style, "w:rPr"), name) for style in self.chain(key))
            first = next((each for each in found if each is not None), None)
            self._of_runs[key, name] = None if first is None else first.get("w:val", "1")
        return self._of_runs[key, name]
