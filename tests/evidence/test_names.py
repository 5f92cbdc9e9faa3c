"""Names of a question that the place which answers it best lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lcirc_cli.evidence import PassageIndex, missing_names

from .memories import memory, sentences

SCRIPT = Path(__file__).parents[2] / "scripts" / "missing_names.py"
FACTS = (
    "The treaty of Aldbourne was signed by Ann Weller in 1802. It ended the war with Norway.",
    "Rents in Oslo rose by 12 percent. Prices of bread in Bergen fell in 1911.",
)


@pytest.fixture(scope="module")
def index() -> PassageIndex:
    filler = [sentences("otter", "heron", "Hanse", words=60) for _ in range(3)]
    return PassageIndex(memory("\n\n".join([FACTS[0], *filler, FACTS[1], *filler])))


def missing(index: PassageIndex, question: str) -> list[str]:
    return missing_names(question, index=index, scores=index.scores(question))


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who signed the treaty of Aldbourne in 1802?", []),
        ("Who signed the treaty of Aldbourne in 1803?", ["1803"]),
        ("Who signed the treaty of Kirkwall?", ["kirkwall"]),
        ("What did the treaty that Ann Weller signed end with Norway?", []),  # the next sentence
        ("By how much did rents rise in Oslo?", []),
        ("By how much did rents rise in Bergen, Iceland?", ["iceland"]),
        ("Kirkwall's treaty was signed by whom?", []),  # the first word may have a capital anyway
        ("who signed the treaty of kirkwall?", []),
        ("Who signed the treaty in 3 copies?", []),  # small numbers count things
        ("What does Chapter 12 of the treaty say?", []),
        ("WHO SIGNED THE TREATY OF KIRKWALL", []),  # capitals tell nothing
        ("Who Signed The Long Lost Treaty of Kirkwall", []),
        ("Who is Ada Lovelace?", ["ada", "lovelac"]),
        ("Where did the otter of the Hanse come?", []),
        ("", []),
        ("1803", ["1803"]),
    ],
)
def test_what_is_missing(index: PassageIndex, question: str, names: list[str]) -> None:
    assert missing(index, question) == names


def test_what_is_compared_may_stand_apart(index: PassageIndex) -> None:
    assert missing(index, "Did rents rise more in Oslo than in Norway?") == []
    assert missing(index, "Did rents of 1802 rise in Oslo?") == ["1802"]
    assert missing(index, "Did rents rise more in Oslo than in Kirkwall?") == ["kirkwall"]


def test_what_most_passages_hold_goes_without_saying(index: PassageIndex) -> None:
    assert index.share("hans") > 0.5 and index.share("oslo") < 0.5 and index.share("none") == 0
    assert missing(index, "By how much did rents in Oslo rise under the Hanse?") == []


def test_a_memory_without_text() -> None:
    empty = PassageIndex(memory(" "))
    assert missing_names("Who was Ann?", index=empty, scores=np.zeros(0, np.float32)) == []
    assert empty.share("ann") == 0.0


def test_the_script_counts_both_kinds(tmp_path: Path) -> None:
    text = "\n\n".join([FACTS[0], sentences("otter", "heron", words=90), FACTS[1]])
    document = {"id": "a", "title": "", "text": text, "source": "", "license": ""}
    questions = [
        ("Who signed the treaty of Aldbourne?", ["Ann Weller"]),
        ("Who signed the treaty of Kirkwall?", []),
        ("Who signed the treaty with Denmark?", []),
        ("What fell in 1911?", ["Prices of bread"]),
        ("What rose in 1911?", []),
    ]
    rows = [
        {"document_id": "a", "question": asked, "answers": answers, "evidence": []}
        for asked, answers in questions
    ]
    (tmp_path / "documents.jsonl").write_text(json.dumps(document) + "\n", "utf-8")
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["questions"] == 5
    assert found["answerable"] == 0.0
    assert found["unanswerable"] == 66.7
