"""Joining memories; what was made with something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcirc_cli.errors import ModelError
from lcirc_cli.memory.file import append, check_fingerprints, load_memory, save_memory
from lcirc_cli.memory.words import take_words

from .samples import FINGERPRINTS, make_contents, make_document, same, same_words

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
    assert torch.equal(both.states[:], torch.cat([one.states[:], two.states[:]]))
    assert torch.equal(both.features["f"][:], torch.cat(features))
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


def test_the_index_of_joined_and_of_chosen_documents_is_that_of_all_at_once() -> None:
    texts = ["The mill burned. " * 40, "", "A new mill, of stone!", "stone by stone " * 70]
    each = [make_contents([make_document(text)], words=True) for text in texts]
    for order in ([0, 1, 2, 3], [3, 1], [2, 0], []):
        wanted = make_contents([make_document(texts[n]) for n in order], words=True).words
        whole = append(append(each[0], each[1]), append(each[2], each[3])).words
        assert whole is not None
        assert same_words(take_words(whole, order), wanted)


def test_an_index_by_other_rules_is_not_joined() -> None:
    one, two = (make_contents([make_document("A text.")], words=True) for _ in range(2))
    assert two.words is not None
    assert append(one, replace(two, words=replace(two.words, version=99))).words is None
    assert append(one, replace(two, words=None)).words is None


def test_another_spelling_of_the_same_folders_goes_together() -> None:
    contents = make_contents([make_document("A text.")])
    other = replace(FINGERPRINTS, backbone_name="./tiny", adapter_name="/home/me/plain")
    joined = append(contents, replace(contents, fingerprints=other))
    assert len(joined.documents) == 2


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
