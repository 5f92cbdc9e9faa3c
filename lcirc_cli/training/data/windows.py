"""What stands in the LM's window during training: prompt, answer and labels as tokens.

Legend: B questions, T window tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.evidence import PassageIndex
from lcirc_cli.training.data import choices
from lcirc_cli.training.data.corpus import Corpus
from lcirc_cli.training.data.passages import sample_index, shown_texts
from lcirc_cli.training.data.samples import Asked, Sample
from lcirc_cli.training.settings import TrainSettings

# Of the windows with passages that hold none that touches the evidence, beside real misses.
MISSED = 0.15
IGNORED = -100


@dataclass(frozen=True)
class Windows:
    """Padded windows with a label wherever an answer token (or its end) is to be predicted."""

    input_ids_BT: Tensor
    labels_BT: Tensor


def make_windows(
    prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, device: torch.device
) -> Windows:
    """Join prompts and answers and pad them at the end."""
    pairs = [*zip(prompts, answers, strict=True)]
    ids = [torch.tensor([*prompt, *answer]) for prompt, answer in pairs]
    labels = [torch.tensor([IGNORED] * len(prompt) + [*answer]) for prompt, answer in pairs]
    return Windows(
        pad_sequence(ids, batch_first=True).to(device),
        pad_sequence(labels, batch_first=True, padding_value=IGNORED).to(device),
    )


class WindowMaker:
    """Prompts for a sample's questions: the question alone, or with parts of the document."""

    def __init__(self, backbone: Backbone, corpus: Corpus, settings: TrainSettings) -> None:
        self._backbone, self._corpus, self._settings = backbone, corpus, settings
        weights = np.array(
            [settings.window_none, settings.window_evidence, settings.window_ends], dtype=float
        )
        self._shares = weights / weights.sum()

    def make(
        self, sample: Sample, rng: np.random.Generator, *, form: str
    ) -> tuple[list[list[int]], list[list[int]]]:
        """(prompts, answers) in tokens, one of each for every question of the sample.

        The window's contents are drawn once a sample, so that its rows are of like length.
        """
        kind = ("none", "evidence", "ends")[int(rng.choice(3, p=self._shares))]
        prompts, answers = [], []
        index = sample_index(self._corpus, sample) if kind == "evidence" else None
        for asked in sample.asked:
            passages: list[str] = []
            if index is not None:
                passages = self._evidence(index, asked, rng)
            elif kind == "ends":
                passages = self._ends(sample)
            shown, said = _wording(asked)
            prompts.append(
                build_prompt(self._backbone, question=shown, passages=passages, form=form)
            )
            answers.append(answer_ids(self._backbone, said))
        return prompts, answers

    def _evidence(self, index: PassageIndex, asked: Asked, rng: np.random.Generator) -> list[str]:
        """What `ask` would show; now and then without the evidence, as when retrieval misses it."""
        missed = asked.evidence if rng.random() < MISSED else ()
        budget = self._settings.window_tokens
        return shown_texts(index, asked.question, budget=budget, without=missed)

    def _ends(self, sample: Sample) -> list[str]:
        total = sum(part.end - part.start for part in sample.parts)
        half = self._settings.window_tokens // 2
        if total <= 2 * half:
            return [self._text(sample, 0, total)]
        return [self._text(sample, 0, half), self._text(sample, total - half, total)]

    def _text(self, sample: Sample, start: int, end: int) -> str:
        """The text of tokens start..end-1 of the joined document."""
        ids: list[int] = []
        offset = 0
        for part in sample.parts:
            length = part.end - part.start
            low, high = max(start - offset, 0), min(end - offset, length)
            if low < high:
                document = self._corpus.documents[part.document].ids_N
                ids.extend(document[part.start + low : part.start + high].tolist())
            offset += length
        return str(self._backbone.tokenizer.decode(ids))


def _wording(asked: Asked) -> tuple[str, str | None]:
    """The question as it is shown, and what is to be said."""
    if not asked.options or asked.answer is None:
        return asked.question, asked.answer
    return choices.ways()[0].put(asked.question, asked.answer, asked.options)
