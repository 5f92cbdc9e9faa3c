"""Systems without a memory: what part of the document the backbone reads is all that differs.

`none`, `ends`, `full`, `retrieval`, and with changed weights or positions `window` and
`extended-fa`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcirc_cli.answering.decoding import Decoder
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora
from lcirc_cli.evidence.index import PassageIndex, ranking

from ..sample import Output, Sample, TextSample
from .base import Batch, Limits, Measured, NotApplicable
from .gold import gold_answer
from .prompting import Prepared, Prompter
from .retrieval import SentenceEncoder
from .spec import SystemSpec
from .workbench import Workbench

Ranges = tuple[tuple[int, int], ...]


class Reading:
    """A backbone that reads prompts, as far as `window` lets it see the document.

    Args:
        window: `ends` (the benchmark's own truncation), `evidence` (the best passages, by BM25,
            in the order of the document) or `none`.
        limit: tokens of a prompt together with its answer.
        evidence: tokens of passages.
        form: of `lcirc ask`'s own prompt.
    """

    def __init__(
        self,
        bench: Workbench,
        *,
        window: str,
        limit: int,
        evidence: int = 0,
        form: str = "auto",
    ) -> None:
        self._bench, self._window = bench, window
        self._limit, self._evidence = limit, evidence
        self._refuse_from: float | None = None
        self.ranks = window == "evidence"
        self._backbone = bench.backbone
        self._prompter = Prompter(bench.backbone, form=form)
        self._decoder = Decoder(bench.backbone)

    def run(self, batch: Batch) -> list[Measured]:
        if batch.texts and self._window == "evidence":
            raise NotApplicable("there is no question to retrieve passages for")
        with self._changed():
            if batch.texts:
                return [self._scored(sample) for sample in batch.texts]
            prepared = [self._prepare(sample) for sample in batch.samples]
            return self._answered(batch.samples, prepared)

    def _prepare(self, sample: Sample) -> tuple[Prepared, Ranges | None]:
        if self._window == "ends":
            limit = self._limit - sample.max_new_tokens
            return self._prompter.fitted(sample, limit=limit), None
        if self._window == "none":
            size = self._prompter.count(sample.document)
            return self._prompter.shown(sample, [], document_tokens=size), None
        if not sample.document.strip():
            return self._prompter.shown(sample, [], document_tokens=0), ()
        index = self._bench.index(sample.document)
        order = ranking(self._scores(index, sample.question))
        texts, ranges = best_passages(index, order, budget=self._evidence)
        size = len(index.contents.token_ids)
        return self._prompter.shown(sample, texts, document_tokens=size), ranges

    def _scores(self, index: PassageIndex, question: str) -> NDArray[np.floating[Any]]:
        """Relevance of each passage to a question."""
        return index.scores(question)

    def _context(self, sample: TextSample) -> int:
        """Tokens of a text that are read, the scored ones among them."""
        fewest = sample.scored_tokens + 1  # the first scored one is predicted from the one before
        if self._window == "none":
            return fewest
        return max(fewest, min(sample.context_tokens, self._limit))

    def _changed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _answered(
        self, samples: Sequence[Sample], prepared: Sequence[tuple[Prepared, Ranges | None]]
    ) -> list[Measured]:
        threshold = self._refuse_from if samples[0].prompt is None else None
        decoded = self._decoder.answer(
            [one.ids for one, _ in prepared],
            [gold_answer(sample) for sample in samples],
            max_new_tokens=samples[0].max_new_tokens,
            refusal=samples[0].prompt is None,
            refuse_from=None if threshold is None else [threshold] * len(samples),
        )
        return [
            Measured(
                Output(
                    self._prompter.trimmed(sample, one.text),
                    closed_book=self._closed_book(sample),
                    answer_loss=one.loss,
                    refusal=one.refusal,
                    ranking=rank,
                ),
                prompt_sha256=prompt.sha256,
                window=len(prompt.ids),
                dropped=prompt.dropped,
            )
            for sample, (prompt, rank), one in zip(samples, prepared, decoded, strict=True)
        ]

    def _closed_book(self, sample: Sample) -> str | None:
        if sample.closed_book is None:
            return None
        prompt = self._prompter.closed_book(sample.closed_book)
        return self._decoder.generate([prompt.ids], max_new_tokens=sample.max_new_tokens)[0]

    def _scored(self, sample: TextSample) -> Measured:
        ids = text_ids(self._backbone, sample)
        read = ids[-self._context(sample) :]
        split = len(read) - sample.scored_tokens
        (loss,) = self._decoder.losses([read[:split]], [read[split:]])
        return Measured(Output(loss=loss), window=len(read), dropped=len(ids) - len(read))


class Embedded(Reading):
    """`retrieval@MODEL`: passages ranked by a sentence encoder instead of their words."""

    def __init__(self, bench: Workbench, encoder: SentenceEncoder, *, limits: Limits) -> None:
        super().__init__(bench, window="evidence", limit=limits.window, evidence=limits.evidence)
        self._encoder = encoder
        self._kept: tuple[PassageIndex, NDArray[np.floating[Any]]] | None = None

    def _scores(self, index: PassageIndex, question: str) -> NDArray[np.floating[Any]]:
        """Cosines; the passages of the last document are kept, all its questions share them."""
        if self._kept is None or self._kept[0] is not index:
            texts = [index.text(number) for number in range(len(index.passages))]
            self._kept = index, self._encoder.embed(texts)
        return self._kept[1] @ self._encoder.embed([question])[0]


class Extended(Reading):
    """`extended-fa`: RoPE's theta scaled so that twice the positions are told apart."""

    def _changed(self) -> AbstractContextManager[None]:
        return _doubled_theta(self._backbone.lm)


