"""First token of `ask` on a saved memory of 100,000 tokens, against the bare LM's prefill of 32K.

    python tests/perf/first_token.py [--whole]

The handbook, several times over, is ingested and saved with the default model, the preset
`smollm2` and open gates; then a new engine loads the file and is asked with the default method and
window. Time runs from loading the memory file to the first token with its citations. The prefill
of 32,768 tokens is measured with --whole (minutes on one core). Without it the prefill of 8,192
stands in, four times: less than the truth, since attention grows with the square. Prints JSON.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from _measuring import PIECE, ROOT, adapted, emit, load, prefill_s, seconds

from lcirc_cli import Engine
from lcirc_cli.adapters import LoadedAdapter
from lcirc_cli.backbones import Backbone
from lcirc_cli.documents import read_document
from lcirc_cli.memory_file import load_memory, save_memory

TOKENS, WINDOW = 100_000, 32_768
QUESTIONS = ("Who introduced the bootstrap?", "What does a memory file hold?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="prefill all 32,768 tokens")
    whole = parser.parse_args().whole
    backbone = load()
    prefill = prefill_s(backbone, WINDOW if whole else PIECE) * (1 if whole else WINDOW / PIECE)
    adapter = LoadedAdapter(adapted(backbone, "smollm2").adapter, "preset smollm2", "speed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.lcirc"
        tokens = write_memory(path, Engine(backbone, adapter), backbone)
        engine = Engine(backbone, adapter)
        start = seconds()
        memory = load_memory(path)
        loaded = seconds() - start
        taken = []
        for question in QUESTIONS:
            start = seconds()
            engine.ask(memory, question, max_new_tokens=1)
            taken.append(seconds() - start)
    first = loaded + taken[0]
    emit(
        "first token",
        memory_tokens=tokens,
        load_s=loaded,
        first_question_s=first,
        next_question_s=taken[1],
        prefill_32k_s=prefill,
        prefill_measured=WINDOW if whole else PIECE,
        prefill_over_first_question=prefill / first,
        prefill_over_next_question=prefill / taken[1],
        limits={"prefill_over_first_question": 40},
    )


def write_memory(path: Path, engine: Engine, backbone: Backbone) -> int:
    """Ingest and save copies of the handbook until there are TOKENS tokens; how many there are."""
    book = read_document(ROOT / "docs" / "handbook.pdf")
    size = len(backbone.tokenizer(book.text, verbose=False)["input_ids"])  # type: ignore[arg-type,operator]
    copies = [replace(book, name=f"{n}-{book.name}") for n in range(-(-TOKENS // size))]
    contents = engine.ingest(copies)
    save_memory(path, contents)
    return len(contents.token_ids)


if __name__ == "__main__":
    main()
