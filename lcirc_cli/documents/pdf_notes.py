"""Says what a person should know of a PDF: what was not read, and where the text may be wrong.

Knows what the child process answers, nothing about how it finds that out:
    {"attached": int, "names": [str], "texts": [[name, text]], "xfa": bool, "reader": "pypdf"}
                                                                            beside the page count
    {"unreadable": [letters, of], "many": true, "unsure": true, "scan": true, "pictured": true,
     "ocr": float, "words": [[text, left, top, right, bottom]], "unread": [files, notes],
     "label": str}
                                                                            beside a page's text
"pictured" says that the page should be read by its picture, "ocr" that it was, and how surely.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from lcirc_cli.console import one_line
from lcirc_cli.documents.ocr import UNSURE
from lcirc_cli.documents.page_ranges import format_pages

_MOST = 0.5  # of a page's letters
NAMED = 5  # attached texts that are named
LABEL_LENGTH = 20  # characters of a page's printed number; a longer text is none


def label_of(message: dict[str, Any]) -> str | None:
    """A page's printed number as the file says it: on one line, None where it can be none."""
    label = " ".join(one_line(message.get("label", "")).split())
    return label if 0 < len(label) <= LABEL_LENGTH else None


@dataclass
class PdfNotes:
    """Collects what the child says about the file and its pages."""

    facts: dict[str, Any] = field(default_factory=dict)
    pages: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    few_letters: int = 0
    files: int = 0
    unread: int = 0

    def file(self, message: dict[str, Any]) -> None:
        """Take what is said of the whole file."""
        self.facts = message

    def page(self, message: dict[str, Any]) -> None:
        """Take what is said of a page."""
        number = message["page"]
        for key in ("unsure", "scan"):
            if message.get(key):
                self.pages[key].append(number)
        looked = "ocr" in message
        if looked:
            self.pages["seen" if message.get("words") else "silent"].append(number)
            if message.get("words") and message["ocr"] < UNSURE:
                self.pages["doubtful"].append(number)
        elif message.get("pictured"):
            self.pages["pictured"].append(number)
            if not message["text"].strip():
                self.pages["bare"].append(number)
        files, unread = message.get("unread", (0, 0))
        self.files += files
        self.unread += unread
        lost, total = message.get("unreadable", (0, 1))
        if looked:
            self.few_letters += lost
        elif lost >= _MOST * total:
            self.pages["most"].append(number)
        elif message.get("many"):
            self.pages["many"].append(number)
        else:
            self.few_letters += lost

    def lines(self, remedy: str = "") -> list[str]:
        """The notes, the gravest first.

        Args:
            remedy: how pages are read by their pictures, after "run OCR".
        """
        notes, run_ocr = [], f"run OCR, {remedy}" if remedy else "run OCR"
        if self.facts.get("xfa"):
            notes.append(
                "its form (XFA) is not read, only the pages behind it; print it to a PDF first"
            )
        font = f"letters can't be read (font without a table of characters); {run_ocr}"
        for key, share in (("most", "most"), ("many", "many")):
            if pages := self.pages[key]:
                notes.append(f"{format_pages(pages)}: {share} of {_its(pages)} {font}")
        if self.few_letters:
            letters = "letter" if self.few_letters == 1 else "letters"
            why = "can't be read (fonts without a table of characters)"
            notes.append(f"{self.few_letters:,} {letters} {why}")
        if pages := self.pages["scan"]:
            notes.append(
                f"{format_pages(pages)}: almost no text on a picture, probably a scan; {run_ocr}"
            )
        if pages := self.pages["bare"]:
            notes.append(f"{format_pages(pages)}: no text layer; {run_ocr}")
        if pages := self.pages["seen"]:
            notes.append(f"{format_pages(pages)}: read from the picture (OCR)")
        if pages := self.pages["silent"]:
            shown = "picture" if len(pages) == 1 else "pictures"
            notes.append(f"{format_pages(pages)}: OCR finds no text in {_its(pages)} {shown}")
        if pages := self.pages["doubtful"]:
            notes.append(
                f"{format_pages(pages)}: hard to read (OCR is less than {UNSURE:.0%} sure of its "
                "letters); check what rests on it"
            )
        if pages := self.pages["unsure"]:
            look = "looks" if len(pages) == 1 else "look"
            notes.append(f"{format_pages(pages)} {look} like two columns, read across")
        notes += self._not_read()
        if self.facts.get("reader") == "pypdf":
            notes.append(
                "damaged: read with pypdf, which knows no columns, tables, forms or comments"
            )
        return notes

    def _not_read(self) -> list[str]:
        notes = []
        names = self.facts.get("names", [])
        texts = self.facts.get("texts", [])
        if texts:
            named = ", ".join(" ".join(one_line(name).split()) for name, _ in texts[:NAMED])
            notes.append(
                f"{len(texts):,} attached {'text is' if len(texts) == 1 else 'texts are'} read "
                f"after the pages ({named}{', ...' if len(texts) > NAMED else ''})"
            )
        count = self.facts.get("attached", 0) + self.files - len(texts)
        if count:
            shown = ", ".join(" ".join(one_line(name).split()) for name in names)
            more = ", ..." if shown and count > len(names) else ""
            notes.append(
                f"{count:,} attached {'file is' if count == 1 else 'files are'} not read"
                f"{f' ({shown}{more})' if shown else ''}; save and ingest "
                f"{'it' if count == 1 else 'them'}"
            )
        if self.unread:
            what = "note or stamp is" if self.unread == 1 else "notes or stamps are"
            notes.append(f"{self.unread:,} {what} not read (no text in it)")
        return notes


def _its(pages: list[int]) -> str:
    return "its" if len(pages) == 1 else "their"
