"""The real default model: its shape, its tokenizer, its chat form. Skipped where it isn't cached.

The tokenizer is checked against a plain reading of its rules: the conversion from GGUF once
lost one of them.
"""

from __future__ import annotations

import itertools
import json
import random
import unicodedata
from typing import Any

import regex

ODD_TEXTS = (
    "",
    " ",
    "a  1 world  22\n3",
    "tabs\t\tand\r\n\r\nbreaks \x0b\x0c end ",
    "na\u00efve caf\u00e9 \u2014 \u201cquoted\u201d \u2026 \ufb01ne",
    "\u65e5\u672c\u8a9e \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "\U0001f469\u200d\U0001f469\u200d\U0001f466 \u00bd \u0664\u0665 \u2160",
    "\x00\x01\x1b\x7f\u0080\ufeff\ufffd",
    "don't we'll I'm '' ' s",
    "<|im_start|>user\nhello<|im_end|>",
)


def test_the_real_one_is_whole(smollm2: Any) -> None:
    config = smollm2.lm.config
    shape = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
    assert shape == (30, 576, 9)
    assert config.num_key_value_heads == 3
    assert smollm2.max_positions == 8192
    assert smollm2.lm.get_input_embeddings().weight is smollm2.lm.lm_head.weight
    assert sum(parameter.numel() for parameter in smollm2.lm.parameters()) == 134_515_008
    assert smollm2.fingerprint == (
        "0094fcb321bd2e02da2ec127926b1bf460d2a591ccc5b1c983fe1b1bcda8c4f2"
    )
    assert smollm2.tokenizer_fingerprint == (
        "ad88df6887f1893f6419953a41c4787f155ab5ac144f2ff0ccf4d0d76188aa0f"
    )


def test_the_real_one_answers(smollm2: Any) -> None:
    tokenizer = smollm2.tokenizer
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt"
    )
    out = smollm2.lm.generate(**prompt, max_new_tokens=24, do_sample=False)
    answer = out[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert int(answer[-1]) in smollm2.eos_ids


def test_turns_end_with_im_end_and_no_bos_is_added(smollm2: Any) -> None:
    tokenizer = smollm2.tokenizer
    assert [tokenizer.convert_ids_to_tokens(each) for each in smollm2.eos_ids] == ["<|im_end|>"]
    assert tokenizer("Hello world")["input_ids"] == [19556, 905]
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )


def odd_strings() -> list[str]:
    """The odd texts, and random ones from ranges that tokenizers trip over."""
    source = random.Random(3)
    ranges = ((0x20, 0x80), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x40000))
    # Unassigned code points are left out: libraries differ in which Unicode they know.
    known = [[c for c in map(chr, range(*r)) if unicodedata.category(c) != "Cn"] for r in ranges]
    texts = list(ODD_TEXTS)
    for _ in range(200):
        pieces = [source.choice(source.choice(known)) for _ in range(12)]
        pieces += source.choices([" ", "  ", "\n", "7", "10 ", "'s"], k=6)
        source.shuffle(pieces)
        texts.append("".join(pieces))
    return texts


def test_what_the_vocabulary_cannot_spell(smollm2: Any) -> None:
    """SmolLM2 was made without a few bytes: six control characters and unassigned planes."""
    unspelled = [c for c in range(0xA0) if not smollm2.tokenizer.encode(chr(c))]
    assert unspelled == [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D]
    assert not smollm2.tokenizer.encode(chr(0x40000)) or smollm2.tokenizer.decode(
        smollm2.tokenizer.encode(chr(0x40000))
    ) != chr(0x40000)


def test_any_text_comes_back_unchanged(smollm2: Any) -> None:
    for text in odd_strings():
        assert smollm2.tokenizer.decode(smollm2.tokenizer.encode(text)) == text


def test_offsets_cover_the_text(smollm2: Any) -> None:
    for text in odd_strings():
        spans = smollm2.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        covered = {position for start, end in spans for position in range(start, end)}
        assert covered == set(range(len(text)))
        starts = [start for start, _ in spans]
        assert starts == sorted(starts)


def test_ids_equal_a_plain_reading_of_the_rules(smollm2: Any) -> None:
    """Digits alone, then GPT-2's pattern, then merges: written out here without `tokenizers`."""
    state = json.loads(smollm2.tokenizer.backend_tokenizer.to_str())["model"]
    ranks = {tuple(pair): rank for rank, pair in enumerate(state["merges"])}
    pattern = regex.compile(
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    )
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters |= {byte: chr(256 + index) for index, byte in enumerate(others)}

    def merged(word: str) -> list[str]:
        pieces = list(word)
        while len(pieces) > 1:
            pairs = list(itertools.pairwise(pieces))
            best = min(range(len(pairs)), key=lambda i: (ranks.get(pairs[i], 1 << 30), i))
            if pairs[best] not in ranks:
                break
            pieces[best : best + 2] = ["".join(pairs[best])]
        return pieces

    def plain(text: str) -> list[int]:
        words = [
            word
            for part in regex.split(r"(\p{N})", text)
            for word in ([part] if regex.fullmatch(r"\p{N}", part) else pattern.findall(part))
        ]
        spelled = ["".join(letters[byte] for byte in word.encode()) for word in words]
        return [state["vocab"][piece] for word in spelled for piece in merged(word)]

    for text in odd_strings():
        if "<|" not in text:
            assert smollm2.tokenizer.encode(text) == plain(text), repr(text)
