"""Training sets as two folders each: what is trained on, and documents that are held back.

`python scripts/hold_back.py SET... --out OUT` writes OUT/train/NAME and OUT/held/NAME for every
folder in the documents + qa form. A document is held back by the hash of its id, so that every
machine holds back the same ones. Left out of both, and counted: questions that ask for yes or no
and are answered with something else (they teach not to answer what was asked).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lcirc_cli.qa.form import find_file
from lcirc_cli.qa.rows import read_rows

_ASKS_YES_NO = re.compile(
    r"(?:do|does|did|is|are|was|were|has|have|had|can|could|will|would|should|shall|may|must)\b",
    re.I,
)
_OR = re.compile(r"\bor\b", re.IGNORECASE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.05, help="of the documents, held back")
    arguments = parser.parse_args()
    for source in arguments.sets:
        split(source, arguments.out, share=arguments.share)


def split(source: Path, out: Path, *, share: float) -> None:
    """Write both parts of one set, and print what is in them."""
    documents, questions = (list(read_rows(find_file(source, n))) for n in ("documents", "qa"))
    kept = [row for row in questions if not _misfits(row)]
    for part in ("train", "held"):
        own = [row for row in documents if is_held(row["id"], share) == (part == "held")]
        ids = {row["id"] for row in own}
        asked = [row for row in kept if row["document_id"] in ids]
        if own:
            _write(out / part / source.name / "documents.jsonl.gz", own)
            _write(out / part / source.name / "qa.jsonl.gz", asked)
        print(f"{part}/{source.name}: {len(own):,} documents, {len(asked):,} questions")
    if len(kept) < len(questions):
        print(f"  left out: {len(questions) - len(kept):,} yes/no questions with other answers")


def is_held(identity: str, share: float) -> bool:
    """Whether a document is held back: the same on every machine."""
    digest = hashlib.sha256(identity.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _misfits(row: dict[str, Any]) -> bool:
    asked = row["question"].strip()
    if not row["answers"] or not _ASKS_YES_NO.match(asked) or _OR.search(asked):
        return False
    return not any(answer.strip().lower().startswith(("yes", "no")) for answer in row["answers"])


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    main()
