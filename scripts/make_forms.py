"""Training questions about what running text does not teach: tables, forms, lists and terms.

    python scripts/make_forms.py OUT --texts DIR... [--documents 300] [--seed 0]

Writes documents + qa. Every document has tables as documents hold them once they are read (a row a
line, cells apart by a tab; Markdown's bars; blanks), forms of fields and values, lists, terms with
their meaning, rules and reasons, all with invented names and values, between paragraphs of real
documents (--texts: folders of documents + qa, of which the text alone is used). The same seed and
texts give the same files.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from form_blocks import BLOCKS, Block
from invented_words import company, place, thing
from table_blocks import KINDS, table

from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.qa.form import read_folder

_PARAGRAPH = (200, 1200)  # characters of a real one that is taken


@dataclass(frozen=True)
class Made:
    """A document with its questions, as rows."""

    text: str
    questions: list[dict[str, object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    paragraphs = _paragraphs(options.texts)
    documents, questions = [], []
    for number in range(options.documents):
        rng = Random(f"{options.seed}/{number}")
        made = make(rng, paragraphs)
        identity = f"forms-{options.seed}-{number:04d}"
        documents.append({"id": identity, "text": made.text})
        questions += [{"document_id": identity, **row} for row in made.questions]
    make_folder(options.out)
    for name, rows in (("documents", documents), ("qa", questions)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        atomic_write(options.out / f"{name}.jsonl", lines.encode())
    print(f"{options.out}: {len(documents):,} documents, {len(questions):,} questions")


def make(rng: Random, paragraphs: list[str]) -> Made:
    """A document of 8 to 16 parts, a third to half of them paragraphs of real documents."""
    title = rng.choice(
        (
            f"{company(rng)}: handbook",
            f"{thing(rng)}: annual report",
            f"Guide to {place(rng)}",
            f"Rules of the {thing(rng)}",
            f"Agreement with {company(rng)}",
        )
    )
    # Each kind once: of two forms nobody would know which one a question means.
    tables, blocks = rng.sample(KINDS, len(KINDS)), rng.sample(BLOCKS, len(BLOCKS))
    parts: list[Block] = []
    for _ in range(rng.randint(8, 16)):
        drawn = rng.random()
        if drawn < 0.3 and blocks:
            parts.append(blocks.pop()(rng))
        elif drawn < 0.6:
            parts.append(table(rng, tables.pop()))
        else:
            parts.append(Block(rng.choice(paragraphs)))
    text, questions = f"# {title}" if rng.random() < 0.3 else title, []
    asked = set()
    for number, part in enumerate(parts, start=1):
        text += "\n\n"
        if part.heading and rng.random() < 0.8:
            numbered = f"{number}. " if rng.random() < 0.4 else ""
            text += f"{numbered}{part.heading}\n\n"
        for each in part.asked:
            if each.question in asked:
                continue
            asked.add(each.question)
            evidence = [[len(text) + place for place in each.evidence]]
            row = {"question": each.question, "answers": list(each.answers), "evidence": evidence}
            questions.append({**row, "type": each.kind})
        text += part.text
    return Made(text, questions)


def _paragraphs(folders: list[Path]) -> list[str]:
    """Paragraphs of all documents, in their order."""
    found = []
    for folder in folders:
        for text in read_folder(folder)[0].values():
            parts = (" ".join(part.split()) for part in text.split("\n"))
            found += [part for part in parts if _PARAGRAPH[0] <= len(part) <= _PARAGRAPH[1]]
    if not found:
        raise SystemExit("make_forms: the texts have no paragraphs of a usable length")
    return found


if __name__ == "__main__":
    main()
