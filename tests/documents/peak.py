"""The most memory that a process has held."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def own_peak_kib() -> int:
    """Of this process since it began its program, in KiB.

    Linux keeps `ru_maxrss` across `exec`: a small process started by a large one would report the
    large one's peak. `VmHWM` belongs to the program that runs now.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM:")]
        return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak
