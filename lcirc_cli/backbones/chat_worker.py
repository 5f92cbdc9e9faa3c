"""The child process that renders chat templates under limits; run as a script by `chat.py`.

Arguments: bytes of memory, seconds of processor time for one rendering. Protocol, one JSON object
a line: {"template": str, "messages": [...], "variables": {...}} is answered by {"text": str} or
{"error": str}. Over a limit the process ends; it also ends when its standard input closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MARGIN = 100_000  # characters that a template may add to what it is given, besides three times that
_ERROR_CHARACTERS = 200


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing else may write into the protocol
    # None of it is needed here, and torch alone would take seconds and the memory's limit.
    for name in ("torch", "PIL"):
        sys.modules[name] = None  # type: ignore[assignment]
    from transformers.utils.chat_template_utils import render_jinja_template

    memory_bytes, seconds = int(sys.argv[1]), float(sys.argv[2])
    if resource is not None:
        with contextlib.suppress(OSError, ValueError):  # a stricter limit may be there already
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        # The signal's own action ends the process: also within a call that takes for ever.
        _allow(seconds)
        answer = _rendered(render_jinja_template, json.loads(line))
        _allow(0.0)
        answers.write(json.dumps(answer) + "\n")  # ASCII only, so lone surrogates survive
        answers.flush()


def _allow(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _rendered(render: Any, request: dict[str, Any]) -> dict[str, str]:
    template, messages = request["template"], request["messages"]
    given = sum(len(message["content"]) for message in messages)
    try:
        (text,), _ = render(
            conversations=[messages],
            chat_template=template,
            add_generation_prompt=True,
            **request["variables"],
        )
    except MemoryError:
        os._exit(1)
    except Exception as error:  # a template can fail in any way
        told = " ".join(str(error).split()) or type(error).__name__
        return {"error": told[:_ERROR_CHARACTERS]}
    if len(text) > len(template) + 3 * given + MARGIN:
        return {"error": f"it made {len(text):,} characters of {given:,}"}
    return {"text": text}


if __name__ == "__main__":
    main()
