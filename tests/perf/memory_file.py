"""What a memory file costs: bytes a document token, and the time to read one of 100,000 tokens.

    python tests/perf/memory_file.py

Prints a JSON line. The text is the handbook, repeated, in the default model's tokens (it must be
here: lcirc pull smollm2); features are as wide as that model, in 8 bits. Reading checks every byte
and everything that is in it, which `ask` does not (opening.py); the file is in the page cache, as
after ingest.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoTokenizer

from lcirc_cli.backbones import loading
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.documents import read_document
from lcirc_cli.evidence import texts_of, words_of
from lcirc_cli.memory.contents import Fingerprints, MemoryContents, StoredDocument
from lcirc_cli.memory.file import inspect_memory, load_memory, save_memory

TOKENS, SEGMENT, LATENTS, WIDTH = 100_000, 512, 8, 576
HANDBOOK = Path(__file__).resolve().parents[2] / "docs" / "handbook.pdf"


def main() -> None:
    contents = make()
    contents = replace(contents, words=words_of(texts_of([contents])))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.lcirc"
        save_memory(path, contents)
        sizes = inspect_memory(path)["bytes"]
        wall, processor = zip(*(_load(path) for _ in range(15)), strict=True)
    rest = sizes["total"] - sizes["states"] - sizes["features"]
    figures = {
        "tokens": len(contents.token_ids),
        "bytes_a_token_besides_states_and_features": round(rest / len(contents.token_ids), 2),
        "file_bytes": sizes["total"],
        "load_s": round(min(wall), 4),
        "load_processor_s": round(min(processor), 4),
        "limits": {"bytes_a_token_besides_states_and_features": 10, "load_s": 0.2},
    }
    print(json.dumps({"name": "memory file", **figures}))


def make() -> MemoryContents:
    """The handbook's text and pages as often as it takes, with made-up states and features."""
    tokenizer = AutoTokenizer.from_pretrained(loading.pull("smollm2", offline=True))
    book = read_document(HANDBOOK)
    ids, starts = (torch.from_numpy(array) for array in encode(tokenizer, book.text))
    segments = -(-len(ids) // SEGMENT)
    lengths = [min(SEGMENT, len(ids) - at) for at in range(0, len(ids), SEGMENT)]
    copies = -(-TOKENS // len(ids))
    documents = tuple(
        StoredDocument(
            name=f"{copy}-{book.name}",
            sha256=book.sha256,
            format=book.format,
            text=book.text,
            pages=book.pages,
            page_count=book.page_count,
            empty_pages=(),
            notes=(),
            first_token=copy * len(ids),
            num_tokens=len(ids),
            first_segment=copy * segments,
            num_segments=segments,
        )
        for copy in range(copies)
    )
    return MemoryContents(
        documents=documents,
        token_ids=ids.repeat(copies),
        token_starts=starts.repeat(copies),
        segment_lengths=lengths * copies,
        states=torch.randn(segments * copies * LATENTS, WIDTH).bfloat16(),
        features={
            "codes": torch.randint(-127, 128, (len(ids) * copies, WIDTH), dtype=torch.int8),
            "scales": torch.rand(segments * copies, WIDTH),
        },
        settings={"num_latents": LATENTS},
        fingerprints=Fingerprints("smollm2", "", "", "", ""),
    )


def _load(path: Path) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    load_memory(path, whole=True)
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
