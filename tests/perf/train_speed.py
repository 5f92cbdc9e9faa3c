"""Training steps a second: `lcirc train` against the published recipe written plainly.

    python tests/perf/train_speed.py [--rounds N]

Both train the same adapter (preset `smollm2`) of the default model on the same document of 2,048
tokens with the same 8 questions, the question alone in the window, bfloat16 autocast, and give the
same loss, which is checked. The plain recipe does what the published code does
(`PlainRecipe` below): one question at a time, the keys and values of segment and question
projected anew for each question and segment, attention by einsum with the whole matrix of scores,
logits at every position of the window, and a backward pass through the whole language model. What
its features cost is left out: both read the same ones from disk. The two take turns; the figure is
the median of the ratios of neighbouring steps. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from _measuring import emit, seconds
from _training import on_one_document
from torch import Tensor, nn
from torch.nn import functional as F

from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.corpus import Question

TOKENS, QUESTIONS = 2_048, 8
SETTINGS = {
    "questions": QUESTIONS,
    "documents": 1,
    "unanswerable": 0.0,
    "mixer_dropout": 0.0,
    "evidence_weight": 0.0,
}
AT_LEAST = 2.0
TOLERANCE = 0.02  # of the loss: bfloat16 sums in another order; in float32 they agree to 1e-5


class PlainRecipe:
    """One training step of QD-LCIRC as the published code computes it, for our adapter's weights.

    Legend: n tokens of a segment, K latents, M latents of all segments, T window tokens.
    """

    def __init__(self, model: Any, backbone: Any) -> None:
        self._lm, self._adapter, self._backbone = model.lm, model.adapter, backbone
        self._model = model

    def loss(self, segments: Sequence[Any], question: str, answer: str) -> Tensor:
        """The answer loss of one question; gradients reach the adapter and the LM's embeddings."""
        form = self._adapter.config.prompt_form
        prompt = build_prompt(self._backbone, question=question, form=form)
        target = answer_ids(self._backbone, answer)
        ids = torch.tensor([[*prompt, *target]])
        labels = torch.tensor([[-100] * len(prompt) + target])
        memory_MD = self._memory(segments, question)
        with self._injected(memory_MD):
            embeds = self._lm.get_input_embeddings()(ids).requires_grad_(True)
            logits = self._lm(inputs_embeds=embeds, use_cache=False).logits
        return F.cross_entropy(logits[0, :-1].float(), labels[0, 1:])

    def _memory(self, segments: Sequence[Any], question: str) -> Tensor:
        adapter = self._adapter
        ids = self._backbone.tokenizer(question, add_special_tokens=False)["input_ids"]
        asked = adapter.perceiver.standardise(self._model.features(torch.tensor([ids])))[0]
        latents_KD = adapter.latents
        states: list[Tensor] = []
        for index, segment in enumerate(segments):
            if index and adapter.carry_gate is not None:
                before = adapter.perceiver.standardise(states[-1])
                latents_KD = adapter.latents + adapter.carry_gate.tanh() * before
            latents_KD = gated(adapter.mixer.block, latents_KD, asked)
            states.append(self._perceiver(latents_KD, segment.inputs_BND[0]))
        return torch.cat(states)

    def _perceiver(self, latents_KD: Tensor, inputs_nD: Tensor) -> Tensor:
        perceiver = self._adapter.perceiver
        n, K = len(inputs_nD), len(latents_KD)
        x_nD = perceiver.standardise(inputs_nD) + perceiver.positions[:n]
        share_Kn = (torch.arange(n) * K // n)[None] == torch.arange(K)[:, None]
        for layer in perceiver.layers:
            bias, kept = None, latents_KD
            if layer.share_logit is not None:
                bias = layer.share_logit[:, None, None] * share_Kn
                kept = layer.residual_gate.tanh() * latents_KD
            latents_KD = kept + attention(layer.attention, latents_KD, x_nD, bias=bias)
            latents_KD = latents_KD + layer.feed_forward(latents_KD)
        return latents_KD * perceiver.input_deviation + perceiver.input_mean

    @contextmanager
    def _injected(self, memory_MD: Tensor) -> Iterator[None]:
        layers, blocks = self._lm.model.layers, self._adapter.injection
        handles = []
        for index, block in zip(self._adapter.config.injection_layers, blocks, strict=True):

            def inject(_layer: Any, args: Any, kwargs: Any, block: Any = block) -> Any:
                x_TD = gated(block, args[0][0].float(), memory_MD)
                return (x_TD[None].to(args[0].dtype), *args[1:]), kwargs

            handles.append(layers[index].register_forward_pre_hook(inject, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def attention(part: Any, x_TD: Tensor, context_ND: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """Cross-attention with everything projected anew and the whole matrix of scores."""
    context_ND = part.context_norm(context_ND)

    def split(projection: nn.Module, rows: Tensor, heads: int) -> Tensor:
        return projection(rows).view(len(rows), heads, part.head_dim)

    q = split(part.q, part.norm(x_TD), part.heads)
    groups = part.heads // part.kv_heads
    k = split(part.k, context_ND, part.kv_heads).repeat_interleave(groups, dim=1)
    v = split(part.v, context_ND, part.kv_heads).repeat_interleave(groups, dim=1)
    scores = torch.einsum("thd,nhd->htn", q, k) * part.head_dim**-0.5
    if bias is not None:
        scores = scores + bias
    read = torch.einsum("htn,nhd->thd", scores.softmax(dim=-1).to(v.dtype), v)
    return part.out(read.reshape(len(x_TD), -1))


def gated(block: Any, x_TD: Tensor, context_ND: Tensor) -> Tensor:
    """x + tanh(a) attention, then x + tanh(b) feed-forward where there is one."""
    x_TD = x_TD + block.attention_gate.tanh() * attention(block.attention, x_TD, context_ND)
    if block.feed_forward is not None:
        x_TD = x_TD + block.feed_forward_gate.tanh() * block.feed_forward(x_TD)
    return x_TD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = steps(Path(folder))
        pairs = []
        for index in range(options.rounds + 1):
            (ours_s, ours_loss), (plain_s, plain_loss) = timed(ours), timed(plain)
            if abs(ours_loss - plain_loss) > TOLERANCE * ours_loss:
                raise SystemExit(f"the losses differ: {ours_loss} and {plain_loss}")
            if index:  # the first round fills caches
                pairs.append((ours_s, plain_s))
    ratios = [plain_s / ours_s for ours_s, plain_s in pairs]
    speeds = [QUESTIONS / statistics.median(each) for each in zip(*pairs, strict=True)]
    emit(
        "training speed",
        samples_per_s=speeds[0],
        plain_samples_per_s=speeds[1],
        ratio=statistics.median(ratios),
        ratios=[round(ratio, 2) for ratio in ratios],
        at_least=AT_LEAST,
    )


def timed(step: Callable[[], float]) -> tuple[float, float]:
    """(seconds, loss) of one step."""
    started = seconds()
    loss = step()
    return seconds() - started, loss


def steps(folder: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    """Our step and the plain one: zero the gradients, losses, backward, AdamW; both give the loss.

    The learning rate is 0, so that all steps see the same weights.
    """
    names = ["Ann", "Ben", "Carl", "Dora", "Emma", "Fred", "Gina", "Hugh"]
    asked = [
        Question(0, f"Who of the {number + 2} people in the house is {name}?", ("The cook",), ())
        for number, name in enumerate(names)
    ]
    settings = make_settings("smollm2-cpu", SETTINGS)
    backbone, model, document, cache, stage, optimizer = on_one_document(
        settings, folder, tokens=TOKENS, asked=asked
    )
    recipe = PlainRecipe(model, backbone)
    for group in optimizer.param_groups:
        group["lr"] = 0.0

    def ours() -> float:
        optimizer.zero_grad()
        loss = stage.loss(0, 0)
        loss.total.backward()
        optimizer.step()
        return loss.answer

    def plain() -> float:
        optimizer.zero_grad()
        total, n = 0.0, model.adapter.config.segment_length
        for question in asked:
            segments = cache.segments(document, 0, TOKENS, n)
            with torch.autocast("cpu", torch.bfloat16):
                loss = recipe.loss(segments, question.text, question.answers[0]) / QUESTIONS
            loss.backward()
            total += loss.item()
        optimizer.step()
        return total

    return ours, plain


if __name__ == "__main__":
    main()
