"""What the JSON in a memory file's header must be: its documents, its settings, its fingerprints.

Kinds and ranges alone; whether they fit the parts of the file is for layout.py and checks.py. Never
imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from lcirc_cli.files.schema import (
    Check,
    choice,
    items,
    nullable,
    optional,
    parse,
    table,
    text,
    whole,
)
from lcirc_cli.memory.contents import Fingerprints

_COUNT = partial(whole, most=2**40)  # bytes, tokens, pages: beyond any file
_PAGE = partial(whole, most=2**31)  # as in layout.py
_SIZE = partial(whole, least=1, most=2**24)  # of a segment, a window, the latents
_NAME = partial(text, most=10_000)
_LABEL = 20  # characters of a page's printed number, as documents/pdf_notes.py keeps them

_DOCUMENT: Mapping[str, Check] = {
    "name": _NAME,
    "sha256": partial(text, most=128),
    "format": partial(text, most=100),
    "text_bytes": _COUNT,
    "characters": _COUNT,
    "pages": _COUNT,
    "sections": partial(items, each=text),
    "page_count": nullable(_PAGE),
    "empty_pages": partial(items, each=_PAGE),
    "notes": partial(items, each=text),
    "tokens": _COUNT,
    "segments": _COUNT,
    "jumps": _COUNT,
    "asked": optional(text),
    "ocr": optional(_NAME),
    "scans": optional(partial(items, each=partial(items, each=_COUNT, most=3))),
    "labels": optional(partial(items, each=nullable(partial(text, most=_LABEL)))),
}
_SETTINGS: Mapping[str, Check] = {
    "num_latents": _SIZE,
    "segment_length": optional(_SIZE),
    "segment_inputs": optional(partial(whole, most=10_000)),
    "feature_window": optional(_SIZE),
    "feature_dtype": optional(partial(choice, among=("int8", "bfloat16", "float32"))),
    "retained_segments": optional(partial(whole, least=1)),
}
_WORDS: Mapping[str, Check] = {
    "version": partial(whole, most=2**31),
    "passages": partial(items, each=partial(whole, most=2**31)),
}
_FINGERPRINTS: Mapping[str, Check] = {
    "backbone_name": _NAME,
    "backbone": partial(text, most=128),
    "tokenizer": partial(text, most=128),
    "adapter_name": _NAME,
    "adapter": partial(text, most=128),
}


def document_records(metadata: Mapping[str, str]) -> list[dict[str, Any]]:
    """The documents, each as layout.py writes it.

    Raises:
        ValueError: missing, or something in it is not what it must be.
    """
    record = partial(table, fields=_DOCUMENT)
    return items(_parsed(metadata, "documents"), "documents", each=record)


def settings_record(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The settings by which the memory was made.

    Raises:
        ValueError: missing, or something in it is not what it must be.
    """
    return check_settings(_parsed(metadata, "settings"))


def check_settings(settings: Any) -> dict[str, Any]:
    """The same settings, where they are what they must be.

    Raises:
        ValueError: they are not.
    """
    return table(settings, "settings", fields=_SETTINGS)


def fingerprints_record(metadata: Mapping[str, str]) -> Fingerprints:
    """The models that the memory was made with.

    Raises:
        ValueError: missing, or something in it is not what it must be.
    """
    found = _parsed(metadata, "fingerprints")
    return Fingerprints(**table(found, "fingerprints", fields=_FINGERPRINTS, closed=True))


def words_record(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """By which rules the words' index was made, and the passages of each document.

    None where there is no index.

    Raises:
        ValueError: something in it is not what it must be.
    """
    if "words" not in metadata:
        return None
    return table(_parsed(metadata, "words"), "words", fields=_WORDS, closed=True)


def version_record(metadata: Mapping[str, str]) -> str:
    """The version of lcirc that wrote the file.

    Raises:
        ValueError: missing or far too long.
    """
    return text(metadata.get("lcirc_version"), "lcirc_version", most=100)


def recipe_record(metadata: Mapping[str, str]) -> str:
    """The digest of what made the file of its sources; "" where it has none.

    Raises:
        ValueError: far too long.
    """
    return text(metadata.get("recipe", ""), "recipe", most=128)


def _parsed(metadata: Mapping[str, str], name: str) -> Any:
    if name not in metadata:
        raise ValueError(f"{name} is missing")
    return parse(metadata[name], name)
