"""First token of `ask` on a memory of over 100,000 tokens, against the bare LM's prefill of 32K.

    python tests/perf/first_token.py [--whole] [--dtype bfloat16]

The handbook is ingested with the default model, the preset `smollm2` and open gates, so often that
the memory is long enough (115,565 tokens), and saved; then a new engine loads the file and is asked
with the default method and window. Time runs from loading the memory file to the first token with
its citations. The prefill of 32,768 tokens, ten minutes on one core, runs whole with --whole;
without it one of the LM's layers reads them, and its time is taken as often as there are layers.
Prints a JSON line.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _measuring import ROOT, adapted, dtype_of, emit, load, prefill_s, seconds, take_dtype

from lcirc_cli import Engine
from lcirc_cli.adapters.loading import LoadedAdapter
from lcirc_cli.documents import read_document
from lcirc_cli.memory.contents import append
from lcirc_cli.memory.file import load_memory, save_memory

TOKENS, WINDOW = 100_000, 32_768
QUESTIONS = ("Who introduced the bootstrap?", "What does a memory file hold?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="prefill all 32,768 tokens")
    take_dtype(parser)
    options = parser.parse_args()
    whole, backbone = options.whole, load(options.dtype)
    prefill = prefill_s(backbone, WINDOW, layers=None if whole else 1)
    adapter = LoadedAdapter(adapted(backbone, "smollm2").adapter, "smollm2", "speed", "speed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.lcirc"
        tokens = write_memory(path, Engine(backbone, adapter))
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
        dtype=dtype_of(backbone),
        memory_tokens=tokens,
        load_s=loaded,
        first_question_s=first,
        next_question_s=taken[1],
        prefill_32k_s=prefill,
        prefill_layers_run="all" if whole else 1,
        prefill_over_first_question=prefill / first,
        prefill_over_next_question=prefill / taken[1],
        limits={"prefill_over_first_question": 40},
    )


def write_memory(path: Path, engine: Engine) -> int:
    """Ingest the handbook, append it again up to TOKENS tokens, save; how many there are."""
    handbook = engine.ingest([read_document(ROOT / "docs" / "handbook.pdf")])
    contents = handbook
    while len(contents.token_ids) < TOKENS:
        contents = append(contents, handbook)
    save_memory(path, contents)
    return len(contents.token_ids)


if __name__ == "__main__":
    main()
