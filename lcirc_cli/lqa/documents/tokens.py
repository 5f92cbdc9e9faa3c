"""A fast token counter with the backbone's own vocabulary: tiktoken over its byte-level merges.

Built from the tokenizer.json of the backbone alone: no vocabulary is downloaded and neither
torch nor transformers is imported. tiktoken takes a token's id for its merge priority; where a
backbone's ids are in another order, priorities are used inside and mapped to ids after.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import tiktoken

from lcirc_cli.backbones import loading
from lcirc_cli.errors import ModelError

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
    """Counts tokens, and gives the same ids as the backbone's own tokenizer."""

    def __init__(self, specification: Mapping[str, Any], *, name: str = "backbone") -> None:
        """Build the encoding from the content of a tokenizer.json.

        Raises:
            ModelError: not a byte-level BPE, or one with rules that aren't known here.
        """
        model = specification["model"]
        if model.get("type") != "BPE":
            raise _unsupported(name, "its tokenizer is no byte-level BPE")
        self._form = _normalisation(specification.get("normalizer"), name)
        ranks, self._ids = _ranks(model, name)
        special = {
            str(entry["content"]): len(ranks) + index
            for index, entry in enumerate(specification.get("added_tokens") or [])
        }
        for entry in specification.get("added_tokens") or []:
            self._ids.append(int(entry["id"]))
        self.encoding = tiktoken.Encoding(
            name=name,
            pat_str=_pattern(specification.get("pre_tokenizer"), name),
            mergeable_ranks=ranks,
            special_tokens=special,
        )

    @classmethod
    def for_backbone(cls, name: str, *, offline: bool = False) -> TokenCounter:
        """The counter of a backbone, by the name that `load_backbone` takes.

        Raises:
            ModelError: no such backbone, or its tokenizer is of another kind.
        """
        return cls(_specification(name, offline=offline), name=name)

    def encode(self, text: str) -> list[int]:
        """The token ids of a text, as the backbone's tokenizer gives them without extras."""
        ids = (self._ids[rank] for rank in self._encode(text))
        return [token for token in ids if token >= 0]

    def count(self, text: str) -> int:
        """The number of tokens of a text."""
        return len(self.encode(text))

    def _encode(self, text: str) -> list[int]:
        if self._form:
            text = unicodedata.normalize(self._form, text)  # type: ignore[arg-type]
        return self.encoding.encode(text, allowed_special="all")


def _specification(name: str, *, offline: bool) -> dict[str, Any]:
    path = loading.pull(name, offline=offline)
    file = path / "tokenizer.json"
    if path.is_dir() and file.is_file():
        loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return loaded
    from transformers import AutoTokenizer  # a .gguf file: only transformers reads its tokens

    source: dict[str, Any] = {"pretrained_model_name_or_path": path}
    if path.is_file():
        source = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**source, local_files_only=True)
        loaded = json.loads(tokenizer.backend_tokenizer.to_str())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"the tokenizer of {name} can't be read: {error}") from error
    return loaded


def _unsupported(name: str, what: str) -> ModelError:
    return ModelError(
        f"can't count the tokens of {name}: {what}; choose a backbone with byte-level BPE "
        "(GPT-2, Llama 3, Qwen, SmolLM, ...) with --model"
    )


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level BPE writes for each byte (Radford et al. 2019), to the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters |= {chr(256 + index): byte for index, byte in enumerate(others)}
    return letters


def _ranks(model: Mapping[str, Any], name: str) -> tuple[dict[bytes, int], list[int]]:
    """Merge priorities by bytes, and the id of each priority (-1: not in the vocabulary)."""
    letters = _byte_letters()
    vocabulary: Mapping[str, int] = model["vocab"]
    ranks: dict[bytes, int] = {}
    ids: list[int] = []

    def add(token: str) -> None:
        try:
            key = bytes(letters[letter] for letter in token)
        except KeyError:
            raise _unsupported(name, "its vocabulary is not byte-level") from None
        if key not in ranks:
            ranks[key] = len(ids)
            ids.append(vocabulary.get(token, -1))

    for letter in letters:
        add(letter)  # tiktoken needs all 256, also those that the vocabulary drops
    for merge in model["merges"]:
        add("".join(merge if isinstance(merge, list) else merge.split(" ")))
    return ranks, ids


def _normalisation(specification: Any, name: str) -> str:
    kind = None if specification is None else specification.get("type")
    if kind is None:
        return ""
    if kind in ("NFC", "NFD", "NFKC", "NFKD"):
        return str(kind)
    raise _unsupported(name, f"its tokenizer normalises with {kind}")


def _pattern(specification: Any, name: str) -> str:
    """One regular expression for the pieces that the pre-tokenizer makes."""
    steps: Sequence[Mapping[str, Any]] = (
        specification["pretokenizers"]
        if specification and specification["type"] == "Sequence"
        else [specification]
        if specification
        else []
    )
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"] and _plain_byte_level(steps[0], regex=True):
        return _GPT2
    if kinds == ["Digits", "ByteLevel"] and _plain_byte_level(steps[1], regex=True):
        return _GPT2_DIGITS if steps[0].get("individual_digits") else _GPT2_NUMBERS
    if kinds == ["Split", "ByteLevel"] and _plain_byte_level(steps[1], regex=False):
        rule = steps[0]["pattern"].get("Regex")
        if rule and steps[0]["behavior"] == "Isolated" and not steps[0].get("invert"):
            return str(rule)
    raise _unsupported(name, f"its tokenizer splits text with {' + '.join(kinds) or 'nothing'}")


def _plain_byte_level(step: Mapping[str, Any], *, regex: bool) -> bool:
    return bool(step.get("use_regex", True) == regex and not step.get("add_prefix_space"))
