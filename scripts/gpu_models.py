"""What scripts/gpu_check.py compares: a random backbone, an open adapter, texts and questions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lcirc_cli import Engine
from lcirc_cli.model import LcircAdapter, preset
from lcirc_cli.model.decoders import backbone_shape

WORDS = """the harbour master wrote that every boat must leave before noon while storms gather over
northern hills and old bridges carry grain silver letters clocks maps bread lanterns""".split()
QUESTIONS = [f"Who carries the {word}?" for word in WORDS[-8:]] + [
    f"What must every {word} do before noon?" for word in WORDS[:12]
]


@dataclass(frozen=True)
class Size:
    """How large the models and the texts are.

    Attributes:
        compared_words: of the text that the CPU reads too.
        long_words: of the one that only the device reads.
        adapter: settings that differ from the preset `smollm2`.
    """

    width: int
    layers: int
    heads: int
    groups: int
    feed_forward: int
    compared_words: int
    long_words: int
    new_tokens: int
    adapter: dict[str, Any] = field(default_factory=dict)


SIZES = {
    # About 100 million parameters; the long text has over 128K tokens.
    "large": Size(
        width=768,
        layers=16,
        heads=12,
        groups=4,
        feed_forward=2048,
        compared_words=8_000,
        long_words=130_000,
        new_tokens=128,
    ),
    # For a CPU: that the script itself works.
    "small": Size(
        width=64,
        layers=4,
        heads=4,
        groups=2,
        feed_forward=96,
        compared_words=600,
        long_words=1_200,
        new_tokens=8,
        adapter={
            "segment_length": 32,
            "max_segment_length": 64,
            "feature_window": 64,
            "num_latents": 4,
            "injection_layers": [1, 3],
        },
    ),
}


def make_text(words: int, *, seed: int) -> str:
    """Sentences of words drawn with a seed."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [WORDS[i] for i in torch.randint(len(WORDS), (words,), generator=generator).tolist()]
    sentences = [" ".join(drawn[at : at + 9]).capitalize() + "." for at in range(0, words, 9)]
    return "\n\n".join(" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5))


def save_backbone(folder: Path, size: Size) -> Path:
    """A Llama with random weights, and a byte-level tokenizer trained on the words."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        intermediate_size=size.feed_forward,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.groups,
        max_position_embeddings=4096,
        initializer_range=size.width**-0.5,  # what it says depends on what it reads, not wildly
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([make_text(2_000, seed=0)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>"
    )


def save_adapter(folder: Path, backbone: Path, size: Size) -> Path:
    """An adapter with random weights and open gates."""
    engine = Engine.load(str(backbone), device="cpu", dtype="float32", offline=True)
    lm = engine.backbone
    config = preset("smollm2", backbone_shape(lm.lm, name=lm.name, fingerprint=lm.fingerprint))
    config.update({**size.adapter, "trained": True})
    torch.manual_seed(1)
    adapter = LcircAdapter(config)
    with torch.no_grad():
        for name, parameter in adapter.named_parameters():
            if name.endswith("_gate"):
                parameter.fill_(0.5)
    adapter.save_pretrained(folder)
    return folder


def save_questions(folder: Path, size: Size) -> Path:
    """Documents with questions, in the form that `lcirc train --data` reads."""
    folder.mkdir()
    with (
        (folder / "documents.jsonl").open("w", encoding="utf-8") as documents,
        (folder / "qa.jsonl").open("w", encoding="utf-8") as questions,
    ):
        for number in range(4):
            text = make_text(size.compared_words // 4, seed=10 + number)
            documents.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")
            for word in WORDS[:4]:
                asked = {
                    "document_id": f"d{number}",
                    "question": f"What is the {word}?",
                    "answers": [text.split()[number]],
                    "evidence": [[0, 60]],
                }
                questions.write(json.dumps(asked) + "\n")
    return folder
