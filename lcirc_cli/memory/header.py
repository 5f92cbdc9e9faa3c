"""What a memory's header says of the models that made it, and whether they are those in use.

Reads the header alone, its content unchecked, and never imports torch or numpy: a memory of another
model is refused before one is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lcirc_cli.errors import MemoryFileError, ModelError
from lcirc_cli.files import exists
from lcirc_cli.memory.container import open_container
from lcirc_cli.memory.contents import Fingerprints
from lcirc_cli.memory.records import fingerprints_record


class HasFingerprints(Protocol):
    """A memory, or its header."""

    @property
    def fingerprints(self) -> Fingerprints: ...


@dataclass(frozen=True)
class Header:
    """What is read of a memory before its content is."""

    fingerprints: Fingerprints


def read_header(path: Path) -> Header:
    """The header of a memory file; whether the rest is whole is for `load_memory` to say.

    Raises:
        MemoryFileError: missing, no memory file, cut short, or with a header that can't be.
    """
    try:
        return Header(fingerprints_record(open_container(path).metadata))
    except ValueError as error:
        raise MemoryFileError(
            f"{path}: inconsistent: {error}; ingest the document again"
        ) from error


def check_fingerprints(
    memory: HasFingerprints, fingerprints: Fingerprints, *, name: str = "the memory file"
) -> None:
    """Refuses a memory that another backbone, tokenizer or adapter made.

    Raises:
        ModelError: which of the three differs, both names, and what to do.
    """
    made, now = memory.fingerprints, fingerprints
    rows = (
        ("model", made.backbone_name, now.backbone_name, made.backbone, now.backbone),
        ("tokenizer", made.backbone_name, now.backbone_name, made.tokenizer, now.tokenizer),
        ("adapter", made.adapter_name, now.adapter_name, made.adapter, now.adapter),
    )
    for what, old, new, old_hash, new_hash in rows:
        if old_hash != new_hash:
            raise ModelError(
                f"{name} was made with the {what} {old} ({old_hash[:12]}), not with "
                f"{new} ({new_hash[:12]}): {_remedy(what, old, new)}ingest the document again"
            )


def _remedy(what: str, old: str, new: str) -> str:
    """What else helps than ingesting again; the default adapters have names that no flag takes."""
    if what == "model":
        return f"use --model {old}, or "
    if what == "tokenizer":
        return f"use {old} with the files that it had then, or "
    if _can_be_named(old):
        return f"use --adapter {old}, or "
    return "leave out --adapter, or " if _can_be_named(new) else ""


def _can_be_named(adapter: str) -> bool:
    return "/" in adapter or exists(Path(adapter))
