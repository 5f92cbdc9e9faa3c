"""Answer losses with one adapter: python scripts/adapter_losses.py DIR... --adapter A --out FOLDER

Each set's documents are ingested with the adapter and questions asked by qd-lcirc, with the
question alone in the window and, for the first --evidence of them, with passages too. FOLDER gets
rows for compare_rows.py: none.jsonl and evidence.jsonl. Prints, a JSON line a set, the processor
time in microseconds a token that ingesting took; with --features it is less by what was kept.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from drawn import RowWriter, draw
from keeping import KeepingEngine
from losses import answer_losses, document_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--adapter", help="a folder; the one that ships unless given")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="questions a set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, metavar="N", help="only so many of those drawn")
    parser.add_argument("--evidence", type=int, default=0, metavar="N", help="with passages too")
    parser.add_argument("--batch", type=int, default=16, help="questions at once")
    parser.add_argument(
        "--features", type=Path, metavar="DIR", help="keep documents' features here"
    )
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    engine: Any = KeepingEngine.load(adapter=options.adapter, dtype=options.dtype, offline=True)
    engine.folder = options.features
    rows = {name: RowWriter(options.out / f"{name}.jsonl") for name in ("none", "evidence")}
    for folder in options.folders:
        drawn = draw(folder, limit=options.limit, seed=options.seed)
        drawn = replace(drawn, asked=drawn.asked[: options.first])
        shown = {sample.id for sample in drawn.asked[: options.evidence]}
        tokens, seconds = 0, 0.0
        batches = drawn.batches(options.batch)
        for _, group in groupby(batches, key=lambda batch: batch.samples[0].document_id):
            asked = list(group)
            begun = time.process_time()
            memory = engine.ingest([document_of(asked[0].samples[0].document)])
            seconds += time.process_time() - begun
            tokens += len(memory.token_ids)
            for batch in asked:
                for window, writer in rows.items():
                    chosen = [s for s in batch.samples if window == "none" or s.id in shown]
                    if not chosen:
                        continue
                    losses = answer_losses(engine, memory, chosen, window=window)
                    for sample, loss in zip(chosen, losses, strict=True):
                        writer.write(folder.name, sample.id, loss=loss)
        figures = {"tokens": tokens, "ingest_us_a_token": round(1e6 * seconds / tokens)}
        print(json.dumps({"set": folder.name, **figures}), flush=True)


if __name__ == "__main__":
    main()
