"""Can an adapter learn 32 documents by heart? python scripts/overfit.py OUT [--set key=value ...]

Writes documents with two planted facts each (a seed, always the same) to OUT/data, runs

    lcirc train --preset smollm2-cpu --data OUT/data --validation OUT/data --out OUT/run ...

with the settings below (`--set` changes them), and prints one JSON line: the answer loss in nats
a token with the true document's memory, another document's and none, the seconds of the whole
command, and whether the targets are met: under 0.1 with the true memory, over 1.5 with another.
Only the question stands in the window, so the answers can come from the memory alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from planted import write_planted

DOCUMENTS, SENTENCES, SEED = 32, 20, 3
SETTINGS: dict[str, str] = {
    "steps": "120",
    "documents": "8",
    "questions": "2",
    "unanswerable": "0",
    "mixer_dropout": "0",
    "evidence_weight": "0",
    "learning_rate": "1e-3",
    "gate_learning_rate": "1e-2",
    "warmup_steps": "30",
    "validate_every": "60",
    "checkpoint_every": "1000",
    "adapter.segment_length": "64",
    "adapter.feature_window": "1024",
    "adapter.num_latents": "16",
}
TRUE_LOSS, SHUFFLED_LOSS = 0.1, 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    options = parser.parse_args()
    settings = SETTINGS | dict(change.split("=", 1) for change in options.changes)
    write_planted(options.out / "data", documents=DOCUMENTS, sentences=SENTENCES, seed=SEED)
    started = time.perf_counter()
    subprocess.run(command(options.out, settings), check=True, stdout=sys.stderr)
    figures = result(options.out / "run" / "validation.jsonl")
    met = figures["loss_true"] < TRUE_LOSS and figures["loss_shuffled"] > SHUFFLED_LOSS
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"name": "overfit", **figures, "seconds": seconds, "met": met}))
    return 0 if met else 1


def command(out: Path, settings: dict[str, str]) -> list[str]:
    """The command line of the run."""
    data = str(out / "data")
    options = ["--preset", "smollm2-cpu", "--data", data, "--validation", data, "--seed", str(SEED)]
    pairs = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "lcirc_cli", "train", *options, "--out", str(out / "run"), *pairs]


def result(log: Path) -> dict[str, Any]:
    """The scores of the last validation."""
    row = json.loads(log.read_text("utf-8").splitlines()[-1])
    (scores,) = row["sets"].values()
    return {"step": row["step"], **{key: round(value, 4) for key, value in scores.items()}}


if __name__ == "__main__":
    sys.exit(main())
