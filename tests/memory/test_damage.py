"""Every damaged, cut, foreign, newer or inconsistent file is refused, each with its own line."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lcirc_cli.documents.document import Page
from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory import container
from lcirc_cli.memory import file as memory_file
from lcirc_cli.memory.blocks import BLOCK
from lcirc_cli.memory.container import MAX_HEADER, open_container
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import inspect_memory, load_memory, save_memory

from ..strangers.measured import FUZZ_MEGABYTES, FUZZ_SECONDS, measured
from .refusing import read_all, refused
from .samples import make_contents, make_document, signed, split, with_metadata


@pytest.mark.parametrize("by", [read_all, inspect_memory])
def test_every_flipped_byte_is_refused(small: Path, by: Callable[[Path], Any]) -> None:
    data = bytearray(small.read_bytes())
    assert len(data) > 1_400
    choose = random.Random(0)
    for position in range(len(data)):
        old = data[position]
        # One bit and a random other change: each byte, at the least, twice.
        for new in (old ^ (1 << choose.randrange(8)), (old + choose.randrange(1, 256)) % 256):
            data[position] = new
            small.write_bytes(data)
            refused(small, by=by)
        data[position] = old
    small.write_bytes(data)
    by(small)


@pytest.mark.parametrize("by", [load_memory, inspect_memory])
def test_every_truncation_is_refused(small: Path, by: Callable[[Path], Any]) -> None:
    data = small.read_bytes()
    for length in range(len(data)):
        small.write_bytes(data[:length])
        message = refused(small, by=by)
        assert "cut short" in message


@pytest.mark.parametrize("tail", [b"\0", b"0" * 64, b"x" * 5000])
def test_bytes_after_the_end_are_refused(small: Path, tail: bytes) -> None:
    small.write_bytes(small.read_bytes() + tail)
    assert f"{len(tail):,} bytes after its end" in refused(small)


@pytest.mark.parametrize("length", [MAX_HEADER + 1, 2**60, 2**64 - 1])
def test_a_header_over_the_limit_is_refused(small: Path, length: int) -> None:
    small.write_bytes(length.to_bytes(8, "little") + small.read_bytes()[8:])
    assert "limit" in refused(small)


def test_damage_is_found_before_anything_is_used(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the table at the file's end too, which every part hangs on."""
    data = bytearray(small.read_bytes())
    data[-1] ^= 1
    small.write_bytes(data)
    monkeypatch.setattr(memory_file, "_decode", lambda container: pytest.fail("was used"))
    assert "SHA-256" in refused(small, by=load_memory)


READS: dict[str, Callable[[MemoryContents], object]] = {
    "text": lambda c: [document.text for document in c.documents],
    "pages": lambda c: [document.pages for document in c.documents],
    "token_ids": lambda c: c.token_ids[:],
    "token_starts": lambda c: c.token_starts[:],
    "states": lambda c: c.states[:],
    "features.codes": lambda c: c.features["codes"][:],
    "words.term_ids": lambda c: c.words,
}


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Every part is larger than a block."""
    path = tmp_path / "parts.lcirc"
    made = [make_document(f"{n} words {n * n} " * 8_000, name=str(n)) for n in range(3)]
    pages = tuple(Page(1, None, at, at) for at in range(5_000))
    made = [replace(document, pages=pages) for document in made]
    contents = make_contents(made, width=64, words=True)
    features = {"codes": torch.ones(len(contents.token_ids), 8, dtype=torch.int8)}
    save_memory(path, replace(contents, features=features))
    return path


def test_what_is_not_read_is_not_checked_and_what_is_read_is(parts: Path) -> None:
    data = bytearray(parts.read_bytes())
    opened = open_container(parts)
    read_well = 0
    for damaged in READS:
        entry = opened.entries[damaged]
        place = (entry.start + entry.end) // 2
        data[place] ^= 1
        parts.write_bytes(data)
        begin = opened.begin + (place - opened.begin) // BLOCK * BLOCK
        memory = load_memory(parts)
        for name, read in READS.items():
            other = opened.entries[name]
            if other.start < begin + BLOCK and begin < other.end:
                with pytest.raises(MemoryFileError, match="SHA-256"):
                    read(memory)
            else:
                read(memory)
                read_well += 1
        assert "SHA-256" in refused(parts, by=inspect_memory)
        data[place] ^= 1
    assert read_well >= 36  # of 42: two neighbours may share a block


def test_one_document_is_read_without_the_others(parts: Path) -> None:
    data = bytearray(parts.read_bytes())
    data[open_container(parts).entries["text"].start] ^= 1
    parts.write_bytes(data)
    opened = load_memory(parts)
    assert opened.documents[2].text.startswith("2 words 4")
    with pytest.raises(MemoryFileError, match="SHA-256"):
        opened.documents[0].text  # noqa: B018


# --- what isn't a memory file ---------------------------------------------------------------


def test_other_files_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(40)}, tmp_path / "adapter", {"format": "pt"})
    (tmp_path / "text").write_text("It was a dark and stormy night. " * 10)
    (tmp_path / "short").write_text("Hm.")
    (tmp_path / "empty").touch()
    for name in ("adapter", "text", "short", "empty"):
        assert "not an lcirc memory file" in refused(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nowhere.lcirc")
    assert "can't be read" in refused(tmp_path)


def test_a_file_without_permission_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(container, "open_file", refuse)
    with pytest.raises(MemoryFileError) as caught:
        load_memory(small)
    said = str(caught.value)
    assert said == f"{small}: can't be read (Permission denied); check its permissions"


@pytest.mark.parametrize(
    ("version", "told"),
    [("4", "upgrade lcirc"), ("2", "an older lcirc"), ("1", "an older lcirc")],
)
def test_another_format_is_told_from_damage(small: Path, version: str, told: str) -> None:
    with_metadata(small, lambda metadata: metadata.update(format_version=version))
    for by in (load_memory, inspect_memory):
        message = refused(small, by=by)
        assert f"format {version}" in message and told in message


@pytest.mark.parametrize("version", ["", "one", "-1", "1.5", "²", "9" * 5_000])
def test_a_version_that_is_no_number_is_refused(small: Path, version: str) -> None:
    with_metadata(small, lambda metadata: metadata.update(format_version=version))
    assert "not an lcirc memory file" in refused(small)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_no_header_crashes_the_reader(small: Path, examples: int) -> None:
    whole = small.read_bytes()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def fuzz(data: st.DataObject) -> None:
        start = time.process_time()
        _read_changed(small, whole, data)
        assert time.process_time() - start < FUZZ_SECONDS

    _, cost = measured(fuzz)
    assert cost.megabytes < FUZZ_MEGABYTES


def _read_changed(small: Path, whole: bytes, data: st.DataObject) -> None:
    """Random changes anywhere in the header, each with a hash that fits."""
    header, body = split(whole)
    part: Any = header
    while True:
        key = data.draw(st.sampled_from(sorted(part)))
        if key in ("sha256", "blocks"):
            return
        if not isinstance(part[key], dict) or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(JSON)
    path = small.with_name("changed.lcirc")
    path.write_bytes(signed(header, body))
    for read in (read_all, inspect_memory):
        try:
            read(path)
        except MemoryFileError as error:
            assert "\n" not in str(error)
    try:
        entries = open_container(path).entries
    except MemoryFileError:
        return
    # What is let through is a valid safetensors file.
    try:
        with safe_open(path, framework="pt") as file:
            assert set(file.keys()) == set(entries)
    except SafetensorError as error:
        pytest.fail(f"accepted what safetensors refuses: {error}")
