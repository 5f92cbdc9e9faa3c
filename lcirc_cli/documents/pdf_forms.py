"""What a PDF page holds beside its painted text: what a form was filled with, notes, stamps,
comments.

A form's value goes where its field stands, so that it is read with the label beside it; a note that
stands apart follows the page's text. Knows pdfium's annotations and chunks.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lcirc_cli.documents.pdf_chunks import Chunk

_HIDDEN = 2 | 32  # flags of annotations that are neither shown nor printed
_MULTILINE = 1 << 12
_PASSWORD = 1 << 13
_LETTER_EM = 0.5  # the width of an average letter
_DEFAULT_SIZE = 10.0
_MEANS_YES = re.compile(r"yes|off|true|oui|checked|choice", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{3,}(?:[ -][^\W\d_]+)*")  # "s2" is a form's own code
_TALL = 32.0  # points: a field for several lines
# A string that nothing closes or shows is matched too: what was looked at is not looked at again.
_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*+)(?:\)\s*+(Tj|'|\")?)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A text with the rectangle (left, bottom, right, top) in which the page shows it."""

    text: str
    box: tuple[float, float, float, float]
    label: str = ""  # the field's name, for where the page has no words beside it
    size: float = 0.0  # letter height, 0 where unknown
    mark: bool = False  # a check box or the like, whose label may stand after it
    choice: str = ""  # what ticking it means, if more than yes


@dataclass
class Extras:
    """What a page holds beside its text, and how much of it can't be read."""

    entries: list[Entry] = field(default_factory=list)  # stand in the page's text
    notes: list[str] = field(default_factory=list)  # follow it
    files: int = 0
    unread: int = 0


def read_extras(page: Any, form: Any) -> Extras:
    """The annotations of a page; `form` is the document's form handle, None without a form."""
    import pypdfium2.raw as pdfium

    extras = Extras()
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            if not pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                _read(annotation, form, extras)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return extras


def _read(annotation: Any, form: Any, extras: Extras) -> None:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET:
        entry = _field(annotation, form) if form else _bare_field(annotation)
        if entry:
            extras.entries.append(entry)
    elif kind == pdfium.FPDF_ANNOT_FREETEXT:
        if text := _contents(annotation) or _painted(annotation):
            extras.entries.append(Entry(text, _box(annotation)))
        else:
            extras.unread += 1
    elif kind == pdfium.FPDF_ANNOT_STAMP:
        text = _contents(annotation) or _painted(annotation) or _string(annotation, "Name")
        if text:
            extras.notes.append(f"Stamp: {text}")
        else:
            extras.unread += 1
    elif kind == pdfium.FPDF_ANNOT_FILEATTACHMENT:
        extras.files += 1
    elif kind not in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP) and _contents(annotation):
        author = " ".join(_string(annotation, "T").split())
        who = f"Comment by {author}" if author else "Comment"
        extras.notes.append(f"{who}: {_contents(annotation)}")


