"""From tokens to documents, pages and characters and back; joining; what counts as unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcirc_cli.documents.document import Document, Page
from lcirc_cli.errors import ModelError
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import append, check_fingerprints, load_memory, same_source, save_memory

from .samples import FINGERPRINTS, make_contents, make_document, same


@st.composite
def memories(draw: st.DrawFn) -> MemoryContents:
    """Memories whose tokens start anywhere: some share a start, some characters have none."""
    documents = []
    starts: list[int] = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 40))
        cuts = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
        pages = [
            Page(n + 1, None, a, b)
            for n, (a, b) in enumerate(zip([0, *cuts], [*cuts, size], strict=True))
        ]
        own = sorted(draw(st.lists(st.integers(0, size - 1), max_size=15)))
        document = make_document("y" * size, name=str(number), pages=pages)
        documents.append(replace(document, num_tokens=len(own), num_segments=-(-len(own) // 5)))
        starts += own
    contents = make_contents(documents)
    return replace(contents, token_starts=torch.tensor(starts, dtype=torch.int64))


@settings(max_examples=200, deadline=None)
@given(contents=memories())
def test_tokens_documents_and_pages_agree(contents: MemoryContents) -> None:
    for index, document in enumerate(contents.documents):
        for token in range(document.first_token, document.first_token + document.num_tokens):
            assert contents.document_of_token(token) == index
            start = int(contents.token_starts[token])
            page = contents.page_of(index, start)
            assert page is not None and page == contents.page_of_token(token)
            assert page.start <= start
            holding = [p for p in document.pages if p.start <= start < p.end]
            assert holding == [page] or start >= document.pages[-1].end
    for outside in (-1, len(contents.token_ids)):
        with pytest.raises(IndexError):
            contents.document_of_token(outside)


@settings(max_examples=200, deadline=None)
@given(contents=memories(), data=st.data())
def test_characters_to_tokens(contents: MemoryContents, data: st.DataObject) -> None:
    """Against a plain definition: a token holds the characters up to the next other start."""
    index = data.draw(st.integers(0, len(contents.documents) - 1))
    document = contents.documents[index]
    size = len(document.text)
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    first, stop = contents.token_range_of_chars(index, start, end)
    own = contents.token_starts.tolist()[document.first_token :][: document.num_tokens]
    holding = []
    for number, begin in enumerate(own):
        until = min([other for other in own if other > begin], default=size)
        if begin < end and until > start:
            holding.append(document.first_token + number)
    assert list(range(first, stop)) == holding


def test_every_token_comes_back_from_its_characters() -> None:
    contents = make_contents([make_document("Some words here."), make_document("More of them.")])
    for token in range(len(contents.token_ids)):
        document = contents.document_of_token(token)
        start = int(contents.token_starts[token])
        assert contents.token_range_of_chars(document, start, start + 1) == (token, token + 1)


def test_a_format_without_pages_has_none() -> None:
    document = replace(make_document("No pages."), pages=(), page_count=None)
    assert make_contents([document]).page_of_token(0) is None


# --- joining --------------------------------------------------------------------------------


def test_append_shifts_tokens_and_segments(tmp_path: Path) -> None:
    one = make_contents([make_document("The first document."), make_document("b")], seed=1)
    two = make_contents([make_document("The second, a longer document.", name="2")], seed=2)
    features = [torch.rand(len(part.token_ids), 2) for part in (one, two)]
    one, two = (
        replace(part, features={"f": f}) for part, f in zip((one, two), features, strict=True)
    )
    both = append(one, two)
    assert [d.name for d in both.documents] == ["book.pdf", "book.pdf", "2"]
    last = both.documents[2]
    assert (last.first_token, last.first_segment) == (len(one.token_ids), 3)
    assert both.document_of_token(last.first_token) == 2
    assert torch.equal(both.states, torch.cat([one.states, two.states]))
    assert torch.equal(both.features["f"], torch.cat(features))
    save_memory(tmp_path / "m.lcirc", both)
    assert same(load_memory(tmp_path / "m.lcirc"), both)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"segment_length": 6}},
        {"fingerprints": replace(FINGERPRINTS, adapter="z" * 64)},
        {"features": {"f": torch.zeros(4, 1)}},
    ],
)
def test_append_refuses_what_does_not_go_together(change: dict[str, object]) -> None:
    one = make_contents([make_document("One text.")])
    with pytest.raises(ValueError, match="can't be joined"):
        append(one, replace(one, **change))  # type: ignore[arg-type]


def test_another_spelling_of_the_same_folders_goes_together() -> None:
    contents = make_contents([make_document("A text.")])
    other = replace(FINGERPRINTS, backbone_name="./tiny", adapter_name="/home/me/plain")
    joined = append(contents, replace(contents, fingerprints=other))
    assert len(joined.documents) == 2
    assert same_source(contents, _source(contents), settings=contents.settings, fingerprints=other)


# --- unchanged? -----------------------------------------------------------------------------


def _source(contents: MemoryContents) -> list[Document]:
    return [
        Document(name=d.name, text=d.text, pages=d.pages, sha256=d.sha256, format=d.format)
        for d in contents.documents
    ]


def test_same_source() -> None:
    contents = make_contents([make_document("A text."), make_document("Another.", name="two")])
    source = _source(contents)
    unchanged = {"settings": contents.settings, "fingerprints": FINGERPRINTS}
    assert same_source(contents, source, **unchanged)  # type: ignore[arg-type]
    changed = [
        source[:1],
        source[::-1],
        [source[0], replace(source[1], sha256="f" * 64)],
        [source[0], replace(source[1], text="Another!")],
        [source[0], replace(source[1], pages=(Page(2, None, 0, 8),))],
        [source[0], replace(source[1], name="renamed")],
    ]
    for other in changed:
        assert not same_source(contents, other, **unchanged)  # type: ignore[arg-type]
    other_settings = {**unchanged, "settings": {**contents.settings, "segment_length": 6}}
    assert not same_source(contents, source, **other_settings)  # type: ignore[arg-type]
    other_model = {**unchanged, "fingerprints": replace(FINGERPRINTS, backbone="f" * 64)}
    assert not same_source(contents, source, **other_model)  # type: ignore[arg-type]


# --- made with something else ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": "f" * 64, "backbone_name": "big"}, ["model tiny", "big", "--model tiny"]),
        ({"tokenizer": "f" * 64}, ["tokenizer tiny", "files that it had"]),
        ({"adapter": "f" * 64, "adapter_name": "a/b"}, ["adapter plain", "a/b", "out --adapter"]),
    ],
)
def test_another_model_tokenizer_or_adapter_is_refused(
    change: dict[str, str], words: list[str]
) -> None:
    contents = make_contents([make_document("A text.")])
    check_fingerprints(contents, FINGERPRINTS)
    with pytest.raises(ModelError) as caught:
        check_fingerprints(contents, replace(FINGERPRINTS, **change), name="book.lcirc")
    message = str(caught.value)
    assert caught.value.exit_code == 4 and "\n" not in message
    for word in ["book.lcirc", "ffffffffffff", "ingest the document again", *words]:
        assert word in message
