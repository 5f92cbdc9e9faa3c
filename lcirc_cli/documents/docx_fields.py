"""Word's fields: instructions are left out, the results that Word stored are read.

Knows nothing about paragraphs; it is told what comes, in order.
"""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element

from lcirc_cli.documents.docx_styles import child_of, children_of, is_on, value

_NO_RESULT = "field{s} without a stored result"
# Fields that mark or set something and show nothing.
_SILENT = frozenset("xe tc ta rd set advance private listnum formtext hyperlink".split())


class _Field:
    """A field that is open."""

    def __init__(self) -> None:
        self.instruction: list[str] = []
        self.in_result = False
        self.shown = False  # whether its result, or a form's field, held text


class Fields:
    """Follows the fields that are open."""

    def __init__(self, losses: Counter[str]) -> None:
        self.losses = losses
        self._open: list[_Field] = []

    def reading(self) -> bool:
        """Whether text is part of the document and not of an instruction."""
        return all(field.in_result for field in self._open)

    def instruct(self, text: str) -> None:
        """Take text of an instruction."""
        if self._open and not self._open[-1].in_result:
            self._open[-1].instruction.append(text)

    def show(self) -> None:
        """Note that there was text."""
        for field in self._open:
            field.shown = True

    def character(self, element: Element) -> str:
        """Take a `w:fldChar`; what a form's field shows by itself, such as a ticked box."""
        kind = element.get("w:fldCharType")
        if kind == "begin":
            self._open.append(_Field())
            shown = _form_text(child_of(element, "w:ffData"))
            self._open[-1].shown = bool(shown)
            return shown
        if kind == "separate" and self._open:
            self._open[-1].in_result = True
        elif kind == "end" and self._open:
            field = self._open.pop()
            name = "".join(field.instruction).strip().split(" ")[0].lower()
            if not field.shown and not field.in_result and name and name not in _SILENT:
                self.losses[_NO_RESULT] += 1
        return ""


def _form_text(data: Element | None) -> str:
    """What a check box or a list of a form shows."""
    if data is None:
        return ""
    if (box := child_of(data, "w:checkBox")) is not None:
        ticked = is_on(box, "w:checked")
        return "[x]" if (is_on(box, "w:default") if ticked is None else ticked) else "[ ]"
    if (choices := child_of(data, "w:ddList")) is not None:
        entries = [entry.get("w:val", "") for entry in children_of(choices, "w:listEntry")]
        chosen = value(choices, "w:result") or value(choices, "w:default") or "0"
        at = int(chosen) if chosen.isdecimal() and len(chosen) < 6 else 0
        return entries[at] if at < len(entries) else ""
    return ""
