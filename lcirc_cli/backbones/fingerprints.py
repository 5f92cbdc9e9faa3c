"""Fingerprints: is this the same backbone, and the same tokenizer, as the one used before?

A fingerprint depends on files alone, not on the dtype or device that they are loaded with.
It guards against mix-ups, not against forgery: weight files are sampled, not read whole.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from lcirc_cli.files import sha256_file
from lcirc_cli.files.schema import parse

_TOKENIZER_FILES = ("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "spiece")
_BLOCK = 16_384
_BLOCKS = 64
# Keys that say how a config was written, not what the model is.
_VOLATILE = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache")

# Words, spaces, digits, signs and scripts that tokenizers cut in different ways.
_PROBE = (
    "The quick brown foxes couldn't jump over 1,234,567 lazy dogs; they'd slept  3 hours.\n\n"
    "\tIndented\r\n   12  and 2024-05-17T08:09, 3.14159e-10, $5.00 (50 %) -> x_1 += f(y);\n"
    "Internationalisation, antidisestablishmentarianism, HTTPServer, iPhone, McDonald, USA'S\n"
    "na\u00efve caf\u00e9 \u201cquote\u201d \u2014 \u00bd \u00b5m \ufb01 e\u0301 \u0130stanbul "
    "\u03b1\u03b2\u03b3 \u043f\u0440\u0438\u0432\u0435\u0442 \u05e9\u05dc\u05d5\u05dd "
    "\u0645\u0631\u062d\u0628\u0627 \u4f60\u597d\uff0c\u4e16\u754c \u3053\u3093 \ud55c\uad6d "
    "\u0939\u093f \U0001f469\u200d\U0001f680 \u2192 \u00a0end "
)


def of_constant(text: str) -> str:
    """The fingerprint of a backbone whose files are known by their hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def of_model(path: Path) -> str:
    """The fingerprint of a safetensors folder or of a single weight file (.gguf).

    Returns:
        64 hexadecimal digits over the config and 64 blocks of each weight file; about a
        megabyte is read from each file, whatever its size.

    Raises:
        OSError, ValueError, AttributeError: the config is no object that can be read.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        text = (path / "config.json").read_text("utf-8")
        config = parse(text, "config.json", finite=False)
        for key in _VOLATILE:
            config.pop(key, None)
        digest.update(json.dumps(config, sort_keys=True).encode())
        files = sorted(path.glob("*.safetensors"))
    else:
        files = [path]
    for file in files:
        _sample(file, digest)
    return digest.hexdigest()


def of_tokenizer_files(path: Path) -> str:
    """A digest of what a tokenizer is made of, for those who can't wait until it is loaded.

    Two that are equal give equal tokenizers, though others may, too: the files of a model folder
    (of a .gguf file nothing: `of_model` reads it) and the versions of the libraries.
    """
    digest = hashlib.sha256()
    for file in sorted(path.glob("*")) if path.is_dir() else ():
        if file.name.startswith(_TOKENIZER_FILES) and file.is_file():
            digest.update(f"{file.name} {sha256_file(file)}\n".encode())
    for name in ("tokenizers", "transformers"):
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return digest.hexdigest()


def of_tokenizer(tokenizer: Any) -> str:
    """The fingerprint of a fast tokenizer: its vocabulary, and what it makes of a probe text.

    Not its serialised form, which changes with the library's version and with the padding and
    truncation of the last call.
    """
    core = tokenizer.backend_tokenizer
    if core.truncation is not None or core.padding is not None:
        core = type(core).from_str(core.to_str())
        core.no_truncation()
        core.no_padding()
    vocabulary = sorted(core.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    ids = core.encode(_PROBE, add_special_tokens=False).ids
    return hashlib.sha256(json.dumps([vocabulary, ids]).encode()).hexdigest()


def _sample(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        for index in range(_BLOCKS):
            # Evenly spaced, with the first and the last block always among them.
            file.seek(max(0, size - _BLOCK) * index // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK))
