"""What a model folder of strangers may hold, looked at before anything is made of it.

Settings are checked for kind and range, and what they ask for is compared with what the weight
files hold: a config of a billion layers, or of widths that no file has, is refused before room is
made for it. Knows nothing about what is done with a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.backbones.gguf_header import check_header
from lcirc_cli.backbones.tokenizer_files import check_tokenizer
from lcirc_cli.errors import ModelError, first_line, is_out_of_memory
from lcirc_cli.files import is_file, is_folder, open_file
from lcirc_cli.files.schema import Check, kind, number, optional, parse, table, text, whole

MOST_LAYERS = 1_000
MOST_CONFIG = 32 << 20  # bytes
_MOST_TOKENS = 2**24  # ids that a memory file can hold
# Weights take at least a fifth of a byte each, however they are quantised; tied ones count twice.
_WEIGHTS_A_BYTE = 8
_NOT_LEARNED = 1 << 28  # numbers of tables that a model computes for itself, at most
_HIDDEN_NAMES = ("hidden_size", "n_embd", "d_model")
_HEAD_NAMES = ("num_attention_heads", "n_head")


def _each(value: Any, name: str, *, check: Check) -> Any:
    """A value, or one for each layer; null is the default."""
    if isinstance(value, list):
        if len(value) > MOST_LAYERS:
            raise ValueError(f"{name} has {len(value):,} entries; the limit is {MOST_LAYERS:,}")
        return [_each(own, name, check=check) for own in value]
    return None if value is None else check(value, name)


def _sizes(*names: str, most: int, least: int = 1) -> dict[str, Check]:
    check = partial(whole, least=least, most=most)
    return dict.fromkeys(names, optional(partial(_each, check=check)))


def _numbers(*names: str, least: float, most: float = 1e12) -> dict[str, Check]:
    check = partial(number, least=least, most=most)
    return dict.fromkeys(names, optional(partial(_each, check=check)))


_TOKEN_IDS: Mapping[str, Check] = _sizes(
    *("eos_token_id", "bos_token_id", "pad_token_id"), least=-1, most=_MOST_TOKENS
)
_CONFIG: Mapping[str, Check] = {
    **_sizes("num_hidden_layers", "n_layer", "num_layers", most=MOST_LAYERS),
    **_sizes("max_window_layers", "first_k_dense_replace", least=0, most=MOST_LAYERS),
    **_sizes(*_HIDDEN_NAMES, "embedding_size", most=2**17),
    **_sizes("intermediate_size", "n_inner", "ffn_dim", "moe_intermediate_size", most=2**22),
    **_sizes(*_HEAD_NAMES, "num_key_value_heads", most=2**14),
    **_sizes("head_dim", most=2**14),
    **_sizes("vocab_size", most=_MOST_TOKENS),
    **_sizes("max_position_embeddings", "n_positions", "sliding_window", most=2**31, least=0),
    **_sizes("num_local_experts", "num_experts", "n_routed_experts", most=2**14, least=0),
    **_sizes("num_labels", most=100_000, least=0),
    **_numbers("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", least=0.0, most=1.0),
    **_numbers("initializer_range", "rope_theta", "attention_dropout", least=0.0),
    **_TOKEN_IDS,
    "model_type": optional(partial(text, most=100)),
}
_GENERATION: Mapping[str, Check] = {
    **_TOKEN_IDS,
    **_sizes("num_return_sequences", "num_beams", "num_beam_groups", most=64),
    **_sizes("min_length", "min_new_tokens", "no_repeat_ngram_size", least=0, most=2**31),
    **_sizes("max_length", "max_new_tokens", "top_k", least=0, most=2**31),
    **_numbers("temperature", "top_p", "min_p", "typical_p", least=0.0),
    **_numbers("repetition_penalty", "length_penalty", least=0.0),
}


def read_json(path: Path, *, finite: bool = True) -> dict[str, Any]:
    """An object in a file of settings.

    Args:
        finite: NaN and infinite numbers are refused.

    Raises:
        ValueError: it is no such file, or too large.
        OSError: it can't be read.
    """
    with open_file(path) as file:
        data = file.read(MOST_CONFIG + 1)
    if len(data) > MOST_CONFIG:
        raise ValueError(f"its {path.name} is larger than {MOST_CONFIG >> 20} MiB")
    found = parse(data, f"its {path.name}", finite=finite)
    if not isinstance(found, dict):
        raise ValueError(f"its {path.name} holds {kind(found)}, not an object")
    return found


def check(path: Path, name: str) -> None:
    """Refuses what can't be, or asks for far more than its files hold.

    Args:
        path: a model folder or a .gguf file.

    Raises:
        ModelError: what is wrong with the model `name`.
    """
    from transformers import AutoConfig

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        if is_folder(path):
            check_settings(path)
            check_tokenizer(path)
            files = weight_files(path)
            if not files:
                raise ValueError("there is no .safetensors file in it")
            tensors = len(tensor_shapes(files))
            config = AutoConfig.from_pretrained(path, **options)
        else:
            files, tensors = [path], check_header(path)
            config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name, **options)
        check_size(config, tensors=tensors, held=sum(file.stat().st_size for file in files))
    except Exception as error:  # a model of strangers can fail in any way when it is laid out
        if is_out_of_memory(error):
            raise
        raise ModelError(f"the model {name} can't be loaded: {first_line(error)}") from error


def check_settings(folder: Path) -> None:
    """Checks the settings in a model folder, before a library makes anything of them.

    Raises:
        ValueError: one of them can't be.
        OSError: a file can't be read.
    """
    # Some models' own code has an infinite limit in its config.
    config = read_json(folder / "config.json", finite=False)
    for part in _parts(config, "config"):
        table(part, "config", fields=_CONFIG)
        _check_heads(part)
    if is_file(folder / "generation_config.json"):
        table(read_json(folder / "generation_config.json"), "settings", fields=_GENERATION)


def _parts(value: Any, name: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The object and all objects in it that are settings of a part of the model."""
    yield value
    for field, own in value.items():
        if isinstance(own, dict) and field.endswith("config") and depth < 4:
            yield from _parts(own, field, depth + 1)


