"""What `lcirc ingest` writes over: its own memories, nobody's other files."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..engine.tiny import make_text
from .written import names, write

Run = Callable[..., Any]


def test_other_peoples_files_are_not_overwritten(ingest: Run) -> None:
    write("book.txt")
    Path("notes").write_text("mine")
    assert ingest("book.txt", "-o", "notes").status == 2
    assert ingest("book.txt", "-o", "book.txt").status == 2
    Path("folder").mkdir()
    assert ingest("book.txt", "-o", "folder").status == 2
    assert Path("notes").read_text() == "mine"
    assert Path("book.txt").read_text().strip() == make_text(1, words=200)


def test_the_memory_of_another_document_is_replaced_only_by_name(ingest: Run) -> None:
    write("book.txt", 1)
    write("book.md", 2)
    assert ingest("book.txt").status == 0
    done = ingest("book.md")
    assert done.status == 2 and "holds book.txt, not book.md" in done.err and "-o" in done.err
    assert names("book.lcirc") == ["book.txt"]
    assert ingest("book.md", "-o", "book.lcirc").status == 0
    assert names("book.lcirc") == ["book.md"]


def test_a_damaged_memory_is_made_again_but_not_appended_to(ingest: Run) -> None:
    write("book.txt")
    ingest("book.txt")
    whole = Path("book.lcirc").read_bytes()
    Path("book.lcirc").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert ingest("book.txt", "--append", "-o", "book.lcirc").status == 5
    done = ingest("book.txt")
    assert done.status == 0 and "again" in done.err
    assert names("book.lcirc") == ["book.txt"]


@pytest.mark.parametrize("data", [b"\0" * 100, b"My diary.", b"PK\3\4" + b"x" * 99])
def test_what_is_no_memory_is_replaced_by_force_alone(ingest: Run, data: bytes) -> None:
    write("book.txt")
    Path("out.lcirc").write_bytes(data)
    done = ingest("book.txt", "-o", "out.lcirc")
    assert done.status == 2 and "is no memory file" in done.err and "--force" in done.err
    assert Path("out.lcirc").read_bytes() == data
    assert ingest("book.txt", "-o", "out.lcirc", "--force").status == 0
    assert names("out.lcirc") == ["book.txt"]


def test_a_memory_is_as_private_as_its_documents(ingest: Run) -> None:
    write("private.txt")
    Path("private.txt").chmod(0o600)
    write("public.txt", seed=2)
    Path("public.txt").chmod(0o644)
    ingest("public.txt")
    assert stat.S_IMODE(Path("public.lcirc").stat().st_mode) == 0o644
    ingest("private.txt")
    assert stat.S_IMODE(Path("private.lcirc").stat().st_mode) == 0o600
    assert ingest("private.txt", "--append", "-o", "public.lcirc").status == 0
    assert stat.S_IMODE(Path("public.lcirc").stat().st_mode) == 0o600


def test_a_link_stays_and_what_it_leads_to_is_replaced(ingest: Run) -> None:
    write("book.txt")
    Path("elsewhere").mkdir()
    Path("book.lcirc").symlink_to("elsewhere/kept.lcirc")
    assert ingest("book.txt").status == 0
    assert Path("book.lcirc").is_symlink() and names("elsewhere/kept.lcirc") == ["book.txt"]
