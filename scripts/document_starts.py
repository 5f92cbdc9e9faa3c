"""The recurrence carried over from document to document, or begun anew with each one.

    python scripts/document_starts.py DIR... --out FOLDER [options]

The documents of each set are joined to memories of --join, and questions asked with nothing but
the question in the window. FOLDER gets rows for compare_rows.py, a file for each method and way:
    METHOD-carried    each document goes on from the state after the one before
    METHOD-anew       each document starts from h_0; their latents stand one after another
Features, segments and the order of the documents are the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Any

from drawn import RowWriter, draw
from keeping import KeepingEngine
from losses import answer_losses, document_of

from lcirc_cli.collection import Collection
from lcirc_cli.compression import run_pass
from lcirc_cli.engine import Engine
from lcirc_cli.memory_contents import MemoryContents, append

KEY_BYTES = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--join", type=int, default=8, help="documents a memory")
    parser.add_argument("--limit", type=int, default=128, metavar="N", help="questions a set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16, help="questions at once")
    parser.add_argument("--methods", nargs="+", default=["qd-lcirc", "lcirc"])
    parser.add_argument(
        "--features", type=Path, metavar="DIR", help="keep documents' features here"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    engine: Any = KeepingEngine.load(dtype="float32", offline=True)
    engine.folder, engine.key_bytes = options.features, KEY_BYTES
    ways = [f"{method}-{way}" for method in options.methods for way in ("carried", "anew")]
    rows = {way: RowWriter(options.out / f"{way}.jsonl") for way in ways}
    for folder in options.folders:
        begun = time.perf_counter()
        planned = draw(folder, limit=options.limit, seed=options.seed, join=options.join)
        batches = planned.batches(options.batch)
        for _, group in groupby(batches, key=lambda batch: batch.samples[0].document_id):
            asked = list(group)
            anew = [engine.ingest([document_of(text)]) for text in asked[0].samples[0].parts]
            for way, memories in (("carried", carried(engine, anew)), ("anew", anew)):
                for batch in asked:
                    for method in options.methods:
                        losses = answer_losses(engine, memories, batch.samples, method=method)
                        for sample, loss in zip(batch.samples, losses, strict=True):
                            rows[f"{method}-{way}"].write(folder.name, sample.id, loss=loss)
        print(f"{folder.name}: {time.perf_counter() - begun:.0f} s", flush=True)


def carried(engine: Engine, memories: Sequence[MemoryContents]) -> MemoryContents:
    """One memory of all their documents, its states those of a recurrence over all of them."""
    joined = reduce(append, memories)
    whole = run_pass(engine.model, Collection([joined], key_bytes=0).segments[0])
    return replace(joined, states=whole.states_BMD[0].to(memories[0].states.dtype))


if __name__ == "__main__":
    main()
