"""Adapter and model folders of strangers: what is valid, changed in one thing each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lcirc_cli.adapters.confidence import SIGNALS

CODE = "from pathlib import Path\nPath({mark!r}).touch()\nclass Thing: pass\n"


def edited(name: str, **changes: Any) -> Callable[[Path], None]:
    """Change settings in a file of a folder."""

    def change(folder: Path) -> None:
        path = folder / name
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**known, **changes}))

    return change


def replaced(name: str, data: bytes) -> Callable[[Path], None]:
    """Put other bytes in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    """Change the tensors of a folder."""

    def done(folder: Path) -> None:
        path = folder / "model.safetensors"
        held = load_file(path)
        change(held)
        save_file(held, path, metadata={"format": "pt"})

    return done


def _poisoned(held: dict[str, torch.Tensor]) -> None:
    name = next(name for name, tensor in held.items() if tensor.dim() == 2)
    held[name][0, 0] = float("nan")


def _header(size: int) -> bytes:
    return size.to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'


def _code(*, tokenizer: bool = False) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "evil.py").write_text(CODE.format(mark=str(folder / "ran")))
        if tokenizer:
            maps = {"AutoTokenizer": ["evil.Thing", None]}
            edited("tokenizer_config.json", auto_map=maps, tokenizer_class="Thing")(folder)
        else:
            maps = {"AutoConfig": "evil.Thing", "AutoModelForCausalLM": "evil.Thing"}
            edited("config.json", auto_map=maps, model_type="evil")(folder)

    return change


def _template(text: str) -> Callable[[Path], None]:
    return replaced("chat_template.jinja", text.encode())


def _pattern(regex: str) -> Callable[[Path], None]:
    split = {"type": "Split", "behavior": "Isolated", "invert": False}
    return edited("tokenizer.json", pre_tokenizer=split | {"pattern": {"Regex": regex}})


CONFIDENCE = {name: [0.0, 0.0, 0.0] for name in (*SIGNALS, "constant")}
MODELS: dict[str, Callable[[Path], None]] = {
    "layers 10^9": edited("config.json", num_hidden_layers=10**9),
    "layers -1": edited("config.json", num_hidden_layers=-1),
    "layers true": edited("config.json", num_hidden_layers=True),
    "layers 900": edited("config.json", num_hidden_layers=900),
    "vocabulary 10^12": edited("config.json", vocab_size=10**12),
    "vocabulary 10^7": edited("config.json", vocab_size=10**7),
    "vocabulary a text": edited("config.json", vocab_size="400"),
    "hidden 65": edited("config.json", hidden_size=65),
    "hidden 10^5": edited("config.json", hidden_size=100_000),
    "hidden 0": edited("config.json", hidden_size=0),
    "heads 3": edited("config.json", num_attention_heads=3),
    "key heads 3": edited("config.json", num_key_value_heads=3),
    "intermediate 4M": edited("config.json", intermediate_size=2**22),
    "positions -5": edited("config.json", max_position_embeddings=-5),
    "labels 10^9": edited("config.json", num_labels=10**9),
    "eps NaN": edited("config.json", rms_norm_eps=float("nan")),
    "end x": edited("generation_config.json", eos_token_id="x"),
    "end 10^6": edited("generation_config.json", eos_token_id=10**6),
    "beams 10^9": edited("generation_config.json", num_return_sequences=10**9),
    "config list": replaced("config.json", b"[]"),
    "config deep": replaced("config.json", b"[" * 100_000),
    "config digits": replaced("config.json", b'{"hidden_size": ' + b"9" * 5_000 + b"}"),
    "weights no file": replaced("model.safetensors", b"x" * 200),
    "weights 10^18": replaced("model.safetensors", _header(10**18)),
    "code": _code(),
    "code of tokenizer": _code(tokenizer=True),
    "template loops": _template(
        "{% for a in range(99999) %}{% for b in range(99999) %}"
        "{% set c = 1 %}{% endfor %}{% endfor %}"
    ),
    "template raises": _template("{{ raise_exception('no') }}"),
    "tokenizer digits": replaced("tokenizer.json", b'{"model": ' + b"9" * 5_000 + b"}"),
    "tokenizer deep": replaced("tokenizer.json", b'{"a":' * 100_000),
    "tokenizer that takes for ever": _pattern(r"(a+)+$"),
    "tokenizer list": replaced("tokenizer.json", b"[]"),
    "tokenizer of tokens": edited("tokenizer_config.json", eos_token=[1], pad_token={"a": 1}),
}
ADAPTERS: dict[str, Callable[[Path], None]] = {
    "layers 10^9": edited("config.json", num_lm_layers=10**9, injection_layers=None),
    "perceiver 1,000": edited("config.json", perceiver_layers=1_000),
    "latents 10^12": edited("config.json", num_latents=10**12),
    "latents 100,000": edited("config.json", num_latents=100_000),
    "hidden -64": edited("config.json", hidden_size=-64),
    "eps NaN": edited("config.json", norm_eps=float("nan")),
    "kv heads 3": edited("config.json", injection_kv_heads=3),
    "confidence text": edited("config.json", confidence="high"),
    "confidence list": edited("config.json", confidence=[1.0]),
    "confidence of nothing": edited("config.json", confidence={"luck": [0.0, 0.0, 0.0]}),
    "confidence short": edited("config.json", confidence={**CONFIDENCE, "mean": [0.0, 0.0]}),
    "confidence NaN": edited("config.json", confidence={**CONFIDENCE, "mean": [float("nan")] * 3}),
    "confidence 10^9": edited("config.json", confidence={**CONFIDENCE, "mean": [1e9, 0.0, 0.0]}),
    "confidence true": edited("config.json", confidence={**CONFIDENCE, "mean": [True, 0.0, 0.0]}),
    "labels 10^9": edited("config.json", num_labels=10**9),
    "config list": replaced("config.json", b"[]"),
    "config deep": replaced("config.json", b"[" * 100_000),
    "config digits": replaced("config.json", b'{"hidden_size": ' + b"9" * 5_000 + b"}"),
    "targets": edited("config.json", reader_rank=4, reader_targets={"a": [10**9, 10**9]}),
    "NaN": weights(_poisoned),
    "less": weights(lambda held: held.pop(next(iter(held)))),
    "10^18": replaced("model.safetensors", _header(10**18)),
}


def folders(model: Path, adapter: Path, root: Path) -> Iterator[tuple[str, Path, Path]]:
    """(what was changed, model, adapter), one of the two a changed copy."""
    for number, (name, change) in enumerate(MODELS.items()):
        copied = shutil.copytree(model, root / f"model {number}")
        change(copied)
        yield f"model: {name}", copied, adapter
    for number, (name, change) in enumerate(ADAPTERS.items()):
        copied = shutil.copytree(adapter, root / f"adapter {number}")
        change(copied)
        yield f"adapter: {name}", model, copied
