"""A tiny decoder that has learned to look up a fact in its own window, as a model folder.

Without that no adapter could teach a tiny model to read. It learns first to go on with a row of
random words that it sees for the second time, which takes some hundred steps; facts alone leave it
for thousands at saying any value that it has seen. Then it is trained on documents of a few
segments of the made-up language (tiny_world.py), the same facts among other fillers once more, and
questions about them in the prompt that `lcirc train` uses. The loss is on what can be known: the
values when they are repeated, and the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tiny_world import (
    FILLER_WORDS,
    FILLERS,
    VALUE_WORDS,
    WORDS,
    Document,
    make_document,
    make_tokenizer,
)
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lcirc_cli import prompts

_LONGEST_ROW = 24  # words


@dataclass(frozen=True)
class BackboneSettings:
    """Shape and training of the tiny model.

    Attributes:
        steps: of all; the first `repeats` of them show rows of words twice.
        segments: the most that a window holds.
    """

    width: int
    layers: int
    heads: int
    steps: int
    repeats: int
    batch: int
    segments: int
    questions: int
    learning_rate: float
    seed: int


def make_backbone(folder: Path, settings: BackboneSettings, *, segment_tokens: int) -> float:
    """Train the model and write it to `folder`; the share of answers it gets right at the end."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    tokenizer = make_tokenizer()
    lm = LlamaForCausalLM(_config(settings, tokenizer))
    optimizer = torch.optim.AdamW(
        lm.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=settings.steps, pct_start=0.1
    )
    values = torch.tensor(tokenizer.convert_tokens_to_ids(VALUE_WORDS))
    right: list[float] = []
    for step in range(settings.steps):
        if step < settings.repeats:
            ids, labels = _repeated(rng, tokenizer, settings)
        else:
            ids, labels = _batch(rng, tokenizer, settings, segment_tokens=segment_tokens)
        wanted = labels[:, 1:] != -100
        logits = lm(input_ids=ids, use_cache=False).logits[:, :-1][wanted]
        loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:][wanted])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step < settings.repeats:
            continue
        said, meant = logits.argmax(dim=-1), labels[:, 1:][wanted]
        right.append(float((said == meant)[torch.isin(meant, values)].float().mean()))
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return float(np.mean(right[-20:]))


def _config(settings: BackboneSettings, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        intermediate_size=2 * settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        attention_bias=True,  # what a head needs that looks at the word before
        tie_word_embeddings=False,  # tied, it takes ten times the steps to learn to repeat
    )


def _repeated(
    rng: np.random.Generator, tokenizer: PreTrainedTokenizerFast, settings: BackboneSettings
) -> tuple[Tensor, Tensor]:
    """Different words in a row, twice; what the second time begins with can't be known."""
    ids_of = np.array(tokenizer.convert_tokens_to_ids(WORDS))
    length = int(rng.integers(4, _LONGEST_ROW + 1))
    once = torch.tensor(
        np.stack([ids_of[rng.permutation(len(WORDS))[:length]] for _ in range(settings.batch)])
    )
    ids = torch.cat([once, once], dim=1)
    labels = ids.clone()
    labels[:, : length + 1] = -100
    return ids, labels


def _batch(
    rng: np.random.Generator,
    tokenizer: PreTrainedTokenizerFast,
    settings: BackboneSettings,
    *,
    segment_tokens: int,
) -> tuple[Tensor, Tensor]:
    """Token ids and labels [B, T]: a document of some segments, then questions about it."""
    segments = int(rng.integers(1, settings.segments + 1))
    rows, labels = [], []
    for _ in range(settings.batch):
        document = make_document(rng, segments=segments, segment_tokens=segment_tokens)
        again, known = _again(rng, document, segment_tokens)
        words, targets = document.words + again, [False] * len(document.words) + known
        for index in rng.integers(segments, size=settings.questions):
            fact = document.facts[int(index)]
            asked = prompts.fill(prompts.load("ask_question.txt"), question=fact.question)
            prompt = _split(tokenizer, asked + prompts.load("ask_answer.txt"))
            words += [*prompt, fact.key, fact.value, tokenizer.eos_token]
            targets += [*[False] * len(prompt), True, True, True]
        ids = tokenizer.convert_tokens_to_ids(words)
        rows.append(ids)
        labels.append([i if on else -100 for i, on in zip(ids, targets, strict=True)])
    return torch.tensor(rows), torch.tensor(labels)


def _again(
    rng: np.random.Generator, document: Document, segment_tokens: int
) -> tuple[list[str], list[bool]]:
    """The facts of a document in another order among other fillers, and which words are values."""
    words: list[str] = []
    known: list[bool] = []
    for index in rng.permutation(len(document.facts)):
        fact = document.facts[int(index)]
        fillers = rng.integers(FILLERS, size=int(rng.integers(segment_tokens)))
        words += [*(FILLER_WORDS[int(i)] for i in fillers), fact.key, fact.value]
        known += [*[False] * len(fillers), False, True]
    fill = len(document.words) - len(words)
    if fill > 0:  # the rows of a batch are of one length
        words += [FILLER_WORDS[int(i)] for i in rng.integers(FILLERS, size=fill)]
        known += [False] * fill
    return words[: len(document.words)], known[: len(document.words)]


def _split(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    words: list[str] = tokenizer.tokenize(text)
    return words
