"""The reader's stage: passages in the window, all questions about them in one pass.

The reader is the decoder with an adapter's low-rank weights (`model/reader.py`). It learns to read
what `lcirc ask` puts into the window, without a memory. What many questions share is computed once
for all of them: on windows of passages with several questions that is most of the work.

Legend: B questions of a window, T tokens of the shared window, L label tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lcirc_cli import console
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.model import LcircForCausalLM
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

    All rows stand one after another behind the shared tokens; a mask lets each see those and
    itself, and its positions go on from theirs. So every row has the losses and the gradients of
    a window of its own (`separate_losses`), which models get whose attention takes no such mask.
    """
    lm: Any = model.lm
    if not _takes_masks(lm):
        return separate_losses(model, window)
    ids, labels = list(window.shared), [IGNORED] * len(window.shared)
    for row in window.rows:
        ids += [*row.prompt, *row.answer]
        labels += [IGNORED] * len(row.prompt) + row.answer
    lengths = [len(row.prompt) + len(row.answer) for row in window.rows]
    mask_TT, positions_T = shared_mask(len(window.shared), lengths)
    if lm.config._attn_implementation == "eager":  # it is added to the logits
        lowest = torch.finfo(lm.dtype).min
        mask_TT = torch.zeros(mask_TT.shape, dtype=lm.dtype).masked_fill(~mask_TT, lowest)
    device = model.device
    with model.reading():
        hidden_BTD = lm.base_model(
            input_ids=torch.tensor([ids], device=device),
            attention_mask=mask_TT[None, None].to(device),
            position_ids=positions_T[None].to(device),
            use_cache=False,
        ).last_hidden_state
    losses_L = head_losses(lm, hidden_BTD, torch.tensor([labels], device=device))
    return _means(losses_L, window)


def separate_losses(model: LcircForCausalLM, window: SharedWindow) -> Tensor:
    """The same, every row with the shared tokens before it: as much work as it has rows."""
    prompts = [[*window.shared, *row.prompt] for row in window.rows]
    answers = [row.answer for row in window.rows]
    return _means(label_losses(model, prompts, answers, memory=None), window)


def shared_mask(shared: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """What each token sees, bool [T, T], and its position [T]: shared tokens, then the rows."""
    counts = torch.tensor([shared, *lengths])
    own_T = torch.arange(len(counts)).repeat_interleave(counts)  # 0 = shared, then the row's number
    T = len(own_T)
    sees_TT = (own_T[:, None] == own_T[None]) | (own_T[None] == 0)
    begins_T = (counts.cumsum(0) - counts)[own_T]
    positions_T = torch.arange(T) - begins_T + shared * (own_T > 0)
    return sees_TT & torch.ones(T, T, dtype=torch.bool).tril(), positions_T


def _takes_masks(lm: Any) -> bool:
    slides = getattr(lm.config.get_text_config(), "sliding_window", None)
    return lm.config._attn_implementation in ("sdpa", "eager") and not slides


def _means(losses_L: Tensor, window: SharedWindow) -> Tensor:
    """The mean of each row's losses, [B]."""
    lengths = [len(row.answer) for row in window.rows]
    return torch.stack([losses.mean() for losses in losses_L.split(lengths)])
