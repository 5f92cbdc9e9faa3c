"""The most memory that this process has held.

Not `ru_maxrss` where Linux has better: that is kept across `exec`, so that a small process started
by a large one would report the large one's peak. `VmHWM` belongs to the program that runs now.
With devices, what counts is theirs: `peak_mb`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def peak_bytes() -> int:
    """Since the program began, or since `restart_peak`; 0 where the system can't say."""
    if _STATUS.exists():
        for row in _STATUS.read_text().splitlines():
            if row.startswith("VmHWM:"):
                return int(row.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, else KiB


def restart_peak(*, collect: bool = True) -> int:
    """Let the peak begin at what is held now (Linux; elsewhere it goes on); that, in bytes.

    What has been freed goes back to the system first: how much of it an allocator keeps differs
    from one process to the next, where threads have loaded a model.

    Args:
        collect: look for reference cycles first; with all of torch loaded that takes a moment.
    """
    if collect:
        gc.collect()
    give_back()
    with contextlib.suppress(OSError):
        if _CLEAR.exists():
            _CLEAR.write_text("5")
    return peak_bytes()


def give_back() -> None:
    """Return what has been freed to the system (glibc keeps much of it: tensors of many sizes)."""
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_mb() -> float:
    """Peak memory since it was restarted: the devices' where there are any, else the process's."""
    import torch

    if torch.cuda.is_available():
        devices = range(torch.cuda.device_count())
        return sum(torch.cuda.max_memory_allocated(device) for device in devices) / 1e6
    return peak_bytes() / 1e6


def restart_peak_mb() -> None:
    """Let `peak_mb` begin at what is held now."""
    import torch

    if not torch.cuda.is_available():
        restart_peak(collect=False)
    elif torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
