"""Files that are whole, but written wrongly, are refused: tensors, records and metadata."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.documents.document import Page
from lcirc_cli.memory import file as memory_file
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import save_memory

from .refusing import refused
from .samples import make_contents, make_document, with_metadata


def _poison(tensor: torch.Tensor, value: float) -> torch.Tensor:
    changed = tensor.clone()
    changed.view(-1)[-1] = value
    return changed


def _pages(contents: MemoryContents, *pages: Page) -> MemoryContents:
    return replace(contents, documents=(replace(contents.documents[0], pages=pages),))


def _document(contents: MemoryContents, **change: Any) -> MemoryContents:
    return replace(contents, documents=(replace(contents.documents[0], **change),))


def _words(contents: MemoryContents, **change: Any) -> MemoryContents:
    """With one number of the words' index changed, or its vocabulary."""
    words = contents.words
    assert words is not None
    for field, value in change.items():
        if isinstance(value, tuple):
            *place, new = value
            array = getattr(words, field).copy()
            array[tuple(place)] = new
            value = array
        words = replace(words, **{field: value})
    return replace(contents, words=words)


def _settings(contents: MemoryContents, **change: Any) -> MemoryContents:
    return replace(contents, settings={**contents.settings, **change})


INCONSISTENT: dict[str, tuple[str, Callable[[MemoryContents], MemoryContents]]] = {
    "NaN state": ("NaN", lambda c: replace(c, states=_poison(c.states, float("nan")))),
    "infinite state": ("NaN", lambda c: replace(c, states=_poison(c.states, float("inf")))),
    "minus infinite state": ("NaN", lambda c: replace(c, states=_poison(c.states, float("-inf")))),
    "NaN feature": (
        "NaN",
        lambda c: replace(c, features={"f": torch.full((len(c.token_ids), 1), float("nan"))}),
    ),
    "a passage over the end": ("don't fit", lambda c: _words(c, passages=(0, 1, 99))),
    "a passage backwards": ("don't fit", lambda c: _words(c, passages=(0, 0, 14))),
    "a passage over the tokens": ("don't fit", lambda c: _words(c, passages=(0, 3, 6))),
    "tokens of no passage": ("don't fit", lambda c: _words(c, passages=(0, 3, 4))),
    "fewer terms": ("add up", lambda c: _words(c, passages=(0, 4, 1))),
    "terms below 0": ("add up", lambda c: _words(c, passages=(0, 4, -1))),
    "a mark of 2": ("neither 0 nor 1", lambda c: _words(c, passages=(0, 5, 2))),
    "a term of no vocabulary": ("out of range", lambda c: _words(c, term_ids=(-1, 2))),
    "a vocabulary cut off": ("cut off", lambda c: _words(c, vocabulary=b"small\ntext")),
    "passages of no document": ("those of the documents", lambda c: _words(c, counts=(0, 2))),
    "feature rows": ("row a token", lambda c: replace(c, features={"f": torch.ones(99, 1)})),
    "feature without rows": ("row a token", lambda c: replace(c, features={"f": torch.ones(())})),
    "half states": ("bfloat16", lambda c: replace(c, states=c.states.half())),
    "flat states": ("two-dimensional", lambda c: replace(c, states=c.states.view(-1))),
    "half a segment": ("the documents' segments", lambda c: replace(c, states=c.states[1:])),
    "no latents": ("num_latents", lambda c: _settings(c, num_latents=0)),
    "latents of no number": ("num_latents", lambda c: _settings(c, num_latents="3")),
    "latents of truth": ("num_latents", lambda c: _settings(c, num_latents=True)),
    "a limit below 1": ("retained_segments", lambda c: _settings(c, retained_segments=-1)),
    "a limit not kept": (
        "the documents' segments",
        lambda c: _settings(replace(c, states=c.states.repeat(2, 1)), retained_segments=1),
    ),
    "too many states": (
        "the documents' segments",
        lambda c: replace(c, states=c.states.repeat(9, 1)),
    ),
    "tokens without segment": ("add up", lambda c: replace(c, segment_lengths=[4])),
    "empty segment": ("add up", lambda c: replace(c, segment_lengths=[5, 0])),
    "more segments": ("add up", lambda c: replace(c, segment_lengths=[5, 0, 1])),
    "start after the end": (
        "token starts",
        lambda c: replace(c, token_starts=_poison(c.token_starts, 99)),
    ),
    "page over the end": ("pages", lambda c: _pages(c, Page(1, None, 0, 99))),
    "page backwards": ("pages", lambda c: _pages(c, Page(1, None, 5, 3))),
    "pages overlap": ("pages", lambda c: _pages(c, Page(1, None, 0, 5), Page(2, None, 4, 9))),
    "page zero": ("page number", lambda c: _pages(c, Page(0, None, 0, 5))),
    "tokens don't add up": ("add up", lambda c: _document(c, num_tokens=1)),
    "segments don't add up": ("add up", lambda c: _document(c, num_segments=0)),
}


