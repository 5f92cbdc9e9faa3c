"""LoRA on a frozen backbone, by the library `peft` (the extra `peft`): made, saved, switched on.

The backbone stays the same object: its linear layers get low-rank neighbours, and with those
switched off it answers as before, bit for bit. Knows nothing about training or benchmarks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.backbones.folders import check_pattern, read_json, tensor_shapes
from lcirc_cli.errors import ModelError, first_line
from lcirc_cli.files import is_file
from lcirc_cli.files.schema import Check, choice, mapping, number, optional, table, whole

NAME = "trained"  # of the weights that a training run makes


def add(lm: Any, *, rank: int, seed: int, autocast: bool = False) -> None:
    """Put new LoRA weights beside every linear layer of `lm`, in float32; they alone train.

    With `autocast`, `lm` always runs under it: it then casts what enters, and peft need not
    (the same numbers with less work).

    Raises:
        ModelError: peft is not installed, or it knows no linear layers in this model.
    """
    import torch

    _need_peft()
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, lm, adapter_name=NAME)
        except ValueError as error:
            raise ModelError(f"LoRA doesn't fit {type(lm).__name__}: {error}") from error
    for parameter in lm.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    for module in _layers(lm):
        module.cast_input_dtype_enabled = not autocast


def save(lm: Any, folder: Path) -> None:
    """Write the weights that `add` made in peft's own form (adapter_config.json and weights)."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    lm.peft_config[NAME].save_pretrained(folder)
    weights: dict[str, torch.Tensor] = get_peft_model_state_dict(lm, adapter_name=NAME)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    save_file(contiguous, folder / "adapter_model.safetensors")


def attach(lm: Any, folder: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which `lm` answers with the LoRA weights of `folder`.

    Raises:
        ModelError: peft is not installed, no LoRA weights there, or some for another model.
    """
    _need_peft()
    from peft import PeftConfig, inject_adapter_in_model, set_peft_model_state_dict
    from peft.utils.save_and_load import load_peft_weights

    _check(Path(folder))
    name = f"bench_{abs(hash(folder))}"
    try:
        with warnings.catch_warnings():  # that there are several is meant: one is on at a time
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            inject_adapter_in_model(PeftConfig.from_pretrained(folder), lm, adapter_name=name)
        set_peft_model_state_dict(lm, load_peft_weights(folder, device="cpu"), adapter_name=name)
    except Exception as error:  # peft fails in many ways on settings of others
        reason = first_line(error)
        raise ModelError(f"the LoRA adapter in {folder} doesn't fit: {reason}") from error
    _enable(lm, None)

    @contextmanager
    def enabled() -> Iterator[None]:
        _enable(lm, name)
        try:
            yield
        finally:
            _enable(lm, None)

    return enabled


_SETTINGS: Mapping[str, Check] = {
    "peft_type": partial(choice, among=("LORA",)),
    "r": partial(whole, least=1, most=2**14),
    "lora_alpha": partial(number, least=0.0, most=1e6),
    "lora_dropout": optional(partial(number, least=0.0, most=1.0)),
    "target_modules": check_pattern,
    "exclude_modules": optional(check_pattern),
    "rank_pattern": optional(partial(mapping, each=partial(whole, least=1, most=2**14))),
    "alpha_pattern": optional(partial(mapping, each=partial(number, least=0.0, most=1e6))),
    "layers_pattern": optional(check_pattern),
}


def _check(folder: Path) -> None:
    """Refuses settings that can't be, ask for more than the weights hold, or name code to load."""
    if not is_file(folder / "adapter_config.json"):
        raise ModelError(f"there is no LoRA adapter in {folder} (adapter_config.json)")
    try:
        config = table(read_json(folder / "adapter_config.json"), "config", fields=_SETTINGS)
        for pattern in (*(config.get("rank_pattern") or {}), *(config.get("alpha_pattern") or {})):
            check_pattern(pattern, "a pattern")
        # peft would import the module that it names; other starts compute with the model's weights.
        if config.get("megatron_config") is not None:
            raise ValueError("its settings name a module to import (megatron_config)")
        if config.get("init_lora_weights") not in (None, True, False, "gaussian"):
            raise ValueError("its weights stand on a start that lcirc does not make")
        weights = folder / "adapter_model.safetensors"
        if not is_file(weights):
            raise ValueError("there is no adapter_model.safetensors in it")
        ranks = {shape[0] for shape in tensor_shapes([weights]).values() if shape}
        if not {config["r"], *(config.get("rank_pattern") or {}).values()} <= ranks:
            raise ValueError("its weights are of another rank than its settings say")
    except (ValueError, OSError) as error:
        raise ModelError(f"the LoRA adapter in {folder} can't be used: {error}") from error


def _need_peft() -> None:
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ModelError("LoRA needs the library peft: pip install 'lcirc[peft]'") from error


def _enable(lm: Any, name: str | None) -> None:
    """Use one adapter's weights, or none: with none the backbone is itself, bit for bit."""
    for module in _layers(lm):
        if name is not None:
            module.set_adapter(name)
        module.enable_adapters(name is not None)
    lm.requires_grad_(False)


def _layers(lm: Any) -> Iterator[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return (module for module in lm.modules() if isinstance(module, BaseTunerLayer))
