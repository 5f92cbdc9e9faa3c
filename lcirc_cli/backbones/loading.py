"""Backbones: a name to a frozen language model and its tokenizer.

A name is `smollm2` (the embedded default), a Hub id (owner/model, or owner/model@revision),
a local folder, or a `.gguf` file. Knows nothing about compression, documents or prompts.
torch and transformers are imported inside the functions, so that commands which only name a
backbone stay fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli import console
from lcirc_cli.backbones import fingerprints, folders, hub, smollm2, wheel
from lcirc_cli.backbones.devices import attention_implementation, choose_device, choose_dtype
from lcirc_cli.errors import ModelError, first_line, is_out_of_memory
from lcirc_cli.files import is_file, is_folder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Backbone:
    """A frozen decoder-only language model, ready for use.

    Attributes:
        name: as the person gave it.
        lm: in eval mode, no parameter requires a gradient.
        tokenizer: a fast tokenizer (offsets work), with a pad token.
        fingerprint: of the model's files; the same for every dtype and device.
        tokenizer_fingerprint: of the vocabulary and the rules.
        max_positions: the longest input that the model was made for, in tokens.
        eos_ids: the tokens that end an answer.
    """

    name: str
    lm: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    fingerprint: str
    tokenizer_fingerprint: str
    max_positions: int
    eos_ids: tuple[int, ...]


def pull(name: str, *, offline: bool = False, contents: bool = False) -> Path:
    """Make sure that a backbone is on this machine; return its folder or `.gguf` file.

    Args:
        offline: never reach out.
        contents: read all of the default model's files to see that none has changed.

    Raises:
        ModelError: there is no such model, or it can't be fetched.
        StorageError: no space for it.
    """
    if name == smollm2.NAME:
        return smollm2.ensure(offline=offline, contents=contents)
    path = Path(name).expanduser()
    if is_folder(path):
        if not is_file(path / "config.json"):
            raise ModelError(f"{name} is not a model folder: there is no config.json in it")
        return path
    if is_file(path):
        if path.suffix.lower() != ".gguf":
            raise ModelError(f"{name} is not a model: give its folder, or a .gguf file")
        return path
    if hub.is_hub_name(name) and path.suffix.lower() != ".gguf":
        return hub.snapshot(name, offline=offline)
    raise ModelError(
        f"there is no model {name!r}: give {smollm2.NAME}, a Hub id (owner/model), "
        "a model folder or a .gguf file"
    )


def load_backbone(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "auto",
    offline: bool = False,
) -> Backbone:
    """Load a backbone, fetching it first where it is missing.

    Args:
        name: see the module's docstring.
        device: auto, cpu, cuda or cuda:N; auto takes CUDA where there is one.
        dtype: auto, bfloat16, float32 or float16; see `choose_dtype`.
        attention: auto, sdpa or flash; see `lcirc_cli.model.attention.choose_backend`.
        offline: never reach out; what is missing is an error.

    Raises:
        ModelError: no such model, not a decoder, incomplete weights, or not to be had.
        UsageError: a device, dtype or attention that this machine doesn't have.
        StorageError: no space for the download.
    """
    target = choose_device(device)
    kind = choose_dtype(dtype, device=target)
    implementation = attention_implementation(attention, target)
    path = pull(name, offline=offline)
    with console.silent_transformers():
        if name != smollm2.NAME:
            folders.check(path, name)
        tokenizer = load_tokenizer(path, name)
        lm = _load_lm(path, name, dtype=kind, device=target, implementation=implementation)
    eos_ids = _eos_ids(lm, tokenizer, name)
    return Backbone(
        name=name,
        lm=lm,
        tokenizer=tokenizer,
        fingerprint=fingerprint(path, name),
        tokenizer_fingerprint=fingerprints.of_tokenizer(tokenizer),
        max_positions=_max_positions(lm, name),
        eos_ids=eos_ids,
    )


def source(path: Path) -> dict[str, Any]:
    """What `from_pretrained` takes for a model folder or a .gguf file."""
    if path.is_file():
        return {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    return {"pretrained_model_name_or_path": path}


def load_tokenizer(path: Path, name: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a model folder or .gguf file; `name` is for messages.

    Raises:
        ModelError: there is none, or it can't be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            **source(path), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # tokenizers raises plain Exception for a bad file
        if is_out_of_memory(error):
            raise
        reason = _reason(error, path, name)
        raise ModelError(f"the tokenizer of {name} can't be loaded: {reason}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"the tokenizer of {name} has no tokenizer.json, which lcirc needs")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.bos_token
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of {name} has no token that ends a text")
    fast: PreTrainedTokenizerFast = tokenizer
    return fast


def _load_lm(
    path: Path, name: str, *, dtype: torch.dtype, device: torch.device, implementation: str | None
) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {} if path.is_file() else {"use_safetensors": True}
    if implementation is not None:
        options["attn_implementation"] = implementation
    try:
        # The stubs don't know that output_loading_info makes it a pair.
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            **source(path),
            **options,
            dtype=dtype,
            device_map={"": device} if device.type == "cuda" else None,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    except Exception as error:  # the libraries below raise a dozen types for a bad folder
        if is_out_of_memory(error):
            raise
        reason = _reason(error, path, name)
        raise ModelError(f"the model {name} can't be loaded: {reason}") from error
    lm: PreTrainedModel = loaded[0]
    report: dict[str, Any] = loaded[1]
    # transformers fills what is missing with random numbers and goes on.
    lost = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if lost:
        raise ModelError(
            f"the weights of {name} are incomplete: {len(lost)} tensors are missing or have "
            f"another shape, e.g. {lost[0]}; fetch the model again"
        )
    lm.eval().requires_grad_(False)
    return lm


def fingerprint(path: Path, name: str) -> str:
    """Of the backbone `name` by the files that `pull` returned for it; needs no torch."""
    if name == smollm2.NAME:
        return fingerprints.of_constant(f"{smollm2.NAME} {wheel.GGUF_SHA256}")
    return fingerprints.of_model(path)


def _max_positions(lm: PreTrainedModel, name: str) -> int:
    positions = getattr(lm.config.get_text_config(), "max_position_embeddings", None)
    if not positions:
        raise ModelError(f"the config of {name} doesn't say how long its inputs may be")
    return int(positions)


def _eos_ids(lm: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, name: str) -> tuple[int, ...]:
    """Every token that ends a text or a turn, by the model's word and by the tokenizer's.

    Raises:
        ModelError: there is none, or the model has no such token; or none for some text.
    """
    declared = lm.generation_config.eos_token_id if lm.generation_config is not None else None
    ids = list(declared) if isinstance(declared, list) else [declared]
    ids.append(tokenizer.eos_token_id)
    found = tuple(dict.fromkeys(int(token) for token in ids if token is not None))
    embedding: Any = lm.get_input_embeddings()
    known = embedding.weight.shape[0]
    usual = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)
    if not found:
        raise ModelError(f"the model {name} doesn't say which token ends a text")
    if min(found) < 0 or max([*found, *usual.values(), tokenizer.pad_token_id]) >= known:
        raise ModelError(f"the tokenizer of {name} has tokens that its model of {known:,} lacks")
    return found


def _reason(error: Exception, path: Path, name: str) -> str:
    first = first_line(error)
    if name != smollm2.NAME:
        return first
    return f"{first}; delete {path} and run: lcirc pull {name}"
