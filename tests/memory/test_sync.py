"""Which documents of a memory stay, and that what is chosen of it is as if made alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lcirc_cli.documents.document import Document
from lcirc_cli.memory.contents import MemoryContents, append, select
from lcirc_cli.memory.sync import Plan, plan, synced

from .samples import make_contents, make_document, same

TEXTS = ["The first book. ", "A second, longer book, of several segments. ", "Third.", "Four. "]


def stored(*numbers: int, name: str = "{}.txt") -> MemoryContents:
    """These books; states and features tell which book and which row they are of."""
    documents = [make_document(TEXTS[n] * 2, name=name.format(n)) for n in numbers]
    documents = [replace(d, sha256=str(n)) for d, n in zip(documents, numbers, strict=True)]
    contents = make_contents(documents, words=True)
    tokens, segments = [], []
    for document, number in zip(documents, numbers, strict=True):
        tokens.append(torch.arange(document.num_tokens) + 1_000 * number)
        segments.append(torch.arange(document.num_segments) + 1_000 * number)
    rows, ids = torch.cat(segments), torch.cat(tokens)
    return replace(
        contents,
        token_ids=ids.int(),
        states=rows[:, None].repeat_interleave(2, dim=0).expand(-1, 4).bfloat16(),
        features={"codes": ids[:, None].float(), "scales": rows[:, None].float()},
    )


def read(*numbers: int, **changes: str) -> list[Document]:
    memory = stored(*numbers)
    return [
        Document(
            name=changes.get(f"name{number}", one.name),
            text=one.text,
            pages=one.pages,
            sha256=changes.get(f"hash{number}", one.sha256),
            format=one.format,
            page_count=one.page_count,
        )
        for one, number in zip(memory.documents, numbers, strict=True)
    ]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0], [1], [3, 2, 1, 0], [1, 2]])
def test_chosen_documents_are_as_if_made_alone(order: list[int]) -> None:
    whole = append(stored(0, 1), stored(2, 3))
    assert same(select(whole, order), stored(*order))


def test_the_states_of_a_limit_are_those_of_each_document() -> None:
    memory = stored(1, 0)
    kept = [min(d.num_segments, 2) * 2 for d in memory.documents]
    limited = replace(
        memory,
        settings={**memory.settings, "retained_segments": 2},
        states=torch.cat([torch.full((n, 4), float(at)) for at, n in enumerate(kept)]).bfloat16(),
    )
    assert select(limited, [1]).states[:].tolist() == [[1.0] * 4] * kept[1]
    assert select(limited, [0]).states[:].tolist() == [[0.0] * 4] * kept[0]


def test_nothing_there_is_all_new() -> None:
    made = plan(None, read(0, 1))
    assert made == Plan((None, None), (), (), ("0.txt", "1.txt"), ())
    assert made.compressed == [0, 1] and not made.changes_nothing


def test_the_same_again_changes_nothing() -> None:
    made = plan(stored(0, 1), read(0, 1))
    assert made.changes_nothing and made.compressed == []
    renamed = plan(stored(0, 1), read(0, 1, name1="other"))
    assert renamed.renamed == ("other",) and not renamed.changes_nothing
    contents = synced(renamed, stored(0, 1), read(0, 1, name1="other"), fresh=None)
    assert [document.name for document in contents.documents] == ["0.txt", "other"]


@pytest.mark.parametrize(
    ("documents", "sizes"),
    [
        (read(1, 0), (2, 0, 0, 0)),  # another order is another file
        (read(0), (1, 0, 0, 1)),
        (read(0, 1, 2), (2, 0, 1, 0)),
        (read(0, 1, hash1="x"), (1, 1, 0, 0)),
        (read(0, 1, name1="other"), (2, 0, 0, 0)),
        (read(2, 3), (0, 0, 2, 2)),
        (read(0, 2, name2="1.txt"), (1, 1, 0, 0)),
    ],
)
def test_what_is_counted(documents: list[Document], sizes: tuple[int, ...]) -> None:
    made = plan(stored(0, 1), documents)
    assert tuple(made.sizes.values()) == sizes


def test_the_result_is_that_of_all_at_once() -> None:
    memory, documents = stored(0, 1, 2), read(3, 2, 0)
    made = plan(memory, documents)
    assert made.kept == (None, 2, 0) and made.removed == ("1.txt",)
    assert same(synced(made, memory, documents, fresh=stored(3)), stored(3, 2, 0))
    made = plan(memory, documents, keep_missing=True)
    assert same(synced(made, memory, documents, fresh=stored(3)), stored(3, 2, 0, 1))
    made = plan(memory, read(3), keep_missing=True)
    added = synced(made, memory, read(3), fresh=stored(3), first=True)
    assert same(added, stored(0, 1, 2, 3))


def test_one_that_cant_be_read_today_stays() -> None:
    made = plan(stored(0, 1, 2), read(0), unread={"2.txt"})
    assert made.staying == (2,) and made.removed == ("1.txt",)


def test_two_of_the_same_content_stay_two() -> None:
    twice = append(stored(0), stored(0, name="again {}.txt"))
    documents = [*read(0, name0="again 0.txt"), *read(0)]
    made = plan(twice, documents)
    assert made.kept == (1, 0) and made.sizes["kept"] == 2
