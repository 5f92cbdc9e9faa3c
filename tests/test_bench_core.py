"""`make bench-core` runs what runs without arguments."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ASKS = re.compile(r'add_argument\("[a-z](?![^\n]*nargs="[?*]")|required=True')


def test_scripts_that_need_arguments_are_left_out() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (line,) = re.findall(r"^ASK_FOR_DOCUMENTS := (.*)$", makefile, re.MULTILINE)
    assert "$(ASK_FOR_DOCUMENTS)" in makefile.split("\nbench-core:")[1]
    scripts = (ROOT / "tests" / "perf").glob("[a-z]*.py")
    asking = [path.stem for path in scripts if _ASKS.search(path.read_text("utf-8"))]
    assert sorted(asking) == line.split()
