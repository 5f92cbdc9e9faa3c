"""How often a name is missing where a question is answered: python scripts/missing_names.py DIR...

Each DIR is in the documents + qa form; passages are ranked by words alone. Prints a JSON line a
set: of how many of its answerable and of its unanswerable questions `evidence.missing_names` finds
a name missing, in percent, every document weighing the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from qa_sets import Labelled, read_set, texts_without_tokens

from lcirc_cli.evidence import PassageIndex, missing_names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    for folder in parser.parse_args().folders:
        documents = read_set(folder)
        found = [shares(document) for document in documents]
        line: dict[str, object] = {
            "set": folder.name,
            "questions": sum(len(document.questions) for document in documents),
        }
        for kind in ("answerable", "unanswerable"):
            of_kind = [share[kind] for share in found if kind in share]
            line[kind] = round(100 * sum(of_kind) / len(of_kind), 1) if of_kind else None
        print(json.dumps(line), flush=True)


def shares(document: Labelled) -> dict[str, float]:
    """Of a document's questions of each kind, those with a missing name."""
    index = PassageIndex(texts_without_tokens([document.text]))
    verdicts: dict[str, list[bool]] = {}
    for question in document.questions:
        names = missing_names(question.text, index=index, scores=index.scores(question.text))
        kind = "answerable" if question.answers else "unanswerable"
        verdicts.setdefault(kind, []).append(bool(names))
    return {kind: sum(each) / len(each) for kind, each in verdicts.items()}


if __name__ == "__main__":
    main()
