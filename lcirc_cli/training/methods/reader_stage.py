"""The reader's stage: passages in the window, all questions about them in one pass.

The reader is the decoder with an adapter's low-rank weights (`model/reader.py`). It learns to read
what `lcirc ask` puts into the window, without a memory. What many questions share is computed once
for all of them: on windows of passages with several questions that is most of the work.

Legend: B questions of a window, T tokens of the window with all of them, L label tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lcirc_cli import console
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.model.shared_rows import RowsLayout, takes_shared_rows, use_shared_rows
from lcirc_cli.training.data.corpus import Corpus
from lcirc_cli.training.data.shared_windows import SharedWindow, WindowDrawer
from lcirc_cli.training.data.windows import IGNORED
from lcirc_cli.training.methods.objectives import head_losses, label_losses
from lcirc_cli.training.methods.stages import StageLoss, precision
from lcirc_cli.training.settings import TrainSettings


class ReaderStage:
    """Windows of passages, each with its questions; every question weighs the same."""

    def __init__(
        self,
        model: LcircForCausalLM,
        backbone: Backbone,
        *,
        corpus: Corpus,
        settings: TrainSettings,
    ) -> None:
        self._model, self._settings = model, settings
        self._drawer = WindowDrawer(backbone, corpus, settings)
        if self._drawer.too_long:
            console.note(
                f"{self._drawer.too_long:,} of {corpus.num_questions:,} questions are left out: "
                f"all their answers have over {settings.answer_tokens} tokens"
            )

    def window(self, step: int, slot: int) -> SharedWindow:
        """What a slot learns from."""
        return self._drawer.draw(step, slot)

    def loss(self, step: int, slot: int) -> StageLoss:
        """One window with its questions."""
        window = self.window(step, slot)
        with precision(self._settings, self._model.device):
            losses_B = shared_losses(self._model, window)
        return StageLoss.of(
            self._settings,
            answer=losses_B.mean(),
            evidence=None,
            samples=len(window.rows),
            tokens=sum(len(row.answer) for row in window.rows),
        )


def shared_losses(model: LcircForCausalLM, window: SharedWindow) -> Tensor:
    """Mean nats a token of each row's answer, [B]: what is shared is read once for all rows.

    All rows stand one after another behind the shared tokens; each attends to those and to
    itself, and its positions go on from theirs. So every row has the losses and the gradients of
    a window of its own (`separate_losses`), which decoders get that can't attend like this, and
    windows with a single row, where it is a little faster.
    """
    lm: Any = model.lm
    if len(window.rows) == 1 or not takes_shared_rows(lm):
        return separate_losses(model, window)
    use_shared_rows(lm)
    ids, labels = list(window.shared), [IGNORED] * len(window.shared)
    for row in window.rows:
        ids += [*row.prompt, *row.answer]
        labels += [IGNORED] * len(row.prompt) + row.answer
    lengths = [len(row.prompt) + len(row.answer) for row in window.rows]
    dtype = torch.bfloat16 if torch.is_autocast_enabled(model.device.type) else lm.dtype
    layout = RowsLayout.of(len(window.shared), lengths, device=model.device, dtype=dtype)
    with model.reading():
        hidden_BTD = lm.base_model(
            input_ids=torch.tensor([ids], device=model.device),
            position_ids=layout.positions_T[None],
            use_cache=False,
            layout=layout,
        ).last_hidden_state
    losses_L = head_losses(lm, hidden_BTD, torch.tensor([labels], device=model.device))
    return _means(losses_L, window)


def separate_losses(model: LcircForCausalLM, window: SharedWindow) -> Tensor:
    """The same, every row with the shared tokens before it: as much work as it has rows."""
    prompts = [[*window.shared, *row.prompt] for row in window.rows]
    answers = [row.answer for row in window.rows]
    return _means(label_losses(model, prompts, answers, memory=None), window)


def _means(losses_L: Tensor, window: SharedWindow) -> Tensor:
    """The mean of each row's losses, [B]."""
    lengths = [len(row.answer) for row in window.rows]
    return torch.stack([losses.mean() for losses in losses_L.split(lengths)])
