"""What would be told with answers of a benchmark run: python scripts/told_of_answers.py RUN DIR.

RUN is a run of `reader+evidence` on the set in DIR (`lcirc bench run qa:DIR -s reader+evidence`).
Answers and scores are those of its samples.jsonl; the quotes are made anew, by the ranking that
`lcirc ask --method reader` cites by. Right: F1 of at least 0.5. Prints a JSON line:
    warned        right answers under which a warning stands, in percent
    unsure        right answers that begin with "not sure:"
    refused       refusals though the set has an answer; those whose first quote holds it, and
                  those of them with "No short answer read; see [1]" and quotes first
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from losses import document_of

from lcirc_cli.answering.answer import SURE, says_refusal
from lcirc_cli.answering.drafts import Steered
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import citations
from lcirc_cli.qa.form import read_folder
from lcirc_cli.qa.scoring import normalise

RIGHT = 0.5  # F1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path, metavar="DIR")
    given = parser.parse_args()
    engine, (texts, _) = Engine.load(offline=True), read_folder(given.folder)
    lines = (given.run / "samples.jsonl").read_text("utf-8").splitlines()
    rows = sorted(map(json.loads, lines), key=lambda row: row["document_id"])
    counts = dict.fromkeys(("right", "warned", "unsure", "refused", "held", "see_first"), 0)
    for document, group in groupby(rows, key=lambda row: row["document_id"]):
        memory = engine.open([document_of(texts[document])])
        answerer = engine.answerer(memory, method="reader")
        for row in group:
            scores = answerer.rank([row["question"]], Steered(None, 0.0))[0]
            refused = says_refusal(row["output"])
            cited = citations(
                row["question"],
                "" if refused else row["output"],
                index=answerer.collection.index,
                scores=scores,
            )
            add(counts, row, refused, cited)
    counts["warned_%"] = round(100 * counts["warned"] / max(1, counts["right"]), 1)
    print(json.dumps({"set": given.folder.name, "answers": len(rows), **counts}))


def add(counts: dict[str, Any], row: dict[str, Any], refused: bool, cited: list[Any]) -> None:
    """Count one answer, by the rules of `commands/printing.py` and `answering/told.py`."""
    quoted = any(each.strong for each in cited)
    sure = row["values"]["confidence"] >= SURE
    if refused and row["references"]:
        counts["refused"] += 1
        held = bool(cited) and holds(cited[0].quote, row["references"])
        counts["held"] += held
        counts["see_first"] += held and quoted
    elif not refused and row["references"] and row["values"]["f1"] >= RIGHT:
        counts["right"] += 1
        counts["unsure"] += not sure
        counts["warned"] += not (sure or quoted)


def holds(quote: str, answers: list[str]) -> bool:
    return any(f" {normalise(answer)} " in f" {normalise(quote)} " for answer in answers if answer)


if __name__ == "__main__":
    main()