class WithLora(Reading):
    """`window@FOLDER`: a LoRA adapter on the backbone, no memory. Needs the extra `peft`."""

    def __init__(self, bench: Workbench, spec: SystemSpec, *, limits: Limits) -> None:
        folder = spec.adapter or ""
        card = baseline.load_card(folder, bench.backbone, method="window")
        super().__init__(
            bench,
            window=spec.window,
            limit=limits.window,
            evidence=limits.evidence,
            form=card.prompt_form,
        )
        self._refuse_from = card.refusal_threshold
        self._attach: Callable[[], AbstractContextManager[None]] = lora.attach(
            bench.backbone.lm, folder
        )

    def _changed(self) -> AbstractContextManager[None]:
        return self._attach()


def best_passages(
    index: PassageIndex, order: NDArray[np.integer[Any]], *, budget: int
) -> tuple[list[str], Ranges]:
    """Texts that fit in `budget` tokens, in document order; and all ranges, best first."""
    chosen: list[int] = []
    used = 0
    for number in order:
        passage = index.passages[number]
        size = passage.end_token - passage.first_token
        if used + size > budget and chosen:
            break
        chosen.append(int(number))
        used += size
    ranges = tuple((index.passages[n].start, index.passages[n].end) for n in order[:10])
    return [index.text(number) for number in sorted(chosen)], ranges


def text_ids(backbone: Backbone, sample: TextSample) -> list[int]:
    """The tokens of a text's context, `context_tokens` of them.

    Raises:
        ValueError: there is nothing before the scored ones.
    """
    ids = _tokens(backbone, sample.document)
    ids = ids[max(0, sample.end_token - sample.context_tokens) : sample.end_token]
    if len(ids) <= sample.scored_tokens:
        raise ValueError(
            f"the text has {len(ids):,} tokens there, and {sample.scored_tokens:,} are scored"
        )
    return ids


def other_ids(backbone: Backbone, sample: TextSample, other: str) -> list[int]:
    """What stands in another text where the context of the scored tokens does: a control.

    As many tokens as that context has, where the other text is as long.
    """
    ids = _tokens(backbone, other)[: sample.end_token - sample.scored_tokens]
    return ids[-(sample.context_tokens - sample.scored_tokens) :]


def _tokens(backbone: Backbone, text: str) -> list[int]:
    tokenizer: Any = backbone.tokenizer
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


@contextmanager
def _doubled_theta(lm: Any) -> Iterator[None]:
    """NTK-aware scaling by 2: theta * 2^(d / (d - 2)), for models with one rotary embedding."""
    rotary = getattr(lm.get_decoder(), "rotary_emb", None)
    if rotary is None or not hasattr(rotary, "inv_freq"):
        raise NotApplicable("this backbone has no rotary embedding to extend")
    kept = rotary.inv_freq
    d = 2 * len(kept)
    exponents = 2 * kept.new_tensor(range(d // 2)) / d
    try:
        rotary.inv_freq = kept * (2.0 ** (d / (d - 2))) ** -exponents
        yield
    finally:
        rotary.inv_freq = kept
