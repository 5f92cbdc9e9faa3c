"""Answers from prompts: the language model's own generate, with the memory injected.

`ask`, the benchmarks and training's validation all decode here. Greedy by default; stops at the
end of a turn, or at the end of the line for models without turns. An answer that the limit of
tokens cuts ends with its last whole word. Knows nothing about documents.

Legend: B prompts, A answer tokens, P prefix vectors, D hidden size, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    StoppingCriteriaList,
    TextStreamer,
)

from lcirc_cli.answering.answer import Finish
from lcirc_cli.answering.cuts import whole_words
from lcirc_cli.answering.echoes import Echoes
from lcirc_cli.answering.ends import Ends, has_line
from lcirc_cli.answering.prefill import Prefill, Prefixed, answer_ids
from lcirc_cli.answering.refusals import Refusals
from lcirc_cli.answering.token_odds import TokenOdds
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.console import silent_transformers
from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.prompts import REFUSAL

_Row = tuple[list[int], list[float], float]  # tokens, log p of each, entropy of the first


@dataclass(frozen=True)
class Decoding:
    """How answers are generated.

    Attributes:
        temperature: 0 is greedy.
        seed: of the sampling.
        one_line: the answer ends with its line.
        verbatim: the text as it was generated, with the space around it and a word cut in two.
        refuse_from: for each prompt the probability from which a refusal is the answer (below, it
            is none); None leaves that to decoding.
        asked: for each prompt the question that its answer must not merely repeat (`echoes`).
    """

    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0
    one_line: bool = False
    verbatim: bool = False
    refuse_from: Sequence[float] | None = None
    asked: Sequence[str] | None = None


@dataclass(frozen=True)
class Generated:
    """One answer.

    Attributes:
        num_tokens: generated, without the one that ends the answer.
        first_token_at: time.perf_counter() when the first token was there.
        ended_at: the same, when this answer had ended, whatever went on beside it.
        loss: mean nats a token of the gold answer, where there is one.
        refusal: the probability that the refusal follows the prompt, where it was asked for.
        finish: `length` where the limit of tokens cut the answer.
        log_p: natural log-probability of each generated token, with the one that ends the answer
            or its line where it was said; () for a refusal by probability.
        entropy: of the first token's distribution, in nats; None where none was generated.
    """

    text: str
    num_tokens: int
    first_token_at: float
    ended_at: float = 0.0
    loss: float | None = None
    refusal: float | None = None
    finish: Finish = "stop"
    log_p: tuple[float, ...] = ()
    entropy: float | None = None


@torch.no_grad()
def generate(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    *,
    decoding: Decoding,
    model: LcircForCausalLM | None = None,
    memory: Memory | None = None,
    prefix_PD: Tensor | None = None,
    golds: Sequence[str | None] = (),
    refusal: bool = False,
    foreign: bool = False,
    on_text: Callable[[str], object] | None = None,
) -> list[Generated]:
    """Generate an answer for each prompt, all at once; whether to refuse is asked before.

    Args:
        model: reads through its adapter; None is the bare language model.
        memory: one row for all prompts, or a row each; None injects nothing.
        prefix_PD: embeddings that stand before each prompt. Nothing but text comes back then:
            no gold answer is scored, and nothing refuses by probability.
        golds: an answer to score for each prompt (None: there is none); () scores nothing.
        refusal: ask how likely a refusal is, even where nothing follows from it.
        foreign: the prompts are a benchmark's, not our own.
        on_text: called with pieces of the answer as they appear; for a single prompt.
    """
    unknown: list[float | None] = [None] * len(prompts)
    losses = unknown
    refusals: Refusals | None = None
    with silent_transformers(), _sampling(backbone, decoding), _reading(model, memory):
        read: Prefill | Prefixed
        if prefix_PD is not None:
            read = Prefixed(backbone, prompts, prefix_PD)
        else:
            alike = memory is None or memory.states_BMD.shape[0] == 1
            read = Prefill(backbone, prompts, alike=alike)
            if any(gold is not None for gold in golds):
                losses = read.losses(golds)
            if refusal or decoding.refuse_from is not None:
                refusals = read.refusals(foreign=foreign)
        refused = [False] * len(prompts)
        if refusals is not None and decoding.refuse_from is not None:
            refused = refusals.reach(decoding.refuse_from)
        ends = Ends(backbone, read.length, one_line=decoding.one_line)
        pieces = None if on_text is None else _Pieces(backbone, on_text, decoding)
        rows: list[_Row] = [([], [], 0.0)] * len(prompts)
        if not all(refused):
            rows = _continued(backbone, read, decoding, ends, refusals, pieces)
        else:
            ends.first_at = time.perf_counter()
    said = [
        Generated(REFUSAL, len(answer_ids(backbone, None)) - 1, ends.first_at, ends.first_at)
        if no
        else _generated(backbone, row, decoding, times=(ends.first_at, ends.at(number)))
        for number, (row, no) in enumerate(zip(rows, refused, strict=True))
    ]
    if pieces is not None:
        pieces.end_with(said[0])
    odds: Sequence[float | None] = unknown if refusals is None else refusals.probabilities
    return [
        replace(one, loss=loss, refusal=p) for one, loss, p in zip(said, losses, odds, strict=True)
    ]


@torch.no_grad()
def answer_loss(
    backbone: Backbone,
    prompt: Sequence[int],
    answer: Sequence[int],
    *,
    model: LcircForCausalLM | None = None,
    memory: Memory | None = None,
    prefix_PD: Tensor | None = None,
) -> float:
    """Mean nats a token of what follows a prompt; the arguments are those of `generate`."""
    lm: Any = backbone.lm
    rows = [[*prompt, *answer]]
    inputs = {"input_ids": torch.tensor(rows, device=lm.device)}
    if prefix_PD is not None:
        inputs = Prefixed(backbone, rows, prefix_PD).inputs()
    with _reading(model, memory):
        out = lm(**inputs, logits_to_keep=len(answer) + 1, use_cache=False)
    scores_AV = out.logits[0, :-1].float().log_softmax(dim=-1)
    wanted_A1 = torch.tensor(answer, device=scores_AV.device)[:, None]
    return float(-scores_AV.gather(1, wanted_A1).mean())


def _reading(model: LcircForCausalLM | None, memory: Memory | None) -> AbstractContextManager[None]:
    return nullcontext() if model is None else model.reading(memory)


@contextmanager
def _sampling(backbone: Backbone, decoding: Decoding) -> Iterator[None]:
    """Draws by the seed, and leaves the caller's generators as they were."""
    device = backbone.lm.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(decoding.seed)
        yield


