"""Memories that are opened, not loaded: what `ask` reads of them, and what it says of damage."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from lcirc_cli import Engine
from lcirc_cli.answering.collection import Collection
from lcirc_cli.errors import MemoryFileError
from lcirc_cli.evidence import PassageIndex, texts_of
from lcirc_cli.memory import blocks
from lcirc_cli.memory.container import Container, open_container
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory, save_memory

from ..memory.samples import same, same_words
from .tiny import QUESTIONS, answer_text, ingest

SMALL_BLOCK = 512


@pytest.fixture
def saved(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three documents, in blocks so small that little is read by chance."""
    monkeypatch.setattr(blocks, "BLOCK", SMALL_BLOCK)
    path = tmp_path / "m.lcirc"
    save_memory(path, ingest(engine, 1, 2, 3))
    return path


def container_of(memory: MemoryContents) -> Container:
    return memory.states._container  # type: ignore[attr-defined,no-any-return]


def read_bytes(container: Container) -> set[str]:
    """The parts of which a block that is theirs alone was read."""
    at = np.flatnonzero(np.frombuffer(container.checked._whole, np.uint8)) * SMALL_BLOCK
    at += container.begin
    return {
        name
        for name, entry in container.entries.items()
        if ((at >= entry.start) & (at + SMALL_BLOCK <= entry.end)).any()
    }


def test_several_files_are_ranked_as_one_made_anew(engine: Engine, tmp_path: Path) -> None:
    memories = [ingest(engine, *seeds) for seeds in ((1, 2), (3,), (4, 5, 6))]
    for number, memory in enumerate(memories):
        save_memory(tmp_path / f"{number}.lcirc", memory)
    opened = [load_memory(tmp_path / f"{number}.lcirc") for number in range(3)]
    anew = PassageIndex(texts_of(opened))
    kept = Collection(opened, key_bytes=0).index
    assert list(kept.passages) == list(anew.passages)
    for question in [*QUESTIONS, "silver silver letters of storms", "zebra", ""]:
        assert kept.scores(question).tobytes() == anew.scores(question).tobytes()
        for word in question.split():
            assert (kept.idf(word), kept.share(word)) == (anew.idf(word), anew.share(word))
    whole = engine.ingest([*_again(1, 2, 3, 4, 5, 6)])
    joined = PassageIndex(texts_of([whole]))
    for question in QUESTIONS:
        assert kept.scores(question).tobytes() == joined.scores(question).tobytes()


def _again(*seeds: int) -> list:  # type: ignore[type-arg]
    from .tiny import make_document, make_text

    return [make_document(make_text(seed), f"{seed}.txt") for seed in seeds]


def test_an_index_by_older_rules_is_made_anew(engine: Engine, saved: Path) -> None:
    from dataclasses import replace

    memory = load_memory(saved)
    assert memory.words is not None
    old = replace(memory, words=replace(memory.words, version=0, vocabulary=b"no\n" * 400))
    index = Collection([old], key_bytes=0).index
    assert (
        index.scores("silver").tobytes()
        == PassageIndex(texts_of([memory])).scores("silver").tobytes()
    )
    grown = engine.ingest(_again(9), append_to=old)
    assert same_words(grown.words, engine.ingest(_again(1, 2, 3, 9)).words)


def test_a_question_reads_what_it_needs(engine: Engine, raw_engine: Engine, saved: Path) -> None:
    memory = load_memory(saved)
    assert not read_bytes(container_of(memory)) - {"segment_lengths"}
    wanted = answer_text(engine, ingest(engine, 1, 2, 3))
    assert answer_text(engine, memory) == wanted
    read = read_bytes(container_of(memory))
    assert {"features.codes", "features.scales", "text", "words.term_ids"} <= read
    assert not {"states", "token_ids"} & read
    lcirc = load_memory(saved)
    assert answer_text(engine, lcirc, method="lcirc")
    read = read_bytes(container_of(lcirc))
    assert "states" in read and "features.codes" not in read


@pytest.mark.parametrize("flips", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_damage_where_a_question_reads_is_refused(engine: Engine, saved: Path, flips: int) -> None:
    """And elsewhere changes nothing."""
    memory = load_memory(saved)
    wanted = answer_text(engine, memory)
    container = container_of(memory)
    read = [bool(one) for one in container.checked._whole]
    whole, rng = saved.read_bytes(), random.Random(0)
    table = container.entries["blocks"].start
    refused = 0
    for _ in range(flips):
        place, data = rng.randrange(len(whole)), bytearray(whole)
        data[place] ^= 1 << rng.randrange(8)
        saved.write_bytes(data)
        block = (place - container.begin) // SMALL_BLOCK
        if place < container.begin or place >= table or read[block]:
            with pytest.raises(MemoryFileError):
                answer_text(engine, load_memory(saved))
            refused += 1
        else:
            assert answer_text(engine, load_memory(saved)) == wanted
    assert refused > flips // 3


def test_a_memory_is_the_same_saved_and_opened(engine: Engine, saved: Path) -> None:
    assert same(load_memory(saved), ingest(engine, 1, 2, 3))
    entries = open_container(saved).entries
    for name in ("words.passages", "words.vocabulary", "words.term_ids"):
        assert entries[name].end > entries[name].start
