"""Prompt templates as data: one text file a purpose, read by name.

Fields are written {name} and filled by `fill`; any other brace is text.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_FIELD = re.compile(r"\{([a-z_]+)\}")


@cache
def load(name: str) -> str:
    """The text of prompts/NAME, without the newline that ends the file.

    Raises:
        FileNotFoundError: no such template.
    """
    return (_FOLDER / name).read_text(encoding="utf-8").removesuffix("\n")


REFUSAL = load("refusal.txt")  # the answer where the document holds none


def fill(template: str, **fields: str) -> str:
    """Replace each {name} once; what a field holds is never read as a template.

    Raises:
        KeyError: the template has a field that was not given.
    """
    return _FIELD.sub(lambda match: fields[match.group(1)], template)
