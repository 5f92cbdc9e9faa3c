"""The script that makes tables, forms and lists with questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lcirc_cli.qa.form import read_folder

SCRIPTS = Path(__file__).parents[1] / "scripts"


def _made(out: Path, texts: Path, seed: int) -> Path:
    command = [sys.executable, str(SCRIPTS / "make_forms.py"), str(out), "--texts", str(texts)]
    subprocess.run(
        [*command, "--documents", "12", "--seed", str(seed)],
        check=True,
        capture_output=True,
        cwd=SCRIPTS.parent,
    )
    return out


def test_what_is_asked_stands_where_it_is_said_to_stand(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    paragraph = "A paragraph of a real document that stands between two tables. " * 5
    (texts / "documents.jsonl").write_text(json.dumps({"id": "a", "text": paragraph}) + "\n")
    (texts / "qa.jsonl").write_text("")
    made = _made(tmp_path / "one", texts, 1)
    documents, rows = read_folder(made)
    questions = list(rows)
    assert len(documents) == 12 and len(questions) > 100
    for identity, asked in questions:
        ((start, end),) = asked.evidence
        held = documents[identity][start:end]
        if asked.kind in ("cell", "field", "reverse", "comparison", "number", "reason"):
            assert any(answer in held for answer in asked.answers), (asked, held)
        if asked.kind in ("field", "definition", "role"):  # one of each kind a document
            told = [a for i, a in questions if i == identity and a.question == asked.question]
            assert len(told) == 1
    again = _made(tmp_path / "two", texts, 1)
    other = _made(tmp_path / "three", texts, 2)
    for name in ("documents.jsonl", "qa.jsonl"):
        assert (made / name).read_bytes() == (again / name).read_bytes()
        assert (made / name).read_bytes() != (other / name).read_bytes()