@pytest.mark.parametrize("name", INCONSISTENT)
def test_inconsistent_files_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, change = INCONSISTENT[name]
    path = tmp_path / "m.lcirc"
    contents = change(make_contents([make_document("A small text.")], words=True))
    with pytest.raises(ValueError, match=words):
        save_memory(path, contents)
    assert not path.exists()
    with monkeypatch.context() as patch:
        patch.setattr(memory_file, "check_contents", lambda contents: None)
        save_memory(path, contents)
    message = refused(path)
    assert "inconsistent" in message and words in message


def test_settings_must_be_plain_json(tmp_path: Path) -> None:
    contents = make_contents([make_document("A small text.")])
    for value in ((1, 2), float("nan"), {1: 2}):
        with pytest.raises(ValueError, match="JSON"):
            save_memory(tmp_path / "m.lcirc", _settings(contents, key=value))


RECORDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no name": lambda record: record.pop("name"),
    "name is a number": lambda record: record.update(name=7),
    "fewer characters": lambda record: record.update(text_bytes=5),
    "more characters": lambda record: record.update(text_bytes=500),
    "negative pages": lambda record: record.update(pages=-1),
    "true tokens": lambda record: record.update(tokens=True),
    "more tokens": lambda record: record.update(tokens=6),
    "sections missing": lambda record: record.update(sections=None),
    "notes": lambda record: record.update(notes=[None]),
    "another length in characters": lambda record: record.update(characters=12),
    "jumps that are not there": lambda record: record.update(jumps=1),
    "no jumps": lambda record: record.pop("jumps"),
    "labels for fewer pages": lambda record: record.update(labels=[]),
    "labels that are no list": lambda record: record.update(labels="i"),
    "a label that is a number": lambda record: record.update(labels=[7] * record["pages"]),
    "huge": lambda record: record.update(segments=10**30),
    "infinite": lambda record: record.update(page_count=float("inf")),
}


@pytest.mark.parametrize("name", RECORDS)
def test_wrong_records_are_refused(name: str, small: Path) -> None:
    def change(metadata: dict[str, str]) -> None:
        records = json.loads(metadata["documents"])
        RECORDS[name](records[0])
        metadata["documents"] = json.dumps(records)

    with_metadata(small, change)
    assert "inconsistent" in refused(small)


WORDS: dict[str, Any] = {
    "a list": [],
    "no version": {"passages": [1]},
    "passages missing": {"version": 1},
    "no passages": {"version": 1, "passages": []},
    "a passage more": {"version": 1, "passages": [2]},
    "of no number": {"version": 1, "passages": ["1"]},
    "of another document": {"version": 1, "passages": [0, 1]},
    "huge": {"version": 1, "passages": [2**31]},
    "more": {"version": 1, "passages": [1], "more": 1},
}


@pytest.mark.parametrize("name", WORDS)
def test_wrong_records_of_words_are_refused(name: str, small: Path) -> None:
    with_metadata(small, lambda metadata: metadata.update(words=json.dumps(WORDS[name])))
    assert "inconsistent" in refused(small)


@pytest.mark.parametrize("key", ["documents", "settings", "fingerprints", "lcirc_version"])
def test_missing_or_broken_metadata_is_refused(small: Path, key: str) -> None:
    whole = small.read_bytes()
    with_metadata(small, lambda metadata: metadata.pop(key))
    assert "inconsistent" in refused(small)
    if key != "lcirc_version":
        small.write_bytes(whole)
        with_metadata(small, lambda metadata: metadata.update({key: "{"}))
        assert "inconsistent" in refused(small)
