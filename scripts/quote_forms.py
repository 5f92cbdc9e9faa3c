"""What quotes look like and whether they hold the answer: python scripts/quote_forms.py DIR...

Draws --limit questions that have an answer, evenly over the sets (documents.jsonl[.gz] and
qa.jsonl[.gz] in each DIR), ranks by words alone, asks for three citations each, and prints a JSON
line: in percent of the quotes, and of the questions for `holds`.
    over 300      longer than 300 characters and more than one sentence
    headings      nothing but a heading: short, without a sentence's end
    contents      a line of a table of contents or of an index
    heads         begins or ends with a line that is its page's first or last, and repeats
    holds         a quote holds a gold answer, word for word; answers of yes or no aside
With --pages the sets are files that `lcirc ingest` reads, and --questions names a file of JSON
lines {"document", "question", "answers"}.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_sets import read_set, texts_without_tokens

from lcirc_cli.documents import read_document
from lcirc_cli.evidence import PassageIndex, citations

_END = re.compile(r"[.!?。！？][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")
_CONTENTS = re.compile(
    r"(?:\.{3,}|…|(?: \.){3,})\s*[\divxlc]+\s*$|^[^.]{3,60}(?:, \d{1,4}(?:[-–]\d+)?){2,}$", re.M
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|Inc|Co|Corp|Ltd|vs|Fig|al|[A-Z])|\.[A-Za-z])\.\s+$"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--limit", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="faulty quotes to print")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    for text, pages, asked in _drawn(options):
        index = PassageIndex(texts_without_tokens([text]))
        if pages:
            index = _paged(text, pages)
        for question, answers in asked:
            cited = citations(question, "", index=index, scores=index.scores(question))
            counts["questions"] += 1
            counts["holds"] += any(_holds(c.quote, answer) for c in cited for answer in answers)
            for citation in cited:
                counts["quotes"] += 1
                counts["characters"] += len(citation.quote)
                for fault in faults(citation.quote, text, pages):
                    counts[fault] += 1
                    if counts[fault] <= options.show:
                        print(f"{fault}: {citation.quote!r}")
    print(json.dumps(_shares(counts)))


def faults(quote: str, text: str, pages: Any) -> list[str]:
    """What is wrong with a quote."""
    found = []
    if len(quote) > 300 and sentences(quote) > 1:
        found.append("over 300")
    if is_heading(quote):
        found.append("headings")
    if _CONTENTS.search(quote):
        found.append("contents")
    edges = {" ".join(quote.splitlines()[0].split()), " ".join(quote.splitlines()[-1].split())}
    if pages and edges & _heads(text, pages):
        found.append("heads")
    return found


def sentences(quote: str) -> int:
    """How many sentences a quote has, or lines that are none."""
    ends = [m for m in _END.finditer(quote) if not _ABBREVIATION.search(quote[: m.end()])]
    return 1 + len(ends)


def is_heading(quote: str) -> bool:
    line = quote.strip()
    if "\t" in line or ": " in line or line[0] in "-*•–" or line[-1] in ".!?:;,…。！？\"”’')":
        return False
    short = len(line.split()) <= 8 and "\n" not in line
    return short and (line[0].isupper() or line[0] in "#0123456789")


def _heads(text: str, pages: Any) -> set[str]:
    """Lines without their numbers that begin or end three pages or more, and lone numbers."""
    edges: Counter[str] = Counter()
    lines: dict[str, str] = {}
    for page in pages:
        rows = text[page.start : page.end].strip().splitlines()
        for row in {*rows[:1], *rows[-1:]}:
            plain = " ".join(row.split())
            lines[plain] = re.sub(r"\d+", "", plain).casefold()
            edges[lines[plain]] += 1
    return {line for line, plain in lines.items() if edges[plain] >= 3}


def _holds(quote: str, answer: str) -> bool:
    plain, held = (" ".join(re.findall(r"\w+", each.casefold())) for each in (answer, quote))
    return bool(plain) and f" {plain} " in f" {held} "


def _drawn(options: argparse.Namespace) -> list[tuple[str, Any, list[tuple[str, list[str]]]]]:
    rng = random.Random(options.seed)
    if options.questions:
        return _of_files(options)
    share = -(-options.limit // len(options.folders))
    drawn = []
    for folder in options.folders:
        asked = [
            (document, question)
            for document in read_set(folder)
            for question in document.questions
            if question.answers and question.answers[0].strip(". ").lower() not in ("yes", "no")
        ]
        chosen: dict[str, Any] = {}
        for document, question in rng.sample(asked, min(share, len(asked))):
            row = chosen.setdefault(document.id, (document.text, (), []))
            row[2].append((question.text, list(question.answers)))
        drawn += list(chosen.values())
    return drawn


def _of_files(options: argparse.Namespace) -> list[Any]:
    rows = [json.loads(line) for line in options.questions.read_text("utf-8").splitlines()]
    drawn = []
    for path in options.folders:
        document = read_document(path)
        asked = [
            (row["question"], row["answers"])
            for row in rows
            if row["document"] == path.name and row["answers"]
        ]
        drawn.append((document.text, document.pages, asked))
    return drawn


def _paged(text: str, pages: Any) -> PassageIndex:
    return PassageIndex([replace(each, pages=pages) for each in texts_without_tokens([text])])


def _shares(counts: Counter[str]) -> dict[str, float]:
    quotes = counts["quotes"] or 1
    shares = {
        name: round(100 * counts[name] / quotes, 1)
        for name in ("over 300", "headings", "contents", "heads")
    }
    holds = round(100 * counts["holds"] / (counts["questions"] or 1), 1)
    return {
        "questions": counts["questions"],
        "quotes": quotes,
        "mean characters": round(counts["characters"] / quotes, 1),
        **shares,
        "holds": holds,
    }


if __name__ == "__main__":
    main()
