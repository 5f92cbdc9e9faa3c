"""What the kernel lets the child process (`worker.py`) take from here on: time and address space.

A child lowers its own limits before each document or page, and raises them again for the next.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STATM = Path("/proc/self/statm")  # Linux; its first number is the address space in pages


def allow_seconds(seconds: float) -> None:
    """End this process where it takes so much more processor time."""
    if resource is not None:
        _soften(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))


def allow_memory(memory_bytes: int) -> None:
    """Fail where it asks for so much more address space."""
    if resource is not None and (size := address_space()):
        _soften(resource.RLIMIT_AS, size + memory_bytes)


def limit_memory(memory_bytes: int) -> None:
    """Fail where it would have so much address space in all."""
    if resource is not None:
        _soften(resource.RLIMIT_AS, memory_bytes)


def address_space() -> int:
    """Bytes that this process has mapped; 0 where the system doesn't say."""
    try:
        return int(_STATM.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _soften(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(limit, (value, hard))
