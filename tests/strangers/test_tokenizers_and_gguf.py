"""Tokenizers and .gguf files of strangers: refused before a library is given them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.backbones import tokenizer_files
from lcirc_cli.backbones.gguf_header import check_header
from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.backbones.tokenizer_files import check_tokenizer
from lcirc_cli.errors import ModelError

from .measured import measured

USUAL = [  # of GPT-2, Llama 3, BLOOM and DeepSeek
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
]


def split(regex: str) -> dict[str, Any]:
    made = {"type": "Split", "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": {**made, "pattern": {"Regex": regex}}}


def refused(check: Callable[[], Any], said: str) -> str:
    """The message; it is there at once and takes little space."""

    def run() -> str:
        with pytest.raises(ValueError, match=said) as caught:
            check()
        return str(caught.value)

    message, cost = measured(run)
    assert not cost.is_too_much, cost
    return message


@pytest.fixture
def tokenizer(backbone_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    known = json.loads((backbone_folder / "tokenizer.json").read_text("utf-8"))

    def write(**changes: Any) -> Path:
        (tmp_path / "tokenizer.json").write_text(json.dumps({**known, **changes}))
        return tmp_path

    return write


def test_usual_tokenizers_are_taken(tokenizer: Callable[..., Path]) -> None:
    steps = [split(regex)["pre_tokenizer"] for regex in USUAL]
    check_tokenizer(tokenizer(pre_tokenizer={"type": "Sequence", "pretokenizers": steps}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (split("(a+)+$"), "repeated group"),
        (split("(?:a|aa){9,}b"), "repeated group"),
        (split(r"a*a*a*a*a*\x01\d|\s"), "took over 1 s|retry-limit"),
        (split("(a"), "can't be loaded"),
        (split("a" * 30_000), "characters long"),
        ({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}, "whole number"),
        ({"model": {"type": "BPE", "vocab": {"a": 2**40}, "merges": []}}, "whole number"),
        ({"model": {"type": "BPE", "vocab": 3}}, "must be a list"),
        ({"model": []}, "must be an object"),
        ({"added_tokens": [{"id": "x", "content": "y"}]}, "whole number"),
        ({"added_tokens": [{"id": 1, "content": "y" * 20_000}]}, "characters long"),
    ],
)
def test_tokenizers_that_are_refused(
    changes: dict[str, Any],
    said: str,
    tokenizer: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokenizer_files, "_SECONDS", 1)
    folder = tokenizer(**changes)
    error = refused(lambda: check_tokenizer(folder), said)
    assert "\n" not in error and len(error) < 320


def test_a_tokenizer_s_size_is_limited(
    tokenizer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tokenizer()
    monkeypatch.setattr(tokenizer_files, "_MOST_TOKENS", 10)
    with pytest.raises(ValueError, match="vocab has [0-9,]+ entries"):
        check_tokenizer(folder)
    monkeypatch.setattr(tokenizer_files, "_MOST_BYTES", 1 << 10)
    with pytest.raises(ValueError, match="larger than 0 MiB"):
        check_tokenizer(folder)


# --- .gguf ----------------------------------------------------------------------------------


def name(text: bytes, *, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if size is None else size) + text


def tensor(*sizes: int, kind: int = 0, offset: int = 0) -> bytes:
    return (
        name(b"t")
        + struct.pack("<I", len(sizes))
        + b"".join(struct.pack("<Q", size & (2**64 - 1)) for size in sizes)
        + struct.pack("<IQ", kind, offset)
    )


def number(key: bytes, value: int) -> bytes:
    return name(key) + struct.pack("<II", 4, value)


def gguf_file(
    *parts: bytes, tensors: int | None = None, fields: int | None = None, held: bytes = b""
) -> bytes:
    """The parts are fields first, then tensors; counts may say otherwise."""
    known = sum(part.startswith(name(b"t")) for part in parts)
    tensors = known if tensors is None else tensors
    fields = len(parts) - known if fields is None else fields
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, fields) + b"".join(parts)
    return head + b"\0" * (-len(head) % 32) + held


GOOD = gguf_file(number(b"llama.block_count", 2), tensor(4, 2), held=b"\0" * 32)
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"GGUF", "cut short"),
    "another file": (b"PK\3\4" * 20, "no .gguf file"),
    "10^12 tensors": (gguf_file(tensors=10**12), "number of its tensors"),
    "10^12 fields": (gguf_file(fields=10**12), "number of its fields"),
    "50,000 tensors that are not there": (gguf_file(tensors=50_000), "cut short|length of a name"),
    "a name of 2^60": (gguf_file(name(b"x", size=2**60), fields=1), "length of a name"),
    "a text of 2^60": (
        gguf_file(name(b"x") + struct.pack("<IQ", 8, 2**60)),
        "speaks of 1,152,921,504,606,846,976 bytes",
    ),
    "a list of 10^12": (
        gguf_file(name(b"x") + struct.pack("<IIQ", 9, 0, 10**12)),
        "a list in its head has 1,000,000,000,000",
    ),
    "a list of texts that are not there": (
        gguf_file(name(b"x") + struct.pack("<IIQ", 9, 8, 10**7)),
        "cut short|speaks of",
    ),
    "a list of lists": (
        gguf_file(name(b"x") + struct.pack("<IIQ", 9, 9, 10)),
        "a value of the kind 9",
    ),
    "a kind of 99": (gguf_file(name(b"x") + struct.pack("<I", 99)), "a value of the kind 99"),
    "layers": (gguf_file(number(b"llama.block_count", 10**9)), "llama.block_count must be"),
    "width": (gguf_file(number(b"llama.embedding_length", 2**30)), "embedding_length must be"),
    "alignment": (
        gguf_file(number(b"general.alignment", 0), tensor(4), held=b"\0" * 32),
        "its alignment must be",
    ),
    "dimensions": (gguf_file(tensor(*[1] * 40), held=b"\0" * 32), "its dimensions must be"),
    "a size of 0": (gguf_file(tensor(0), held=b"\0" * 32), "a size of 't' must be"),
    "a size below 0": (gguf_file(tensor(-4), held=b"\0" * 32), "a size of 't' must be"),
    "sizes beyond the file": (gguf_file(tensor(2**20, 2**20)), "its tensors end at byte"),
    "a place beyond the file": (gguf_file(tensor(4, offset=2**50)), "its tensors end at byte"),
    "no such kind": (gguf_file(tensor(4, kind=77), held=b"\0" * 32), "is of the kind 77"),
}


@pytest.mark.parametrize("case", BAD)
def test_heads_that_are_refused(case: str, tmp_path: Path) -> None:
    data, said = BAD[case]
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    assert "\n" not in refused(lambda: check_header(path), said)


def test_a_good_head_is_taken_and_a_bad_one_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(GOOD)
    assert check_header(path) == 1
    path.write_bytes(gguf_file(tensors=10**12))
    with pytest.raises(ModelError, match="can't be loaded: the number of its tensors") as caught:
        load_backbone(str(path), device="cpu", dtype="float32", offline=True)
    assert caught.value.exit_code == 4
