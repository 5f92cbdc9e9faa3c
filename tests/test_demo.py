"""What `make demo` shows is right: its three answers, with their pages, in both dtypes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lcirc_cli import Engine
from lcirc_cli.backbones import smollm2
from lcirc_cli.backbones.devices import cpu_has_bfloat16
from lcirc_cli.documents.reading import read_document

ROOT = Path(__file__).parent.parent
# Words that a right answer holds, and that its page holds: the handbook moves.
RIGHT = {
    "What is the licence of lcirc?": ("Apache", "Apache License 2.0"),
    "Which environment variable holds the password?": ("LCIRC_PASSWORD", "LCIRC_PASSWORD"),
    "What happens when the disk is full?": ("old file stays", "exit code 8"),
}


def test_these_are_the_questions_of_the_demo() -> None:
    demo = (ROOT / "Makefile").read_text("utf-8").partition("\ndemo:")[2].partition("\n\n")[0]
    assert re.findall(r'^\t\t"([^"]+)"', demo, re.MULTILINE) == list(RIGHT)


@pytest.mark.slow
@pytest.mark.skipif(not smollm2.is_cached(), reason="the default model is not in the cache")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_its_answers_are_right(dtype: str) -> None:
    if dtype == "bfloat16" and not cpu_has_bfloat16():
        pytest.skip("this processor multiplies bfloat16 slowly, and nobody gets it unasked")
    engine = Engine.load(dtype=dtype, device="cpu", offline=True)
    document = read_document(ROOT / "docs" / "handbook.pdf")
    memory = engine.ingest([document])
    for question, (said, held) in RIGHT.items():
        answer = engine.ask(memory, question)
        assert said in answer.answer and answer.found, (question, answer.answer)
        first = answer.citations[0]
        assert first.page is not None
        page = document.pages[first.page - 1]
        assert held in document.text[page.start : page.end], (question, first)
