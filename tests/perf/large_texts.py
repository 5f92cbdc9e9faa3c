"""Makes what large_memories.py asks: texts of 100,000 and a million tokens, and ten million.

    python tests/perf/large_texts.py write DATA DIR
    lcirc ingest DIR/100k -o DIR/100k.lcirc
    cp DIR/100k.lcirc DIR/1m.lcirc; lcirc ingest DIR/1m -o DIR/1m.lcirc
    python tests/perf/large_texts.py draw DATA DIR

`write` makes folders of development documents with novels and a textbook before and behind them:
8 articles, 8 stories and a novel in 100k, and again with all others in 1m. `draw` writes
DIR/10m.lcirc, which is for timing alone: real texts of DATA/text behind the documents of 100k, with
their own tokens and words' index; the features and states of each segment are a real segment's,
drawn from 100k.lcirc, and say nothing of its text.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.evidence import texts_of, words_of
from lcirc_cli.memory.contents import MemoryContents, StoredDocument
from lcirc_cli.memory.deferred import changed
from lcirc_cli.memory.file import load_memory, save_memory
from lcirc_cli.memory.rows import Rows, joined
from lcirc_cli.qa.form import read_texts

SETS = {"article": "dev/squad2_articles", "story": "dev/fairytaleqa"}
SMALL = 8  # documents of each set in the small one
SEGMENT = 1_024
BEFORE = ("Schreiner_Trooper_1897", "Bennet_Babylon_1902", "Forster_Angels_1905")
BEFORE_TOO = ("Haggard_Mines_1885",)
BEHIND = ("Stevenson_Treasure_1883", "Lee_Brown_1884")
BOOK = "openstax/world-history-volume-1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("write", "draw"))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, metavar="DIR")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.what == "write":
        write(options.data, options.out)
    else:
        draw(options.data, options.out, tokens=options.tokens)


def write(data: Path, out: Path) -> None:
    """The text files of the two memories."""
    small, large = out / "100k", out / "1m"
    for folder in (small, large):
        folder.mkdir(parents=True, exist_ok=True)
    for kind, name in SETS.items():
        for number, (_, text) in enumerate(read_texts(data / name)):
            for folder in (small, large)[number >= SMALL :]:
                _put(folder, f"m-{kind}-{number:02}", text)
    novels = dict(read_texts(data / "text" / "novels.jsonl.gz"))
    for at, names in (("a", BEFORE + BEFORE_TOO), ("z", BEHIND)):
        for name in names:
            _put(large, f"{at}-{name}", novels[f"novels/{name}"])
    _put(small, f"a-{BEFORE[0]}", novels[f"novels/{BEFORE[0]}"])
    books = dict(read_texts(data / "text" / "world_history.jsonl.gz"))
    _put(large, "z-world-history-1", books[BOOK])


def _put(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.txt").write_text(text, "utf-8", newline="")


def draw(data: Path, out: Path, *, tokens: int) -> None:
    """A memory of so many tokens, whose features are drawn."""
    small = load_memory(out / "100k.lcirc")
    tokenizer = load_backbone("smollm2", offline=True).tokenizer
    random.seed(0)
    texts = (text for each in sorted((data / "text").iterdir()) for text in read_texts(each))
    documents, ids, starts, lengths = list(small.documents), [], [], list(small.segment_lengths)
    count = len(small.token_ids)
    for name, text in texts:
        if count >= tokens:
            break
        own = encode(tokenizer, text)
        size = len(own[0])
        segments = [min(SEGMENT, size - at) for at in range(0, size, SEGMENT)]
        documents.append(_document(name, text, (count, size), (len(lengths), len(segments))))
        count += size
        ids.append(torch.from_numpy(own[0]))
        starts.append(torch.from_numpy(own[1]))
        lengths += segments
    new = _Drawn.of(small, lengths[len(small.segment_lengths) :])
    contents = changed(
        small,
        documents=tuple(documents),
        token_ids=torch.cat([small.token_ids[:], *ids]),
        token_starts=torch.cat([small.token_starts[:], *starts]),
        segment_lengths=lengths,
        states=joined([small.states, new["states"]]),
        features={name: joined([rows, new[name]]) for name, rows in small.features.items()},
        words=None,
    )
    print(f"{count:,} tokens of {len(documents)} documents", flush=True)
    save_memory(out / "10m.lcirc", changed(contents, words=words_of(texts_of([contents]))))


def _document(
    name: str, text: str, tokens: tuple[int, int], segments: tuple[int, int]
) -> StoredDocument:
    return StoredDocument(
        name=name,
        sha256="",
        format="text",
        text=text,
        pages=(),
        page_count=None,
        empty_pages=(),
        notes=(),
        first_token=tokens[0],
        num_tokens=tokens[1],
        first_segment=segments[0],
        num_segments=segments[1],
    )


class _Drawn:
    """Rows of segments, each of which is a whole segment of another memory, drawn."""

    def __init__(self, rows: Rows, places: Sequence[tuple[int, int]]) -> None:
        """Args: places: for each segment the first of its rows, and how many."""
        self._rows, self._places = rows[:], places
        self._ends = np.cumsum([count for _, count in places]).tolist()
        self.shape, self.dtype = (self._ends[-1], *rows.shape[1:]), rows.dtype

    @classmethod
    def of(cls, memory: MemoryContents, lengths: Sequence[int]) -> dict[str, Rows]:
        """States and features of segments of these lengths."""
        edges = np.cumsum([0, *memory.segment_lengths]).tolist()
        whole = [n for n, (first, end) in enumerate(pairwise(edges)) if end - first == SEGMENT]
        picked = random.choices(whole, k=len(lengths))
        latents = memory.settings["num_latents"]
        of_tokens = [(edges[n], length) for n, length in zip(picked, lengths, strict=True)]
        found = {
            name: cls(rows, of_tokens if len(rows) == edges[-1] else [(n, 1) for n in picked])
            for name, rows in memory.features.items()
        }
        return {"states": cls(memory.states, [(n * latents, latents) for n in picked]), **found}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        first, last, _ = rows.indices(len(self))
        parts = list(self._parts(first, last))
        return torch.cat(parts) if parts else self._rows[:0]

    def _parts(self, first: int, last: int) -> Iterator[Tensor]:
        number: Any = int(np.searchsorted(self._ends, first, side="right"))
        while first < last:
            start, count = self._places[number]
            begin, stop = self._ends[number] - count, min(last, self._ends[number])
            yield self._rows[start + first - begin : start + stop - begin]
            first, number = stop, number + 1


if __name__ == "__main__":
    main()
