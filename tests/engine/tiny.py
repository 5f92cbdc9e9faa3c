"""Makes tiny models with random weights, and documents, as files and in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lcirc_cli import Engine
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.memory.file import MemoryContents
from lcirc_cli.model import LcircAdapter, preset
from lcirc_cli.model.decoders import backbone_shape

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_WORDS = """the harbour master wrote that every boat must leave before noon while storms gather
over northern hills and old bridges carry grain silver letters clocks maps bread lanterns"""
WORDS = _WORDS.split()


def make_text(seed: int, words: int = 400) -> str:
    """Sentences of words drawn with a seed; another seed gives another text."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        WORDS[int(i)] for i in torch.randint(len(WORDS), (words,), generator=generator).tolist()
    ]
    sentences = [" ".join(drawn[at : at + 9]).capitalize() + "." for at in range(0, words, 9)]
    paragraphs = [" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5)]
    return "\n\n".join(paragraphs)


def make_document(text: str, name: str = "book.txt") -> Document:
    """A document of one page without a number."""
    return Document(
        name=name,
        text=text,
        pages=(Page(None, None, 0, len(text)),),
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        format="text",
    )


def save_tokenizer(folder: Path, *, chat: bool, vocabulary: int = 400) -> None:
    """A byte-level BPE trained on the words above."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([make_text(seed) for seed in range(5)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    if chat:
        fast.chat_template = CHAT
    fast.save_pretrained(folder)


def save_backbone(
    folder: Path, *, chat: bool = False, seed: int = 0, vocabulary: int = 400
) -> Path:
    """A Llama with random weights, four layers and 64 channels."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    save_tokenizer(folder, chat=chat, vocabulary=vocabulary)
    return folder


def save_adapter(
    folder: Path, engine: Engine, *, gates: float = 0.5, seed: int = 1, **changes: Any
) -> Path:
    """An adapter with random weights and open gates, for the engine's backbone."""
    torch.manual_seed(seed)
    backbone = engine.backbone
    shape = backbone_shape(backbone.lm, name=backbone.name, fingerprint=backbone.fingerprint)
    config = preset(changes.pop("preset", "smollm2"), shape)
    random = {"initializer_range": 0.12, "perceiver_start": "random", "shares": "length"}
    config.update({**random, **changes})
    adapter = LcircAdapter(config)
    with torch.no_grad():
        for name, parameter in adapter.named_parameters():
            if name.endswith("_gate"):
                parameter.fill_(gates)
            elif name.startswith("reader") and name.endswith("up.weight"):
                parameter.normal_(std=0.2)
            elif name.startswith("injection") and parameter.dim() == 2:
                # Loud, but not in the recurrence: there it would blow rounding errors up.
                parameter.mul_(4)
    adapter.save_pretrained(folder)
    return folder


SMALL: dict[str, Any] = {
    "segment_length": 32,
    "max_segment_length": 64,
    "feature_window": 64,
    "num_latents": 4,
    "injection_layers": [1, 3],
}

QUESTIONS = [
    "What did the harbour master write?",
    "Who carries silver?",
    "bread",
    "Where do the old bridges carry the grain and the silver letters before noon?",
    "Which maps?",
]
NEW = 12


def ingest(engine: Engine, *seeds: int) -> MemoryContents:
    return engine.ingest([make_document(make_text(seed), f"{seed}.txt") for seed in seeds])


def answer_text(engine: Engine, memories: Any, question: str = QUESTIONS[0], **options: Any) -> str:
    return engine.ask(memories, question, max_new_tokens=NEW, **options).answer
