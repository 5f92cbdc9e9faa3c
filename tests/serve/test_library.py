"""Memories by ids, without paths; PDFs beside a memory, and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.memory.deferred import changed
from lcirc_cli.memory.file import load_memory
from lcirc_cli.serve.kept import document_name, new_place, places
from lcirc_cli.serve.library import Library, pdfs_beside, place
from lcirc_cli.serve.problems import Problem


def test_ids_are_plain_and_different(memory_files: list[Path]) -> None:
    library, memory = Library(), load_memory(memory_files[1])
    names = ["Two books", "two books", "../../etc/passwd", "Ünï <b>", "", "x" * 300, "a/b\x1b[2J"]
    ids = [library.add(memory, name=name).id for name in names]
    assert len(set(ids)) == len(ids)
    assert ids[:2] == ["two-books", "two-books-2"]
    for id in ids:
        assert id and len(id) < 70 and not set(id) & set("/\\<>&?#% \x1b")


def test_no_path_is_told(memory_files: list[Path]) -> None:
    library = Library()
    held = library.add(load_memory(memory_files[0]), name="books")
    assert str(memory_files[0].parent) not in json.dumps(held.to_json())
    assert str(memory_files[0]) in library.paths()


def test_several_are_chosen_once_and_in_one_order(memory_files: list[Path]) -> None:
    library = Library()
    one, two = (library.add(load_memory(file), name=file.stem) for file in memory_files)
    assert library.choose([two.id, one.id, two.id]) == [one, two]
    assert [place([one, two], number) for number in range(3)] == [(one, 0), (one, 1), (two, 0)]
    with pytest.raises(Problem):
        library.choose([one.id, "other"])
    with pytest.raises(Problem):
        library.choose([])
    with pytest.raises(Problem):  # it was given
        library.remove(one.id)


def test_pdfs_are_those_of_the_memory_in_its_own_folder(
    memory_files: list[Path], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "book.pdf").write_bytes(b"the book")
    (home / "other.pdf").write_bytes(b"another version")
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    (home / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    memory: Any = load_memory(memory_files[0])

    def found(name: str, data: bytes) -> dict[int, Path]:
        digest = hashlib.sha256(data).hexdigest()
        first = changed(memory.documents[0], name=name, sha256=digest, format="pdf")
        return pdfs_beside(changed(memory, documents=(first,)), home)

    assert found("book.pdf", b"the book") == {0: home / "book.pdf"}
    assert found("other.pdf", b"the book") == {}
    for name in ("../secret.pdf", str(tmp_path / "secret.pdf"), "link.pdf", "x\0", "a" * 5_000):
        assert found(name, b"secret") == {}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("book.pdf", "book.pdf"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.txt", "x.txt"),
        ("a\x1b[31m\nb.md", "a [31m b.md"),
        ("n" * 400 + ".pdf", "n" * 188 + ".pdf"),
    ],
)
def test_names_of_documents_are_cleaned(given: str, shown: str) -> None:
    assert document_name(given) == shown


def test_places_of_earlier_runs(tmp_path: Path) -> None:
    assert list(places(tmp_path / "missing")) == []
    whole, cut = new_place(tmp_path, "a.txt"), new_place(tmp_path, "b.txt")
    whole.document.write_bytes(b"a")
    (tmp_path / "somebody's").mkdir()
    odd = new_place(tmp_path, "c.txt")
    odd.document.write_bytes(b"c")
    (odd.folder / "name.json").write_bytes(b'{"name": 3}')
    assert list(places(tmp_path)) == [whole]
    assert not cut.folder.exists() and (tmp_path / "somebody's").exists()
    assert odd.folder.exists()
    assert whole.folder.stat().st_mode & 0o077 == 0