def _continued(
    backbone: Backbone,
    read: Prefill | Prefixed,
    decoding: Decoding,
    ends: Ends,
    refusals: Refusals | None,
    pieces: _Pieces | None,
) -> list[_Row]:
    """What the model says after each prompt."""
    processors, odds = LogitsProcessorList(), TokenOdds()
    options: dict[str, Any] = {"do_sample": decoding.temperature > 0}
    if decoding.temperature > 0:
        options |= {"temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    processors.append(odds)
    if refusals is not None and decoding.refuse_from is not None:
        processors.append(refusals)
    if decoding.asked is not None:
        processors.append(
            Echoes(backbone, decoding.asked, begins_at=read.length, one_line=decoding.one_line)
        )
    if pieces is not None:
        options["streamer"] = pieces
    lm: Any = backbone.lm
    rows = lm.generate(
        **read.inputs(),
        **options,
        logits_processor=processors,
        num_beams=1,
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=list(backbone.eos_ids),
        pad_token_id=backbone.tokenizer.pad_token_id,
        stopping_criteria=StoppingCriteriaList([ends]),
    )
    said = [row[read.length :].tolist() for row in rows]
    return [*zip(said, odds.of(rows), odds.entropy, strict=True)]


def _generated(
    backbone: Backbone,
    row: _Row,
    decoding: Decoding,
    *,
    times: tuple[float, float],
) -> Generated:
    """The answer of one row."""
    tokens, log_p, entropy = row
    end = next((at for at, token in enumerate(tokens) if token in backbone.eos_ids), len(tokens))
    text = str(backbone.tokenizer.decode(tokens[:end], skip_special_tokens=True))
    finish: Finish = "length" if end >= decoding.max_new_tokens else "stop"
    said = tuple(log_p[: end + 1])
    if decoding.one_line and "\n" in text.lstrip():
        # What a batch says after it, while others go on, is no part of the answer.
        end = next(n for n in range(1, end + 1) if has_line(backbone, tokens[:n]))
        finish, said = "stop", said[:end]
    if not decoding.verbatim:
        text = whole_words(text) if finish == "length" else text
        text = _clean(text, one_line=decoding.one_line)
    return Generated(text, end, *times, finish=finish, log_p=said, entropy=entropy)


def _clean(text: str, *, one_line: bool) -> str:
    text = text.strip()
    return text.split("\n", 1)[0].rstrip() if one_line else text


class _Pieces(TextStreamer):
    """Hands over the answer word by word; together the pieces are the answer."""

    def __init__(
        self, backbone: Backbone, on_text: Callable[[str], object], decoding: Decoding
    ) -> None:
        super().__init__(backbone.tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_text, self.one_line = on_text, decoding.one_line
        self.raw = self.given = ""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.raw += text
        if not stream_end:  # what was held back may be half a word
            self._give(self.raw)

    def end_with(self, said: Generated) -> None:
        """Hand over the rest of the answer."""
        if not self.raw:
            self.raw = said.text
        self._give(whole_words(self.raw) if said.finish == "length" else self.raw)

    def _give(self, raw: str) -> None:
        whole = _clean(raw, one_line=self.one_line)
        if piece := whole[len(self.given) :]:
            self.given = whole
            self.on_text(piece)
