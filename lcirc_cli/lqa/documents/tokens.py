"""Counts a backbone's tokens: by tiktoken where it can, else by the backbone's own tokenizer.

tiktoken counts six times as fast, and needs the backbone's tokenizer.json alone: no vocabulary is
downloaded and neither torch nor transformers is imported. Both ways cut a text as
`backbones.tokens.encode` does: what looks like a special token is text.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tiktoken

from lcirc_cli.backbones import loading, smollm2
from lcirc_cli.backbones.tokenizer_files import check_tokenizer
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.console import silent_transformers
from lcirc_cli.errors import ModelError, first_line

# GPT-2's rule for pieces, which the ByteLevel pre-tokenizer of `tokenizers` applies.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# The same after every digit was set apart: a digit takes no space before it, and the space
# before a digit is a piece's end.
_GPT2_DIGITS = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?=\p{N})|\s+(?!\S)|\s+"
)
# The same where runs of digits were set apart whole.
_GPT2_NUMBERS = _GPT2_DIGITS.replace(r"|\p{N}|", r"|\p{N}+|")


class TokenCounter:
    """The tokens of texts, by the vocabulary of a backbone.

    Raises:
        ModelError: no such backbone, or its tokenizer can't be loaded.
    """

    def __init__(self, name: str, *, offline: bool = False) -> None:
        path = loading.pull(name, offline=offline)
        if name != smollm2.NAME and path.is_dir():
            try:
                check_tokenizer(path)
            except (OSError, ValueError) as error:
                raise ModelError(f"the model {name} can't be used: {first_line(error)}") from error
        self.count = _fast(path / "tokenizer.json") or _slow(path, name)


def _slow(path: Path, name: str) -> Callable[[str], int]:
    with silent_transformers():
        tokenizer = loading.load_tokenizer(path, name)
    return lambda text: len(encode(tokenizer, text)[0])


def _fast(file: Path) -> Callable[[str], int] | None:
    try:
        return byte_level(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def byte_level(specification: Mapping[str, Any]) -> Callable[[str], int]:
    """Counts by tiktoken, from the content of a tokenizer.json.

    Raises:
        ValueError, KeyError: not a byte-level BPE, or one with rules that aren't known here.
    """
    if specification["model"]["type"] != "BPE":
        raise ValueError("not byte-level BPE")
    form: Any = (specification.get("normalizer") or {"type": None})["type"]
    if form not in (None, "NFC", "NFD", "NFKC", "NFKD"):
        raise ValueError(f"normalises with {form}")
    ranks, missing = _ranks(specification["model"])
    added = [entry for entry in specification.get("added_tokens") or [] if not entry["special"]]
    encoding = tiktoken.Encoding(
        name="backbone",
        pat_str=_pattern(specification["pre_tokenizer"]),
        mergeable_ranks=ranks,
        special_tokens={entry["content"]: len(ranks) + n for n, entry in enumerate(added)},
    )

    def count(text: str) -> int:
        text = unicodedata.normalize(form, text) if form else text
        found = encoding.encode(text, allowed_special="all")
        return sum(rank not in missing for rank in found) if missing else len(found)

    return count


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level BPE writes for each byte (Radford et al. 2019), to the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters |= {chr(256 + index): byte for index, byte in enumerate(others)}
    return letters


def _ranks(model: Mapping[str, Any]) -> tuple[dict[bytes, int], set[int]]:
    """Merge priorities by bytes, and those of bytes that the vocabulary drops.

    tiktoken takes a token's id for its merge priority, and needs all 256 bytes.
    """
    letters = _byte_letters()
    merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    ranks: dict[bytes, int] = {}
    for token in [*letters, *map("".join, merges)]:
        ranks.setdefault(bytes(letters[letter] for letter in token), len(ranks))
    dropped = [byte for letter, byte in letters.items() if letter not in model["vocab"]]
    return ranks, {ranks[bytes([byte])] for byte in dropped}


def _pattern(rule: Mapping[str, Any]) -> str:
    """One regular expression for the pieces that the pre-tokenizer makes."""
    steps = rule["pretokenizers"] if rule["type"] == "Sequence" else [rule]
    kinds, last, first = [step["type"] for step in steps], steps[-1], steps[0]
    if last["type"] == "ByteLevel" and not last.get("add_prefix_space"):
        if kinds == ["Split", "ByteLevel"] and not last["use_regex"]:
            if first["behavior"] == "Isolated" and not first.get("invert"):
                return str(first["pattern"]["Regex"])
        elif last.get("use_regex", True):
            if kinds == ["ByteLevel"]:
                return _GPT2
            if kinds == ["Digits", "ByteLevel"]:
                return _GPT2_DIGITS if first.get("individual_digits") else _GPT2_NUMBERS
    raise ValueError(f"splits text with {' + '.join(kinds)}")
