"""LoRA adapters by the library `peft` (the extra `peft`), switched on only while a system runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from lcirc_cli.errors import ModelError, UsageError


def attach(lm: Any, folder: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which `lm` answers with the LoRA weights of `folder`.

    Raises:
        UsageError: peft is not installed.
        ModelError: no LoRA adapter there, or one for another model.
    """
    try:
        from peft import PeftConfig, inject_adapter_in_model, set_peft_model_state_dict
        from peft.utils.save_and_load import load_peft_weights
    except ImportError as error:
        raise UsageError("window@FOLDER needs peft: pip install 'lcirc[peft]'") from error
    if not (Path(folder) / "adapter_config.json").is_file():
        raise ModelError(f"there is no LoRA adapter in {folder} (adapter_config.json)")
    name = f"bench_{abs(hash(folder))}"
    try:
        inject_adapter_in_model(PeftConfig.from_pretrained(folder), lm, adapter_name=name)
        set_peft_model_state_dict(lm, load_peft_weights(folder, device="cpu"), adapter_name=name)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise ModelError(f"the LoRA adapter in {folder} doesn't fit: {error}") from error
    _enable(lm, None)

    @contextmanager
    def enabled() -> Iterator[None]:
        _enable(lm, name)
        try:
            yield
        finally:
            _enable(lm, None)

    return enabled


def _enable(lm: Any, name: str | None) -> None:
    """Use one adapter's weights, or none: with none the backbone is itself, bit for bit."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in lm.modules():
        if isinstance(module, BaseTunerLayer):
            if name is not None:
                module.set_adapter(name)
            module.enable_adapters(name is not None)
    lm.requires_grad_(False)
