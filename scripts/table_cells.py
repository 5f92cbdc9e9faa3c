"""Asks for cells of tables as `lcirc ask` does: python scripts/table_cells.py FOLDER --out ROWS

FOLDER holds documents/ and questions.tsv: document, question and what is right, alternatives apart
by "|". An answer is right that holds an alternative as whole words and few words more. Prints how
many are right, of each document and of all; ROWS.jsonl gets every answer.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from lcirc_cli.documents import read_document
from lcirc_cli.engine import Engine

_MORE = 8  # words that a right answer may have besides what is right


def is_right(answer: str, gold: str) -> bool:
    """Whether an answer holds one of the alternatives, and is no longer than it may be."""
    said = " ".join(answer.casefold().split())
    for one in gold.casefold().split("|"):
        whole = re.search(rf"(?<![\w.,]){re.escape(one)}(?!\w|[.,]\d)", said)
        if whole and len(said.split()) <= len(one.split()) + _MORE:
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--adapter", help="a folder; the one that ships unless given")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path, required=True, metavar="ROWS.jsonl")
    options = parser.parse_args()
    engine: Any = Engine.load(adapter=options.adapter, dtype=options.dtype, offline=True)
    with (options.folder / "questions.tsv").open(encoding="utf-8", newline="") as file:
        asked = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    total = 0
    with options.out.open("w", encoding="utf-8") as out:
        for name, group in groupby(asked, key=lambda row: row["document"]):
            document = read_document(options.folder / "documents" / name)
            memory = engine.ingest([document])
            right = []
            for row in group:
                answer = engine.ask(memory, row["question"]).to_json()
                right.append(is_right(answer["answer"], row["right"]))
                told = {"answer": answer["answer"], "is_right": right[-1], "sure": answer["sure"]}
                print(json.dumps({**row, **told}, ensure_ascii=False), file=out, flush=True)
            print(json.dumps({"document": name, "right": sum(right), "of": len(right)}), flush=True)
            total += sum(right)
    print(json.dumps({"right": total, "of": len(asked)}))


if __name__ == "__main__":
    main()
