"""Every pattern takes time in proportion to a text, whatever a stranger repeats in it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from itertools import product

import pytest

import lcirc_cli.evidence
from lcirc_cli.evidence.lines import lines_of

LENGTH = 200_000


def patterns() -> list[tuple[str, re.Pattern[str], bool]]:
    """Name, pattern, and whether it is tried at every place of a text."""
    found = {}
    for module in pkgutil.iter_modules(lcirc_cli.evidence.__path__):
        loaded = importlib.import_module(f"lcirc_cli.evidence.{module.name}")
        source = inspect.getsource(loaded)
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                uses = set(re.findall(rf"\b{name}\.(\w+)\(", source))
                found[f"{module.name}.{name}"] = (value, bool(uses - {"match", "fullmatch"}))
    return [(name, *value) for name, value in found.items()]


def own_characters(pattern: re.Pattern[str]) -> list[str]:
    """One or two of a kind: marks each for itself, letters and digits by one."""
    marks = [c for c in dict.fromkeys(pattern.pattern) if not c.isalnum() and c not in "\\?"]
    return [*marks[:24], *{"a", "1", " ", "\n"} - set(marks)]


def seconds(pattern: re.Pattern[str], text: str, *, everywhere: bool) -> float:
    started = time.process_time()
    if everywhere:
        for _ in pattern.finditer(text):
            pass
    else:
        pattern.match(text)
    return time.process_time() - started


@pytest.mark.parametrize("case", patterns(), ids=lambda case: case[0])
def test_a_pattern_on_repeats_of_its_own_characters(
    case: tuple[str, re.Pattern[str], bool],
) -> None:
    _, pattern, everywhere = case
    own = own_characters(pattern)
    repeated = [*own, *(a + b for a, b in product(" .", own) if a != b)]
    for part in repeated:
        text = part * (4_000 // len(part)) + "!"
        assert seconds(pattern, text, everywhere=everywhere) < 0.05, part
    for part in own[:2]:
        text = part * LENGTH + "!"
        assert seconds(pattern, text, everywhere=everywhere) < 0.5, part


@pytest.mark.parametrize("part", [".", " .", "…", "1, ", "_", "-", "\t", "| ", "A.", "'"])
def test_a_line_of_repeats(part: str) -> None:
    text = f"Chapter {part * (LENGTH // len(part))}!"
    started = time.process_time()
    assert len(lines_of(text)) == 1
    assert time.process_time() - started < 1
