"""A script: runs that are killed at a random moment and resumed, in children of one process.

    python killed_runs.py MODEL_FOLDER DATA OUT RUNS SEED

Forking after the imports makes a run cost a second, so that many moments can be tried. Prints one
JSON line: how many runs ended in the same bits as one that was left alone, and at which steps
they were killed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.run import train

STEPS = 12
SETTINGS = {
    "steps": STEPS,
    "checkpoint_every": 3,
    "documents": 2,
    "questions": 2,
    "bptt": "selective",
    "bptt_states": 2,
    "autocast": "float32",
    "adapter.segment_length": 16,
    "adapter.max_segment_length": 32,
    "adapter.feature_window": 64,
    "adapter.num_latents": 4,
}


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child process; its pid."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def lines(out: Path) -> int:
    log = out / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def kill_once(child: int, out: Path, rng: random.Random) -> int:
    """Kill the child at a random moment between its first line and its end; the line it was at."""
    wanted = rng.randrange(STEPS - 1)
    while lines(out) <= wanted:
        time.sleep(0.001)
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return lines(out)


def same_end(first: Path, second: Path) -> bool:
    name = Path("checkpoints") / f"step-{STEPS:08d}" / "tensors.safetensors"
    ours, theirs = load_file(first / name), load_file(second / name)
    return (
        ours.keys() == theirs.keys()
        and all(torch.equal(ours[key], theirs[key]) for key in ours)
        and (first / "log.jsonl").read_bytes() == (second / "log.jsonl").read_bytes()
    )


def main(model: str, data: str, folder: Path, runs: int, seed: int) -> None:
    backbone: Backbone = load_backbone(model, device="cpu", dtype="float32", offline=True)
    settings = make_settings(None, {**SETTINGS, "model": model, "data": [data]})

    def run(out: Path) -> int:
        return forked(lambda: train(settings, out, resume=True, backbone=backbone))

    straight = folder / "straight"
    assert os.waitpid(run(straight), 0)[1] == 0
    rng, equal, killed_at = random.Random(seed), 0, []
    for index in range(runs):
        out = folder / f"killed-{index}"
        killed_at.append(kill_once(run(out), out, rng))
        assert os.waitpid(run(out), 0)[1] == 0
        equal += same_end(straight, out)
        shutil.rmtree(out)
    print(json.dumps({"runs": runs, "equal": equal, "killed_at": killed_at}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
