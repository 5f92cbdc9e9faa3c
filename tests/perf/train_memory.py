"""Peak memory of a training step as the document grows: 8K, 32K and 128K tokens.

    python tests/perf/train_memory.py

The default model with the adapter preset `smollm2`, one document, 8 questions, the question alone
in the window, forward, backward and an AdamW step, for truncated and selective back-propagation
over 8 states. Two ways to hold the memory M: the last 32 states (the paper retains 50 in training)
and all of them. Each measurement is a process of its own and its peak is `ru_maxrss`: the whole
process with Python, torch and the model, counted anew after loading (Linux only), which would
else hide a step. The baseline is what is resident before the step. `features` is the first visit
to a document: its contextual features are computed and written to disk, where the steps find them.
Prints JSON lines; the last one says by how much the peaks differ over the lengths, in percent of
the smallest.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

LENGTHS = (8_192, 32_768, 131_072)
QUESTIONS, RETAINED = 8, 32
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
    growth = {case: round(100 * (max(each) / min(each) - 1), 1) for case, each in peaks.items()}
    print(json.dumps({"name": NAME, "growth_percent": growth, "limit": LIMIT_PERCENT}))


def measured(case: str, tokens: int, folder: str) -> dict[str, float]:
    """What one process that does nothing else needed, in MB (1e6 bytes)."""
    command = [sys.executable, __file__, case, str(tokens), folder]
    environment = {**os.environ, "LCIRC_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"name": NAME, "case": case, "document_tokens": tokens, **row}), flush=True)
    return row


def child(case: str, tokens: int, folder: Path) -> None:
    """Do the work of one case and print this process's peak."""
    import torch

    from lcirc_cli.backbones import load_backbone
    from lcirc_cli.training.corpus import Corpus, Question, TokenisedDocument
    from lcirc_cli.training.feature_cache import FeatureCache
    from lcirc_cli.training.loop import make_optimizer
    from lcirc_cli.training.model_setup import build_model
    from lcirc_cli.training.settings import make_settings
    from lcirc_cli.training.stages import QuestionAnswering

    given = {"questions": QUESTIONS, "unanswerable": 0.0, "mixer_dropout": 0.0, "bptt_states": 8}
    settings = make_settings(None, given | CASES.get(case, {}))
    backbone = load_backbone("smollm2", device="cpu")
    model = build_model(settings, backbone)
    cache = FeatureCache(model, folder, fingerprint=backbone.fingerprint)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(100, 40_000, (tokens,), generator=generator, dtype=torch.int32)
    document = TokenisedDocument("d", ids, list(range(tokens)), f"random-{tokens}")
    optimizer = make_optimizer(model.adapter, settings)
    baseline = restart_peak()
    if case == "features":
        cache.segments(document, 0, 1, 1)[0]
    else:
        asked = [Question(0, f"What is {i}?", ("Something",), ((i, i + 9),)) for i in range(99)]
        stage = QuestionAnswering(
            model, backbone, corpus=Corpus([document], [asked]), cache=cache, settings=settings
        )
        stage.loss(0, 0).total.backward()
        optimizer.step()
    print(json.dumps({"baseline_mb": baseline, "peak_mb": peak_mb()}))


def restart_peak() -> float:
    """Let the peak begin at what is resident now; that, in MB."""
    gc.collect()
    with contextlib.suppress(OSError):  # not Linux: loading counts too
        Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb() -> float:
    """The peak of this process in MB (1e6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
