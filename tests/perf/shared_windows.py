"""The reader's training on windows that questions share, against each question in its own.

    python tests/perf/shared_windows.py [--dtype D] [SET...]

Windows are drawn from the sets (documents + qa; default: every one in LCIRC_DATA/train) as a run
of `lcirc train --method reader` draws them. Forward and backward of each window, once shared and
once question by question, in the same run, computed as that run does with `--dtype D --set
autocast=D`: float32 (the default) or bfloat16. Prints JSON lines; the last one has questions a
second both ways, their ratio and the largest difference between the two gradients, which says
something in float32 alone. The first window is drawn once more before, uncounted: what is done
once a process is no part of either way. Says so and ends where there are no data.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from _measuring import emit, seconds
from torch import Tensor

from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.corpus import load_corpus
from lcirc_cli.training.data.shared_windows import SharedWindow, WindowDrawer
from lcirc_cli.training.methods.adapter import build_model
from lcirc_cli.training.methods.learner import ReaderLearner
from lcirc_cli.training.methods.reader_stage import separate_losses, shared_losses
from lcirc_cli.training.methods.stages import precision

WINDOWS = 48
NAME = "shared windows"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("sets", nargs="*", metavar="SET")
    options = parser.parse_args()
    given = options.sets or _all_sets()
    if not given:
        emit(NAME, skipped="no data: name folders, or set LCIRC_DATA")
        return
    torch.set_num_threads(1)
    chosen = {"method": "reader", "data": tuple(given), "autocast": options.dtype}
    settings = make_settings(None, chosen)
    backbone = load_backbone("smollm2", device="cpu", dtype=options.dtype, offline=True)
    drawer = WindowDrawer(backbone, load_corpus(given, backbone), settings)
    model = build_model(settings, backbone)
    learner = ReaderLearner(model, checkpointing=False)
    learner.train(True)
    _loosen(learner)
    parameters = list(learner.module.parameters())
    taken, difference, questions = [0.0, 0.0], 0.0, 0
    with precision(settings, model.device):
        _together(model, drawer.draw(0, 0), parameters)
    for step in range(WINDOWS):
        window = drawer.draw(step, 0)
        gradients = []
        for way, compute in enumerate((_together, _one_by_one)):
            begun = seconds()
            with precision(settings, model.device):
                gradients.append(compute(model, window, parameters))
            taken[way] += seconds() - begun
        difference = max(difference, float((gradients[0] - gradients[1]).abs().max()))
        questions += len(window.rows)
        emit(
            NAME,
            window=step,
            questions=len(window.rows),
            shared=len(window.shared),
            shared_s=taken[0],
            alone_s=taken[1],
        )
    emit(
        NAME,
        questions=questions,
        shared_per_s=round(questions / taken[0], 3),
        alone_per_s=round(questions / taken[1], 3),
        ratio=round(taken[1] / taken[0], 2),
        gradient_difference=difference,
    )


def _all_sets() -> list[str]:
    data = os.environ.get("LCIRC_DATA")
    return sorted(str(path) for path in Path(data, "train").iterdir()) if data else []


def _loosen(learner: ReaderLearner) -> None:
    """A reader that does something: with zeros half of its gradients would be zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in learner.module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.005)


def _together(model: LcircForCausalLM, window: SharedWindow, parameters: list[Tensor]) -> Tensor:
    """Gradients of the mean over the window's questions."""
    return _flat(torch.autograd.grad(shared_losses(model, window).mean(), parameters))


def _one_by_one(model: LcircForCausalLM, window: SharedWindow, parameters: list[Tensor]) -> Tensor:
    total = torch.zeros(())
    for row in window.rows:
        loss = separate_losses(model, SharedWindow(window.shared, (row,))).mean()
        total = total + _flat(torch.autograd.grad(loss / len(window.rows), parameters))
    return total


def _flat(gradients: Sequence[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


if __name__ == "__main__":
    main()
