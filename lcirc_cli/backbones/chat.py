"""Messages in a model's own form, by the chat template that came with it.

A template is a program of whoever made the model: it may loop for ever or fill the memory. All but
those that are known are rendered in a child process under limits, by the same function of
transformers, in jinja's sandbox. Knows nothing about what is asked.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lcirc_cli.backbones import chat_worker
from lcirc_cli.errors import ModelError, first_line

MEMORY_BYTES = 1 << 30  # of the child; transformers takes some 300 MB of addresses
CPU_SECONDS = 2.0  # of one rendering; a usual one takes a few milliseconds
_REFUSED = "the model's chat template can't be used"
_WALL_SECONDS = 60.0  # on a machine that is busy with other things, the start with it
# SmolLM2-Instruct and others of the same form: known to end, and rendered here.
_KNOWN = frozenset({"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"})


class TemplateError(ModelError):
    """A chat template doesn't take these messages, or takes too long for them."""


class TemplateLimitError(TemplateError):
    """It takes too long, or too much memory: with other messages it most likely would, too."""


def render(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    """Messages with roles and contents, up to where the model answers.

    Raises:
        TemplateError: the template refuses them, fails, or goes over a limit (TemplateLimitError).
    """
    try:
        template = tokenizer.get_chat_template()
    except ValueError as error:  # several templates, and none is the default
        raise TemplateError(f"{_REFUSED}: {first_line(error)}") from error
    if hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest() in _KNOWN:
        known = tokenizer.apply_chat_template(
            [*messages], tokenize=False, add_generation_prompt=True
        )
        return str(known)
    variables = dict(tokenizer.special_tokens_map)
    request = {"template": template, "messages": [*messages], "variables": variables}
    return _CHILD.render(json.dumps(request, default=str).encode("ascii") + b"\n")


class _Child:
    """The child process, started when it is first needed; one for all models and threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0  # a fork of this process has the pipes, and must not use them

    def render(self, request: bytes) -> str:
        with self._lock:
            process = self._process
            if process is None or self._owner != os.getpid() or process.poll() is not None:
                process = self._start()
            try:
                answer = _asked(process, request)
            except BaseException:  # also Ctrl-C: an answer half read would be taken for the next
                self._end()
                raise
        if "text" in answer:
            return str(answer["text"])
        raise TemplateError(f"{_REFUSED}: {answer['error']}")

    def _start(self) -> subprocess.Popen[bytes]:
        # -P keeps the worker's own folder off the import path.
        command = [sys.executable, "-P", os.fspath(Path(chat_worker.__file__))]
        limits = [str(MEMORY_BYTES), str(CPU_SECONDS)]
        self._process = subprocess.Popen(
            [*command, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each takes 32 MiB of the limit
        )
        if not self._owner:
            atexit.register(self._end)
        self._owner = os.getpid()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


_CHILD = _Child()


def _asked(process: subprocess.Popen[bytes], request: bytes) -> dict[str, Any]:
    """The child's answer to one line; it must not take for ever to read the line either.

    Raises:
        TemplateLimitError: it died, or took too long.
    """
    requests, answers = process.stdin, process.stdout
    assert requests is not None and answers is not None  # opened as pipes
    sender = threading.Thread(target=_send, args=(requests, request), daemon=True)
    sender.start()
    deadline, received = time.monotonic() + _WALL_SECONDS, bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        while not received.endswith(b"\n"):
            left = deadline - time.monotonic()
            piece = (
                os.read(answers.fileno(), 1 << 16) if left > 0 and selector.select(left) else b""
            )
            if not piece:
                raise TemplateLimitError(
                    f"the model's chat template took over {CPU_SECONDS:g} s or "
                    f"{MEMORY_BYTES >> 20:,} MB; use another model"
                )
            received += piece
    answer: dict[str, Any] = json.loads(received)
    return answer


def _send(pipe: Any, data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # that it died is seen by who waits for it
        pipe.write(data)
        pipe.flush()
