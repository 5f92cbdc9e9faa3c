"""Compares the readers of PDF files on the first pages of real ones: pypdf, pdfium's own text, and
lcirc, which builds lines from the places of pdfium's letters.

    LCIRC_DATA=... python tests/perf/pdf_readers.py [--pages 10]

Prints a Markdown table: processor seconds, words, and the words that are glued (two words of the
other reader in one) or split, pypdf against lcirc and lcirc against pypdf.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
from pypdf import PdfReader

from lcirc_cli.documents.pdf_pdfium import PdfiumReader

_WORD = re.compile(r"[^\W\d_]{2,}")


def pypdf_pages(path: Path, pages: int) -> Iterator[str]:
    reader = PdfReader(path)
    for page in reader.pages[:pages]:
        yield page.extract_text()


def pdfium_pages(path: Path, pages: int) -> Iterator[str]:
    document = pypdfium2.PdfDocument(path)
    for number in range(min(pages, len(document))):
        yield document[number].get_textpage().get_text_range()


def lcirc_pages(path: Path, pages: int) -> Iterator[str]:
    reader = PdfiumReader(path, "")
    for number in range(min(pages, reader.facts()["page_count"])):
        yield reader.page(number + 1)["text"]


def run(read: Callable[[Path, int], Iterator[str]], path: Path, pages: int) -> tuple[str, float]:
    start = time.process_time()
    try:
        text = "\n".join(read(path, pages))
    except Exception as error:
        text = f"! {type(error).__name__}"
    return text, time.process_time() - start


def glued(mine: str, theirs: str) -> int:
    """How many words of `mine` are two words of `theirs` in one."""
    known = set(_WORD.findall(theirs))
    words = [word for word in _WORD.findall(mine) if word not in known]
    return sum(any(w[:i] in known and w[i:] in known for i in range(2, len(w) - 1)) for w in words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10)
    options = parser.parse_args()
    print("| file | pypdf s | pdfium s | lcirc s | words pypdf / lcirc | glued pypdf / lcirc |")
    print("|---|---|---|---|---|---|")
    for path in sorted((Path(os.environ["LCIRC_DATA"]) / "pdfs").glob("*.pdf")):
        old, slow = run(pypdf_pages, path, options.pages)
        _, raw = run(pdfium_pages, path, options.pages)
        new, ours = run(lcirc_pages, path, options.pages)
        words = [text if text.startswith("! ") else f"{len(text.split()):,}" for text in (old, new)]
        pairs = f"{glued(old, new)} / {glued(new, old)}"
        shown = f"{words[0]} / {words[1]}"
        print(
            f"| {path.name} | {slow:.2f} | {raw:.2f} | {ours:.2f} | {shown} | {pairs} |", flush=True
        )


if __name__ == "__main__":
    main()
