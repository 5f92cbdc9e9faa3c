"""Peak memory of a training step as the document grows: 8K, 32K and 128K tokens.

    python tests/perf/train_memory.py

The default model with the adapter preset `smollm2`, one document, 8 questions, the question alone
in the window, forward, backward and an AdamW step, for truncated and selective back-propagation
over 8 states. Two ways to hold the memory M: the last 8 states, which the shortest document fills
too, and all of them, whose keys and values in the decoder grow with the document. Each measurement
is a process of its own and its peak that of the whole process with Python, torch and the model,
counted anew after loading (Linux only), which would else hide a step. The baseline is what is
resident before the step. `features` is the first visit to a document: its contextual features are
computed and written to disk, where the steps find them. Prints JSON lines; the last one says by how
much the peaks differ over the lengths, in percent of the smallest, and the exit status is 1 where
it is more than `LIMIT_PERCENT` with the last 8 states.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measuring import emit, peak_mb, restart_peak, spread_percent
from _training import on_one_document

from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.corpus import Question

LENGTHS = (8_192, 32_768, 131_072)
QUESTIONS, RETAINED = 8, 8
CASES: dict[str, dict[str, Any]] = {
    "truncated": {"bptt": "truncated", "adapter.retained_segments": RETAINED},
    "selective": {"bptt": "selective", "adapter.retained_segments": RETAINED},
    "truncated, all states retained": {"bptt": "truncated"},
    "selective, all states retained": {"bptt": "selective"},
}
LIMIT_PERCENT = 10.0
NAME = "training memory"


def main() -> None:
    peaks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in ("features", *CASES):
            rows = [measured(case, tokens, folder) for tokens in LENGTHS]
            peaks[case] = [row["peak_mb"] for row in rows]
    growth = {case: round(spread_percent(each), 1) for case, each in peaks.items()}
    emit(NAME, growth_percent=growth, limit=LIMIT_PERCENT)
    if max(growth["truncated"], growth["selective"]) > LIMIT_PERCENT:
        sys.exit(1)


def measured(case: str, tokens: int, folder: str) -> dict[str, float]:
    """What one process that does nothing else needed, in MB (1e6 bytes)."""
    command = [sys.executable, __file__, case, str(tokens), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    emit(NAME, case=case, document_tokens=tokens, **row)
    return row


def child(case: str, tokens: int, folder: Path) -> None:
    """Do the work of one case and print this process's peak."""
    given = {"questions": QUESTIONS, "unanswerable": 0.0, "mixer_dropout": 0.0, "bptt_states": 8}
    settings = make_settings(None, given | CASES.get(case, {}))
    asked = [Question(0, f"What is {i}?", ("Something",), ((i, i + 9),)) for i in range(99)]
    made = on_one_document(settings, folder, tokens=tokens, asked=asked)
    baseline = restart_peak()
    if case == "features":
        made.cache.segments(made.document, 0, 1, 1)[0]
    else:
        made.stage.loss(0, 0).total.backward()
        made.optimizer.step()
    print(json.dumps({"baseline_mb": baseline, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
