"""Where and in which numbers a backbone computes: its device, its dtype and its attention.

torch is imported inside the functions, so that commands which only name a backbone stay fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli.errors import UsageError
from lcirc_cli.settings import DEVICES, DTYPES

if TYPE_CHECKING:
    import torch


def choose_device(requested: str) -> torch.device:
    """The torch device for auto, cpu, cuda or cuda:N.

    Raises:
        UsageError: an unknown name, or a device that this machine doesn't have.
    """
    import torch

    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
    except RuntimeError:
        device = None
    if device is None or device.type not in DEVICES:
        raise UsageError(f"device must be one of {', '.join(DEVICES)}, not {requested!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"there is no device {requested} on this machine; use --device auto")
    return device


def choose_dtype(requested: str, *, device: torch.device) -> torch.dtype:
    """The torch dtype for auto, bfloat16, float32 or float16.

    auto is float32 on a CPU, whatever it multiplies fast: of 200 answers 11 are others in bfloat16
    (docs/results/ground.md), and answers must not depend on the processor. On a CUDA device it is
    bfloat16 where that is supported.

    Raises:
        UsageError: an unknown name.
    """
    import torch

    if requested not in DTYPES:
        raise UsageError(f"dtype must be one of {', '.join(DTYPES)}, not {requested!r}")
    if requested != "auto":
        dtype: torch.dtype = getattr(torch, requested)
        return dtype
    return faster_dtype(device) if device.type == "cuda" else torch.float32


def faster_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it at least as fast as float32, else float32."""
    import torch

    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16 products (AVX512-BF16, AMX or Arm BF16)."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8", "replace").split())
    except OSError:
        return False  # macOS and Windows: float32 is never wrong
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def choose_attention(requested: str, *, device: torch.device) -> str:
    """The attention backend, sdpa or flash, for auto, sdpa or flash.

    Raises:
        UsageError: an unknown name, or flash where it can't run.
    """
    from lcirc_cli.model.attention import choose_backend

    try:
        return choose_backend(requested, device=device)
    except ValueError as error:
        raise UsageError(str(error)) from error


def attention_implementation(requested: str, device: torch.device) -> str | None:
    """What `from_pretrained` takes for the choice; None leaves it to the model's own default.

    The default is SDPA for every model that has it. The few older ones that don't are only
    refused where a person asks for SDPA by name.
    """
    from lcirc_cli.model.attention import LM_IMPLEMENTATION

    backend = choose_attention(requested, device=device)
    if requested == "auto" and backend == "sdpa":
        return None
    return LM_IMPLEMENTATION[backend]
