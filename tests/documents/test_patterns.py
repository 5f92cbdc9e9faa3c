"""No pattern takes quadratic time: a file, reply or question of its own characters would hang it.

Those of evidence have a test of their own.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = (
    *("documents", "endpoints", "qa", "answering", "commands"),
    *("lqa.pairs", "lqa.documents", "bench.metrics"),
)
SCRIPTS = {"worker"}  # is run, never imported
AT_ONE_PLACE = {"match", "fullmatch"}
WORDS = re.compile(r"[A-Za-z<!&;:=\"'#\[\]()/ -]{2,}")


def patterns() -> Iterator[tuple[str, re.Pattern, bool]]:  # type: ignore[type-arg]
    """Name, pattern, and whether it is only ever tried at one place of a text."""
    modules = ["lcirc_cli.console"]
    for package in PACKAGES:
        folder = importlib.import_module(f"lcirc_cli.{package}")
        found = [module.name for module in pkgutil.iter_modules(folder.__path__)]
        modules += [f"{folder.__name__}.{name}" for name in found if name not in SCRIPTS]
    for path in modules:
        loaded = importlib.import_module(path)
        source = Path(str(loaded.__file__)).read_text("utf-8")
        for name, value in vars(loaded).items():
            held = value.values() if isinstance(value, dict) else value
            for each in held if isinstance(held, (list, tuple)) else [held]:
                if isinstance(each, re.Pattern):
                    used = set(re.findall(rf"\b{name}\.(\w+)\(", source))
                    yield f"{path}.{name}", each, bool(used) and used <= AT_ONE_PLACE


def texts(pattern: re.Pattern, size: int, *, pairs: bool) -> Iterator[str | bytes]:  # type: ignore[type-arg]
    """Each character and word of a pattern, and some others, over and over."""
    bare = isinstance(pattern.pattern, bytes)
    written = pattern.pattern.decode("latin-1") if bare else pattern.pattern
    pieces = sorted({*written, *WORDS.findall(written), " ", "\n", "\t", "a", "A", "1", "."})
    if pairs:
        pieces = [one + two for one in pieces for two in pieces if len(one + two) <= 4]
    for piece in pieces:
        for end in ("", "\x01"):
            text = piece * (size // len(piece)) + end
            yield text.encode("latin-1", "replace") if bare else text


def seconds(pattern: re.Pattern, text: str | bytes, *, placed: bool) -> float:  # type: ignore[type-arg]
    start = time.thread_time()
    if placed:
        pattern.match(text)
        pattern.fullmatch(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.thread_time() - start


def check(sizes: tuple[int, ...], most: float, *, pairs: bool = False) -> None:
    """In steps, so that a pattern that fails does so soon."""
    count = 0
    for name, pattern, placed in patterns():
        count += 1
        for size in sizes:
            for text in texts(pattern, size, pairs=pairs):
                taken = seconds(pattern, text, placed=placed)
                if taken > most:  # twice, for the machine may have paused
                    taken = seconds(pattern, text, placed=placed)
                assert taken < most, (name, text[:10], size, taken)
    assert count > 85


def test_patterns_are_linear() -> None:
    check((500, 8_000), 0.03)


@pytest.mark.slow
def test_patterns_are_linear_on_200_000() -> None:
    check((1_000, 20_000, 200_000), 0.25)


@pytest.mark.slow
def test_patterns_are_linear_on_pairs() -> None:
    check((1_000, 8_000), 0.04, pairs=True)
