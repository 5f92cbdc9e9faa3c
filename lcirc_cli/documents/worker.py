"""The child process in which documents are read, under limits. Run as a script, never imported.

A file from strangers can make its reader loop, fill the memory or fail in any way. All of that
happens here, and the parent (`child.py`) sees answers or a dead process. Imports no torch, and of
lcirc only what reads the format.

The parent's first message (see `protocol.py`) is
    {"serve": str, "memory_bytes": int, "cpu_seconds": int | null}
with the module of this folder whose `serve(requests, answers)` takes over: `pdf_worker.py` or
`whole_worker.py`. If that fails, the last answer is {"error": str}. A child whose standard input
closes has lost its parent and ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve what comes on standard input, then end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing else may write into the protocol
    logging.disable(logging.CRITICAL)
    requests = sys.stdin.buffer
    first = json.loads(requests.readline())
    _limit(first["memory_bytes"], first["cpu_seconds"])
    _import_alone()
    from lcirc_cli.documents import protocol

    try:
        importlib.import_module(f"lcirc_cli.documents.{first['serve']}").serve(requests, answers)
    except Exception as error:
        protocol.send(answers, {"error": protocol.describe(error)})
    answers.flush()
    os._exit(0)  # taking a large object graph apart would only cost time


def _import_alone() -> None:
    """Let the files beside this one be imported without what their packages import."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each takes 32 MiB of the memory limit
    folder = Path(__file__).resolve().parent
    for name, place in (("lcirc_cli", folder.parent), ("lcirc_cli.documents", folder)):
        package = ModuleType(name)
        package.__path__ = [str(place)]
        sys.modules.setdefault(name, package)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, whatever it is busy with then."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _limit(memory_bytes: int, cpu_seconds: int | None) -> None:
    """Hard limits by the kernel where it has them; Windows has neither."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cpu_seconds is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    with contextlib.suppress(OSError, ValueError):  # a stricter limit may be there already
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    if sys.platform != "linux":  # macOS takes the limit and does not keep it
        threading.Thread(target=_watch_memory, args=(memory_bytes,), daemon=True).start()


def _watch_memory(memory_bytes: int) -> None:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= memory_bytes:
        time.sleep(0.2)
    from lcirc_cli.documents.protocol import OUT_OF_MEMORY

    os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
