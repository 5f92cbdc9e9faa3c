"""What opening a memory and ranking its passages costs, at 100,000 tokens and at a million.

    python tests/perf/opening.py [--tokens 100000,1000000]

Prints a JSON line a size, and one with the ratios between the largest and the smallest. The text
is the handbook, repeated, cut into tokens of 4.5 characters; states and features are random and as
wide as the default model's, which opening does not look at. Each file is opened in a process of its
own: processor seconds of opening, of the first and of a further question's ranking by words, and of
checking 16 segments' features; and by how much the process has grown since before, in MB (RssAnon:
its own memory, RssFile: pages of the file). The files are in the page cache, as after ingest.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lcirc_cli.answering.collection import Collection
from lcirc_cli.evidence import words_of_text
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument
from lcirc_cli.memory.file import load_memory, save_memory

ROOT = Path(__file__).resolve().parents[2]
SEGMENT, LATENTS, WIDTH = 512, 8, 576
STEERED = 16
HANDBOOK = ROOT / "docs" / "handbook.md"
QUESTIONS = ("What happens when the disk is full?", "Which exit code does a damaged file have?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", default="100000,1000000")
    options = parser.parse_args()
    torch.set_num_threads(1)  # children are forked, which threads don't survive
    found = []
    for tokens in map(int, options.tokens.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.lcirc"
            in_child(lambda path=path, tokens=tokens: make(path, tokens))
            runs = [in_child(lambda path=path: opened(path)) for _ in range(3)]
        best = {name: round(min(run[name] for run in runs), 5) for name in runs[0]}
        found.append({"tokens": tokens, **best})
        print(json.dumps({"name": "opening", **found[-1]}), flush=True)
    small, large = found[0], found[-1]
    ratios = {name: round(large[name] / max(small[name], 1e-9), 2) for name in small}
    print(json.dumps({"name": "opening, largest against smallest", **ratios}))


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        result = told.read()
    os.waitpid(child, 0)
    return json.loads(result)


def make(path: Path, tokens: int) -> None:
    """A memory of one document of so many tokens."""
    text = HANDBOOK.read_text("utf-8")
    text = (text * (int(tokens * 4.5) // len(text) + 1))[: int(tokens * 4.5)]
    starts = np.linspace(0, len(text) - 1, tokens).astype(np.int64)
    lengths = [min(SEGMENT, tokens - at) for at in range(0, tokens, SEGMENT)]
    document = StoredDocument(
        name="book",
        sha256="",
        format="text",
        text=text,
        pages=(),
        page_count=None,
        empty_pages=(),
        notes=(),
        first_token=0,
        num_tokens=tokens,
        first_segment=0,
        num_segments=len(lengths),
    )
    contents = MemoryContents(
        documents=(document,),
        token_ids=torch.randint(0, 49_152, (tokens,), dtype=torch.int32),
        token_starts=torch.from_numpy(starts),
        segment_lengths=lengths,
        states=torch.randn(len(lengths) * LATENTS, WIDTH).bfloat16(),
        features={
            "codes": torch.randint(-127, 128, (tokens, WIDTH), dtype=torch.int8),
            "scales": torch.rand(len(lengths), WIDTH).half(),
        },
        settings={"num_latents": LATENTS},
        fingerprints=Fingerprints("smollm2", "", "", "", ""),
        words=words_of_text(text, starts),
    )
    save_memory(path, contents)


def opened(path: Path) -> dict[str, float]:
    """Seconds and megabytes of this process."""
    before = _resident()
    seconds = {}
    start = time.process_time()
    memory = load_memory(path)
    collection = Collection([memory], key_bytes=0)
    seconds["open_s"], start = time.process_time() - start, time.process_time()
    collection.index.scores(QUESTIONS[0])
    seconds["first_ranking_s"], start = time.process_time() - start, time.process_time()
    collection.index.scores(QUESTIONS[1])
    seconds["ranking_s"], start = time.process_time() - start, time.process_time()
    codes = memory.features["codes"]
    step = max(SEGMENT, len(codes) // STEERED)
    for at in range(0, len(codes), step):
        codes[at : at + SEGMENT].float().sum()
    seconds["features_s"] = time.process_time() - start
    after = _resident()
    return seconds | {f"{name}_mb": (after[name] - before[name]) / 1e3 for name in after}


def _resident() -> dict[str, int]:
    """RssAnon and RssFile of this process, in kB (Linux)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    rows = (line.split() for line in lines)
    return {row[0][:-1]: int(row[1]) for row in rows if row[0] in ("RssAnon:", "RssFile:")}


if __name__ == "__main__":
    main()
