"""Files of questions and of documents with questions, each wrong in one thing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

QUESTION: dict[str, Any] = {
    "document_id": "a",
    "question": "Who?",
    "answers": ["The master"],
    "evidence": [[0, 3]],
}
DOCUMENT = {"id": "a", "text": "The harbour master wrote."}

# What `ask --questions` is given.
QUESTIONS: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n\n  \n",
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "digits": b'{"question": ' + b"9" * 5_000 + b"}",
    "number": b"7\n",
    "null": b"null\n",
    "list": b'["a"]\n',
    "no question": b'{"q": "a"}\n',
    "question of a number": b'{"question": 3}\n',
    "blank question": b'{"question": "  "}\n',
    "half a character": b'"\\ud83d"\n',
    "latin": '"é"\n'.encode("latin-1"),
    "utf-16": '"a"\n'.encode("utf-16"),
    "cut": b'{"question": "a',
    "zero": b"\0" * 1_000,
    "100,000 characters": json.dumps("bread " * 17_000).encode(),
    "one of many": b'"bread"\n' * 50 + json.dumps("bread " * 2_000).encode(),
    "many values": b"[" + b"[]," * 4_100_000 + b"[]]",
    "no gzip.gz": b"\x1f\x8b\x08" + b"x" * 50,
    "cut gzip.gz": gzip.compress(b'"bread"\n' * 99)[:-12],
}
# What a row of qa.jsonl is changed to.
ROWS: dict[str, dict[str, Any]] = {
    "no document": {"document_id": "b"},
    "document of a number": {"document_id": 1},
    "question of null": {"question": None},
    "blank question": {"question": ""},
    "answers of a text": {"answers": "The master"},
    "answers of numbers": {"answers": [1]},
    "an empty answer": {"answers": [""]},
    "half a character": {"answers": ["\ud83d"]},
    "evidence of texts": {"evidence": [["0", "3"]]},
    "evidence outside": {"evidence": [[0, 10**30]]},
    "evidence backwards": {"evidence": [[3, 0]]},
    "evidence of truth": {"evidence": [[False, True]]},
    "evidence not finite": {"evidence": [[float("nan"), float("inf")]]},
    "another quote": {"quote": "Nobody"},
    "quote of a list": {"quote": ["The"]},
    "options of null": {"options": [None]},
    "none among the options": {"options": ["A", "B"]},
    "type of a list": {"type": ["span"]},
    "history of a text": {"history": "before"},
    "history of one": {"history": [{"role": "user", "text": "a"}]},
    "history of numbers": {"history": [{"role": "user", "text": 1}] * 2},
}


def question_files(root: Path) -> Iterator[tuple[str, Path]]:
    for number, (name, data) in enumerate(QUESTIONS.items()):
        path = root / f"questions {number}.jsonl{'.gz' if name.endswith('.gz') else ''}"
        path.write_bytes(data)
        yield name, path


def data_folders(root: Path) -> Iterator[tuple[str, Path]]:
    for number, (name, change) in enumerate(ROWS.items()):
        folder = root / f"data {number}"
        folder.mkdir()
        (folder / "documents.jsonl").write_text(json.dumps(DOCUMENT) + "\n")
        (folder / "qa.jsonl").write_text(json.dumps({**QUESTION, **change}) + "\n")
        yield name, folder