def _check_heads(config: dict[str, Any]) -> None:
    hidden, heads = (
        next((config[name] for name in names if type(config.get(name)) is int), None)
        for names in (_HIDDEN_NAMES, _HEAD_NAMES)
    )
    if hidden and heads and config.get("head_dim") is None and hidden % heads:
        raise ValueError(f"its hidden size of {hidden:,} does not divide into {heads:,} heads")
    groups = config.get("num_key_value_heads")
    if heads and type(groups) is int and heads % groups:
        raise ValueError(f"its {heads:,} heads do not divide into {groups:,} of keys and values")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, in order."""
    return sorted(path for path in folder.glob("*.safetensors") if is_file(path))


def tensor_shapes(files: list[Path]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in safetensors files; their data are not read.

    Raises:
        ValueError: one of them is no such file, or cut short.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in files:
        try:
            with safe_open(path, framework="numpy") as file:
                names = file.keys()
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in names}
        except (SafetensorError, OSError) as error:
            raise ValueError(f"its {path.name} is damaged ({error})") from error
    return found


def check_size(config: Any, *, tensors: int, held: int) -> None:
    """Refuses a model that would take far more room than its weight files do.

    Args:
        config: as transformers has read it.
        tensors: how many its files hold.
        held: their bytes.

    Raises:
        ValueError: it would, or it can't be laid out.
    """
    import torch
    from transformers import AutoModelForCausalLM

    layers = getattr(config.get_text_config(), "num_hidden_layers", None) or 0
    if layers > tensors:
        raise ValueError(f"its config has {layers:,} layers, its files {tensors:,} tensors")
    with torch.device("meta"):
        lm = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    wanted = sum(parameter.numel() for parameter in lm.parameters())
    if wanted > _WEIGHTS_A_BYTE * held:
        raise ValueError(f"its config asks for {wanted:,} weights, its files hold {held:,} bytes")
    if sum(buffer.numel() for buffer in lm.buffers()) > _NOT_LEARNED + _WEIGHTS_A_BYTE * held:
        raise ValueError("its config asks for tables that no machine has room for")


def check_pattern(value: Any, name: str) -> Any:
    """A regular expression of a config, or a list of names; none that can take for ever.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, list):
        return [text(each, name, most=1_000) for each in value]
    if re.search(r"\)[*+{]", text(value, name, most=1_000)):
        raise ValueError(f"{name} has a repeated group, which may take for ever to match")
    return value
