"""The scores of tokens as evidence, without the recurrence: they do not depend on its states.

For who reads passages and no latents. It costs a fraction of the pass that also makes these, so
that keys are not kept between questions. Knows nothing about text.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcirc_cli.compression.recurrence import each_of
from lcirc_cli.compression.segments import Segments
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.model.layers import KeysValues


@torch.no_grad()
def token_scores(
    model: LcircForCausalLM,
    segments: Segments,
    *,
    question: KeysValues,
    progress: Callable[[float], object] | None = None,
) -> Tensor:
    """How well each token of the segments answers each question, [B, R, N], float32 on the CPU.

    Args:
        question: the projected question or questions, B of them.
        progress: called with the number of tokens that were read.
    """
    adapter = model.adapter
    scores = []
    for group, inputs_GnD in segments.inputs(model, segments.groups):
        keys = adapter.evidence_keys(inputs_GnD)
        scores += [adapter.evidence(question, each) for each in each_of(keys)]
        if progress is not None:
            progress(group.count * group.length)
    return torch.cat(scores, dim=2).cpu()