def _field(annotation: Any, form: Any) -> Entry | None:
    """What a form's field holds; None for an empty one."""
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    flags = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation)
    label = _wide(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    label = label or _wide(pdfium.FPDFAnnot_GetFormFieldName, form, annotation).rsplit(".", 1)[-1]
    box = _box(annotation)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        state = _string(annotation, "AS")
        checked = state not in ("", "Off") or bool(pdfium.FPDFAnnot_IsChecked(form, annotation))
        ends = "[]" if kind == pdfium.FPDF_FORMFIELD_CHECKBOX else "()"
        choice = _wide(pdfium.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        if kind == pdfium.FPDF_FORMFIELD_RADIOBUTTON:
            label = f"{label}, {choice}" if choice else label
        text = f"{ends[0]}{'x' if checked else ' '}{ends[1]}"
        meant = choice or state
        says_more = checked and _WORDS.fullmatch(meant) and not _MEANS_YES.fullmatch(meant)
        return Entry(text, box, label, mark=True, choice=meant if says_more else "")
    if kind == pdfium.FPDF_FORMFIELD_PUSHBUTTON or flags & _PASSWORD:
        return None
    text = _chosen(annotation, form) if kind == pdfium.FPDF_FORMFIELD_LISTBOX else ""
    text = text or _wide(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    text = text if flags & _MULTILINE else " ".join(text.split())
    if kind == pdfium.FPDF_FORMFIELD_COMBOBOX:
        text = _chosen(annotation, form) or text
    size = ctypes.c_float()
    pdfium.FPDFAnnot_GetFontSize(form, annotation, size)
    return Entry(text.strip(), box, label, size.value) if text.strip() else None


def _chosen(annotation: Any, form: Any) -> str:
    """The labels of the chosen options, by commas."""
    import pypdfium2.raw as pdfium

    count = min(pdfium.FPDFAnnot_GetOptionCount(form, annotation), 10_000)
    return ", ".join(
        _wide(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, i)
        for i in range(count)
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, i)
    )


def _bare_field(annotation: Any) -> Entry | None:
    """A field of a file that has fields on its pages and no form."""
    text = _string(annotation, "V")
    return Entry(text, _box(annotation), _string(annotation, "T")) if text else None


def _contents(annotation: Any) -> str:
    text = _string(annotation, "Contents")
    return text or re.sub(r"<[^<>]*+>", " ", _string(annotation, "RC")).strip()


def _painted(annotation: Any) -> str:
    """The strings of its picture, if they are written in plain letters."""
    import pypdfium2.raw as pdfium

    stream = _wide(pdfium.FPDFAnnot_GetAP, annotation, 0).encode("latin-1", "ignore")
    shown = [part for part, operator in _STRING.findall(stream) if operator]
    parts = [re.sub(rb"\\(.)", rb"\1", part) for part in shown]
    text = b" ".join(parts).decode("latin-1")
    return text if text.isprintable() else ""


def _string(annotation: Any, key: str) -> str:
    import pypdfium2.raw as pdfium

    return _wide(pdfium.FPDFAnnot_GetStringValue, annotation, key.encode() + b"\0").strip()


def _wide(function: Callable[..., int], *arguments: Any) -> str:
    """The UTF-16 string of one of pdfium's functions that fill a buffer."""
    import pypdfium2.raw as pdfium

    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size + 2)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    text = buffer.raw[: size - 2].decode("utf-16-le", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\0")


def _box(annotation: Any) -> tuple[float, float, float, float]:
    import pypdfium2.raw as pdfium

    box = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(annotation, box)
    low, high = sorted((box.bottom, box.top))
    left, right = sorted((box.left, box.right))
    return left, low, right, high


def turned(entry: Entry, quarters: int) -> Entry:
    """The entry as it stands on a page that is shown turned by quarter turns to the right."""
    left, low, right, high = entry.box
    box = (
        (left, low, right, high),
        (low, -right, high, -left),
        (-right, -high, -left, -low),
        (-high, left, -low, right),
    )[quarters % 4]
    return replace(entry, box=box)


def place(entries: Sequence[Entry], chunks: Sequence[Chunk]) -> tuple[list[Chunk], list[str]]:
    """(chunks that join the page's, lines that follow its text) for what was filled in."""
    placed: list[Chunk] = []
    apart: list[str] = []
    for number, entry in enumerate(entries, start=1_000_000):
        beside = _beside(entry, chunks)
        lines = [line for line in entry.text.split("\n") if line.strip()]
        if not entry.label and (beside is None or len(lines) != 1 or _covered(entry, chunks)):
            apart.append(entry.text)  # a note that stands apart, or on top of the text
            continue
        size = beside.size if beside else entry.size or _DEFAULT_SIZE
        y = beside.y if beside else _baseline(entry, size, len(lines))
        if beside is None:
            lines[0] = (
                f"{entry.label}: {_said(entry)}" if entry.mark else f"{entry.label}: {lines[0]}"
            )
        elif entry.choice and not _says(entry.choice, chunks):
            lines[0] += f" {entry.choice}"
        for i, line in enumerate(lines):
            left = entry.box[0]
            width = min(len(line) * _LETTER_EM * size, max(entry.box[2] - left, size))
            placed.append(
                Chunk(line, left, left + width, y - i * 1.2 * size, size, True, number, True)
            )
    return placed, apart


def _says(words: str, chunks: Sequence[Chunk]) -> bool:
    """Whether the page has these words, as the label beside a mark."""
    plain = re.sub(r"\W+", "", words).lower()
    return plain in re.sub(r"\W+", "", "".join(chunk.text for chunk in chunks)).lower()


def _said(entry: Entry) -> str:
    return "yes" if "x" in entry.text else "no"


def _baseline(entry: Entry, size: float, lines: int) -> float:
    _, low, _, high = entry.box
    return (low + high) / 2 - 0.36 * size if lines == 1 else high - size


def _beside(entry: Entry, chunks: Sequence[Chunk]) -> Chunk | None:
    """The page's words on the field's line: to its left, for a mark also to its right."""
    left, low, right, high = entry.box
    size = max(high - low, 8.0)
    tall = size > _TALL  # its label stands beside the first line
    best: tuple[float, Chunk] | None = None
    for chunk in chunks:
        reach = (0.6 if tall else 0.2) * chunk.size
        if not low - 0.2 * chunk.size <= chunk.y + 0.36 * chunk.size <= high + reach:
            continue
        before, after = left - chunk.x1, chunk.x0 - right
        if before > -0.5 * size:
            away = max(0.0, before)
        elif entry.mark and after > -0.5 * size:
            away = max(0.0, after)
        else:
            continue
        away += abs(chunk.y + 0.36 * chunk.size - (high - 8 if tall else (low + high) / 2))
        if away < 300 and (best is None or away < best[0]):
            best = (away, chunk)
    return best[1] if best else None


def _covered(entry: Entry, chunks: Sequence[Chunk]) -> bool:
    left, low, right, high = entry.box
    return any(
        min(right, c.x1) - max(left, c.x0) > c.size and low < c.y + 0.36 * c.size < high
        for c in chunks
    )
