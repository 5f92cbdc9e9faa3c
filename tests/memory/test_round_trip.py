"""What is saved comes back: any text, any tokens, any dtype; and what a file costs."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from lcirc_cli import __version__
from lcirc_cli.documents.document import Page
from lcirc_cli.evidence import texts_of, words_of
from lcirc_cli.memory.container import HASH_AT, HASH_LENGTH
from lcirc_cli.memory.contents import MemoryContents, StoredDocument, append
from lcirc_cli.memory.file import load_memory, save_memory

from .samples import FINGERPRINTS, make_contents, make_document, same

ANY_TEXT = st.text(st.characters(), max_size=60)  # astral, right to left, lone surrogates, NUL


@st.composite
def documents(draw: st.DrawFn) -> tuple[StoredDocument, list[int], list[int]]:
    """A document with its token starts and ids."""
    text = draw(ANY_TEXT) + "x" * draw(st.sampled_from([0, 1, 254, 255, 256, 700]))
    places = st.integers(0, len(text))
    cuts = sorted(draw(st.lists(places, max_size=4)))
    ranges = [(a, b) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    pages = tuple(
        Page(
            draw(st.none() | st.integers(1, 10**6)),
            draw(st.none() | ANY_TEXT),
            a,
            b,
            draw(st.none() | st.text(st.characters(), max_size=20)),
        )
        for a, b in ranges
    )
    starts = sorted(draw(st.lists(places, max_size=12)))
    ids = draw(st.lists(st.integers(0, 2**24 - 1), min_size=len(starts), max_size=len(starts)))
    return (
        StoredDocument(
            name=draw(ANY_TEXT),
            sha256="e" * 64,
            format=draw(st.sampled_from(["pdf", "text"])),
            text=text,
            pages=pages,
            page_count=draw(st.none() | st.integers(0, 9)),
            empty_pages=tuple(draw(st.lists(st.integers(1, 99), max_size=3))),
            notes=tuple(draw(st.lists(ANY_TEXT, max_size=2))),
            first_token=0,
            num_tokens=len(starts),
            first_segment=0,
            num_segments=-(-len(starts) // 5),
        ),
        starts,
        ids,
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(documents(), max_size=4))
def test_any_contents_come_back(
    made: list[tuple[StoredDocument, list[int], list[int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("memory") / "m.lcirc"
    contents = replace(
        make_contents([document for document, _, _ in made]),
        token_ids=torch.tensor([i for _, _, ids in made for i in ids], dtype=torch.int32),
        token_starts=torch.tensor([s for _, starts, _ in made for s in starts]).long(),
    )
    contents = replace(contents, words=words_of(texts_of([contents])))
    sha256 = save_memory(path, contents)
    loaded = load_memory(path)
    assert same(loaded, contents)
    assert (loaded.sha256, loaded.lcirc_version) == (sha256, __version__)


def test_printed_numbers_cost_nothing_where_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "m.lcirc"
    for label in (None, "iv"):
        page = Page(1, None, 0, 3, label)
        save_memory(path, make_contents([make_document("abc", pages=[page])]))
        assert (b"labels" in path.read_bytes()) == (label is not None)
        assert load_memory(path).documents[0].pages == (page,)


DTYPES = ["int8", "uint8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
DTYPES += ["bool", "float8_e4m3fn", "float8_e5m2"]


def _with_features(dtype: torch.dtype) -> MemoryContents:
    base = make_contents([make_document("Features of any kind. " * 4)])
    tokens, segments = len(base.token_ids), len(base.segment_lengths)
    made = {
        "codes": (torch.randn(tokens, 3) * 50).to(dtype),
        "scales": torch.rand(segments, 3, 2).to(dtype),
        "none of it": torch.zeros(tokens, 0).to(dtype),
        "without stride": torch.from_numpy(np.zeros((tokens, 0), np.float32)).to(dtype),
    }
    return replace(base, features=made)


@pytest.mark.parametrize("dtype", DTYPES)
def test_features_of_any_dtype(dtype: str, tmp_path: Path) -> None:
    contents = _with_features(getattr(torch, dtype))
    save_memory(tmp_path / "m.lcirc", contents)
    loaded = load_memory(tmp_path / "m.lcirc")
    assert same(loaded, contents)
    assert {t.dtype for t in loaded.features.values()} == {getattr(torch, dtype)}


def test_states_in_float32_too(tmp_path: Path) -> None:
    contents = make_contents([make_document("Two kinds of states.")])
    contents = replace(contents, states=contents.states.float() / 3)
    save_memory(tmp_path / "m.lcirc", contents)
    assert torch.equal(load_memory(tmp_path / "m.lcirc").states[:], contents.states[:])


def test_what_is_on_the_accelerator_or_a_view_is_saved_as_it_reads(tmp_path: Path) -> None:
    contents = make_contents([make_document("Views of larger tensors. " * 3)])
    tokens = len(contents.token_ids)
    strided = torch.arange(tokens * 6.0).view(tokens, 6)[:, ::2]
    save_memory(tmp_path / "m.lcirc", replace(contents, features={"f": strided}))
    assert torch.equal(load_memory(tmp_path / "m.lcirc").features["f"][:], strided)


def test_safetensors_opens_the_file_too(tmp_path: Path) -> None:
    contents = _with_features(torch.int8)
    path = tmp_path / "m.lcirc"
    save_memory(path, contents)
    with safe_open(path, framework="pt") as file:
        assert torch.equal(file.get_tensor("states"), contents.states[:])
        assert torch.equal(file.get_tensor("features.codes"), contents.features["codes"][:])
        text = bytes(file.get_tensor("text").tolist()).decode()
        assert text == contents.documents[0].text
        assert file.metadata()["format"] == "lcirc-memory"


def test_the_hashes_are_plain_sha256(tmp_path: Path) -> None:
    """Of the header with its own place zeroed, of the table, and of 64 KiB of data each."""
    path = tmp_path / "m.lcirc"
    sha256 = save_memory(path, make_contents([make_document("Check me by hand. " * 9_000)]))
    data = path.read_bytes()
    assert data[HASH_AT : HASH_AT + HASH_LENGTH] == sha256.encode()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    zeroed = data[:begin].replace(sha256.encode(), b"0" * HASH_LENGTH)
    assert hashlib.sha256(zeroed).hexdigest() == sha256
    start, end = header["blocks"]["data_offsets"]
    table = data[begin + start : begin + end]
    assert begin + end == len(data)
    assert hashlib.sha256(table).hexdigest() == header["__metadata__"]["blocks"]
    parts = data[begin : begin + start]
    pieces = [parts[at : at + 65_536] for at in range(0, len(parts), 65_536)]
    assert len(pieces) > 3
    assert table == b"".join(hashlib.sha256(piece).digest() for piece in pieces)


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    contents = _with_features(torch.float16)
    save_memory(tmp_path / "a.lcirc", contents)
    save_memory(tmp_path / "b.lcirc", load_memory(tmp_path / "a.lcirc"))
    assert (tmp_path / "a.lcirc").read_bytes() == (tmp_path / "b.lcirc").read_bytes()


def test_loaded_tensors_share_the_map_and_never_write_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.lcirc"
    save_memory(path, _with_features(torch.float32))
    before = path.read_bytes()
    loaded = load_memory(path)
    states, codes = loaded.states[:], loaded.features["codes"][:]
    pointers = [states.data_ptr(), codes.data_ptr()]
    assert max(pointers) - min(pointers) < len(before)  # one map, no copies
    codes.zero_()
    states.zero_()
    assert path.read_bytes() == before
    assert load_memory(path).features["codes"][:].abs().sum() > 0


def test_rows_are_read_where_they_are_sliced(tmp_path: Path) -> None:
    path = tmp_path / "m.lcirc"
    texts = [f"Document {n}, which is {'x' * 300 * n} long." for n in range(4)]
    contents = make_contents([make_document(text) for text in texts])
    starts = torch.cat(
        [  # one step of hundreds of characters in each but the first
            torch.where(torch.arange(d.num_tokens) < d.num_tokens // 2, 3, len(d.text))
            for d in contents.documents
        ]
    )
    contents = replace(contents, token_starts=starts, token_ids=contents.token_ids[:] * 300)
    save_memory(path, contents)
    loaded = load_memory(path)
    both = append(loaded, loaded)
    for name in ("token_ids", "token_starts", "states"):
        whole = getattr(contents, name)
        for first, last in ((0, 3), (5, 5), (2, 300), (300, 10**6), (-4, None)):
            part = getattr(loaded, name)[first:last]
            assert torch.equal(part, whole[first:last])
        twice, at = torch.cat([whole, whole]), len(whole)
        for first, last in ((0, 3), (at - 2, at + 2), (at, at + 2), (7, None)):
            assert torch.equal(getattr(both, name)[first:last], twice[first:last])


def test_a_file_that_was_replaced_stays_readable_where_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "m.lcirc"
    first = make_contents([make_document("The first.")], seed=1)
    save_memory(path, first)
    opened = load_memory(path)
    save_memory(path, make_contents([make_document("The second, which is longer.")], seed=2))
    assert same(opened, first)


def _long(tokens: int, *, vocabulary: int, width: int) -> MemoryContents:
    """With 4.5 characters a token: SmolLM2's tokenizer has 3.7 (the handbook) to 4.6 (prose)."""
    text = ("Nine in ten words are short ones, " * (tokens // 7))[: int(tokens * 4.5)]
    pages = [
        Page(i + 1, None, i * 3000, min(len(text), i * 3000 + 3000))
        for i in range(len(text) // 3000)
    ]
    segments = -(-tokens // 500)
    document = replace(make_document(text, pages=pages), num_tokens=tokens, num_segments=segments)
    starts = torch.from_numpy(np.linspace(0, len(text) - 1, tokens).astype(np.int64))
    return MemoryContents(
        documents=(document,),
        token_ids=torch.randint(0, vocabulary, (tokens,), dtype=torch.int32),
        token_starts=starts,
        segment_lengths=[500] * (tokens // 500),
        states=torch.randn(segments * 8, width).bfloat16(),
        features={"codes": torch.randint(-127, 127, (tokens, width), dtype=torch.int8)},
        settings={"num_latents": 8},
        fingerprints=FINGERPRINTS,
    )


@pytest.mark.parametrize("vocabulary", [49_152, 262_144])
def test_at_most_ten_bytes_a_token_besides_states_and_features(
    vocabulary: int, tmp_path: Path
) -> None:
    contents = _long(100_000, vocabulary=vocabulary, width=64)
    path = tmp_path / "m.lcirc"
    save_memory(path, contents)
    tensors = (contents.states[:], contents.features["codes"][:])
    rest = path.stat().st_size - sum(t.numel() * t.element_size() for t in tensors)
    assert rest <= 10 * 100_000


def test_opening_does_not_grow_with_the_memory(tmp_path: Path) -> None:
    """10,000 tokens against 100,000 with the features of the shipped preset, 63 MB."""
    seconds = []
    for tokens in (10_000, 100_000):
        path = tmp_path / f"{tokens}.lcirc"
        save_memory(path, _long(tokens, vocabulary=49_152, width=576))
        seconds.append(min(_opening(path) for _ in range(9)))
    small, large = seconds
    assert large < 3 * small  # hashing all of it takes over ten times as long


def _opening(path: Path) -> float:
    start = time.process_time()  # not the wall clock: other work on the machine doesn't count
    load_memory(path)
    return time.process_time() - start


def test_the_public_name_is_the_same_module() -> None:
    """`from lcirc_cli.memory_file import ...`, which does not import torch before it is used."""
    import lcirc_cli.memory_file as public  # type: ignore[import-not-found]

    assert public.load_memory is load_memory and public.save_memory is save_memory
    with pytest.raises(AttributeError):
        public.nothing  # noqa: B018
