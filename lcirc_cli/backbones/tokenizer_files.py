"""What a tokenizer.json of strangers may hold, tried before this process is given it.

Its regular expressions run over every document and question, and some take for ever; its tables are
as large as whoever wrote it likes. It is looked at first, then loaded and tried in a child process
with limits on memory and time. Knows nothing about models.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.files import is_file, open_file
from lcirc_cli.files.schema import items, mapping, parse, table, text, whole

NAME = "tokenizer.json"
_MOST_BYTES = 128 << 20  # four times the largest that is known
_MOST_TOKENS = 1 << 22
_MOST_PATTERN = 20_000  # characters: lists of a script's ranges
_MEMORY = 1 << 30  # bytes of addresses, and so many times the file:
_MEMORY_SHARE = 40
_SECONDS, _SECONDS_PER_MIB = 3, 0.5  # of processor time
_WALL = 60.0  # where the machine is busy with other things
_REPEATS = 3_000  # of each character of a pattern
_ESCAPED = re.compile(r"\\.|\[(?:\\.|[^\]\\])*+\]", re.DOTALL)  # also what stands in brackets
_REPEATED_GROUP = re.compile(r"\)[*+{]")
# Loads and tries the tokenizer: each line of standard input is a text. Whatever ends it is a no.
_CHILD = """
import json, sys
try:
    import resource
    memory, seconds = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
except (ImportError, OSError, ValueError):
    pass
import os
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer
made = Tokenizer.from_file(sys.argv[1])
for line in sys.stdin:
    made.encode(json.loads(line))
print("fine")
"""


def check_tokenizer(folder: Path) -> None:
    """Refuses a tokenizer.json that can't be loaded, or takes for ever on some text.

    Raises:
        ValueError: what is wrong with it.
        OSError: it can't be read.
    """
    path = folder / NAME
    if not is_file(path):
        return  # another form, which is no fast tokenizer; whoever loads it says so
    with open_file(path) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"its {NAME} is larger than {_MOST_BYTES >> 20} MiB")
    found = table(parse(data, f"its {NAME}"), f"its {NAME}", fields={"model": _model})
    added = items(found.get("added_tokens") or [], "added_tokens", each=_added, most=_MOST_TOKENS)
    patterns = list(_patterns({**found, "model": None, "added_tokens": None}))
    for pattern in patterns:
        text(pattern, "a pattern", most=_MOST_PATTERN)
        if _REPEATED_GROUP.search(_ESCAPED.sub("x", pattern)):
            raise ValueError(
                f"its {NAME} has a pattern with a repeated group, which may take for ever to match"
            )
    del found, added
    _try(path, patterns, len(data))


def _model(value: Any, name: str) -> Any:
    """The tables: tokens by number, or with a score each, and the pairs that become one."""
    model = mapping(value, name, each=_anything)
    text(model.get("type", "BPE"), "its type", most=100)
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        if len(vocabulary) > _MOST_TOKENS:
            raise ValueError(f"vocab has {len(vocabulary):,} entries")
        mapping(vocabulary, "vocab", each=_id)
    else:
        items(vocabulary, "vocab", each=_anything, most=_MOST_TOKENS)
    items(model.get("merges") or [], "merges", each=_anything, most=_MOST_TOKENS)
    return value


_id = partial(whole, most=2**24)
_added = partial(table, fields={"id": _id, "content": partial(text, most=10_000)})


def _anything(value: Any, name: str) -> Any:
    return value


def _patterns(value: Any) -> Iterator[str]:
    """Every regular expression in the steps that take a text apart, or put it together."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            for field, own in found.items():
                if field == "Regex" and isinstance(own, str):
                    yield own
                elif isinstance(own, dict | list):
                    waiting.append(own)


def _probes(patterns: list[str]) -> Iterator[str]:
    """Each character of the patterns over and over, with an end that may not match."""
    characters = {"a", "A", "1", " ", "\n", "."}.union(*patterns)
    for character in sorted(characters)[:200]:
        if character.isascii():
            yield json.dumps(character * _REPEATS + "\x01") + "\n"


def _try(path: Path, patterns: list[str], size: int) -> None:
    seconds = int(_SECONDS + _SECONDS_PER_MIB * (size >> 20))
    command = [sys.executable, "-P", "-c", _CHILD, str(path)]
    try:
        done = subprocess.run(
            [*command, str(_MEMORY + _MEMORY_SHARE * size), str(seconds)],
            input="".join(_probes(patterns)),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_WALL + seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"its {NAME} took too long to load") from None
    if done.returncode < 0:
        raise ValueError(
            f"its {NAME} took over {seconds} s, or too much memory, to load and to read repeated "
            "letters"
        )
    if done.stdout.strip() != "fine":
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise ValueError(f"its {NAME} can't be loaded ({last[:200]})")
