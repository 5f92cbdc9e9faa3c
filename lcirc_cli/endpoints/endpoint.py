"""A model behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, transformers, hosted.

The client is `openai`; retries are ours, because all requests of a process share one pause: when
the server asks to wait (429, Retry-After), nothing more is sent until then. Trouble that passes
(429, 5xx, timeouts, cut connections) is waited out up to `patience`; a refusal of one request is
`Refused`, and kept for good; what only a person can put right is an `EndpointError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai

from lcirc_cli.endpoints.chat import ChatRequest, Refused, Reply
from lcirc_cli.endpoints.dialect import DIALECTS, Dialect
from lcirc_cli.errors import EndpointError, first_line

KEY_VARIABLES = ("LCIRC_API_KEY", "OPENAI_API_KEY")
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 20.0  # seconds between tries
_LONGEST_PAUSE = 600.0  # what a server may ask for
_HELLO_PATIENCE = 15.0
# What a server answers to a request that it can't take: its form, or its length. Any other refusal
# may be gone tomorrow, and must not be kept as the answer.
_ABOUT_THE_REQUEST = (400, 413, 422)
# For each request the client looks through all its connections: with 64 of them in one client
# that takes a third of a request's time, with 8 next to nothing.
_CONNECTIONS = 8


class EndpointModel:
    """A `ChatModel` on a server."""

    varies = True

    def __init__(
        self,
        url: str,
        name: str,
        *,
        dialect: Dialect,
        timeout: float,
        patience: float,
    ) -> None:
        """
        Args:
            url: the base, e.g. http://localhost:8000/v1.
            name: the model's name on the server.
            timeout: seconds for one try.
            patience: seconds of trouble after which a request gives up.
        """
        self.name = name
        self.dialect = dialect
        self._url = url
        self.patience = patience
        self._open_until = 0.0  # nothing is sent before this time (monotonic)
        self.troubles: Counter[str] = Counter()
        self._timeout = timeout
        self._clients: list[openai.AsyncOpenAI] = []
        self._busy: list[int] = []  # requests under way, for each client

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()

    async def complete(self, request: ChatRequest) -> Reply:
        """Answer one request, waiting out trouble that passes.

        Raises:
            Refused: the server refuses this request.
            EndpointError: wrong address or key, or trouble for longer than the patience.
        """
        started, tries = time.monotonic(), 0
        while True:
            await self._pause()
            try:
                return await self._send(request)
            except _Passing as trouble:
                self.troubles[trouble.kind] += 1
                tries += 1
                waited = time.monotonic() - started
                if waited > self.patience:
                    raise self._gave_up(trouble.kind, waited) from trouble
                await self._wait(trouble, tries)

    async def _send(self, request: ChatRequest) -> Reply:
        body = {
            "model": self.name,
            "messages": self.dialect.messages(request),
            "seed": request.seed,
            **self.dialect.arguments(request),
        }
        try:
            # Not through the typed method: checking what we send and what servers make of the
            # answer's form takes as long as all the rest of a request.
            with self._client() as client:
                text = await client.post("/chat/completions", cast_to=str, body=body)
            return _reply(json.loads(text))
        except openai.APIStatusError as error:
            raise _of_status(error, self._url) from error
        except openai.APITimeoutError as error:
            raise _Passing("timeout") from error
        except openai.APIConnectionError as error:
            raise _Passing("connection") from error
        except ValueError as error:  # not JSON
            raise _Passing("cut reply") from error

    @contextlib.contextmanager
    def _client(self) -> Iterator[openai.AsyncOpenAI]:
        """A client with a free connection."""
        free = (place for place, busy in enumerate(self._busy) if busy < _CONNECTIONS)
        place = next(free, len(self._clients))
        if place == len(self._clients):
            self._busy.append(0)
            self._clients.append(
                openai.AsyncOpenAI(
                    base_url=self._url, api_key=_key(), max_retries=0, timeout=self._timeout
                )
            )
        self._busy[place] += 1
        try:
            yield self._clients[place]
        finally:
            self._busy[place] -= 1

    def _gave_up(self, kind: str, waited: float) -> OutOfPatience:
        error = OutOfPatience(
            f"the endpoint {self._url} gave no answer for {waited:,.0f} s ({kind}); "
            "see to it and repeat the command, which goes on where it stopped"
        )
        error.kind = kind
        return error

    async def _pause(self) -> None:
        while (left := self._open_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def _wait(self, trouble: _Passing, tries: int) -> None:
        if trouble.after is not None:
            until = time.monotonic() + min(trouble.after, _LONGEST_PAUSE)
            self._open_until = max(self._open_until, until)
        # At least this, whatever the server asks for: some ask for 0 s, and for ever.
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries, 16))
        # Spread out, so that all who failed together don't come back together.
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))


class OutOfPatience(EndpointError):
    """The same trouble for longer than the patience; `kind` says which."""

    kind = ""


class _Passing(Exception):
    """Trouble that may be gone at the next try; `after` is what the server asked to wait."""

    def __init__(self, kind: str, after: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.after = after


def _of_status(error: openai.APIStatusError, url: str) -> Exception:
    status = error.status_code
    if status in (408, 409, 425, 429) or status >= 500:
        return _Passing(f"HTTP {status}", _retry_after(error))
    if status in (401, 403):
        return EndpointError(
            f"the endpoint {url} refuses the key (HTTP {status}); set {KEY_VARIABLES[0]}"
        )
    if status == 402:
        return EndpointError(
            f"the endpoint {url} wants to be paid first (HTTP 402: {_first(error)}); see to the "
            "account and repeat the command, which goes on where it stopped"
        )
    if status in (404, 405):
        return EndpointError(
            f"no such model or address at {url} (HTTP {status}: {_first(error)}); check "
            "--endpoint (it mostly ends in /v1) and --generator"
        )
    if status in _ABOUT_THE_REQUEST:
        return Refused(f"HTTP {status}: {_first(error)}")
    return EndpointError(
        f"the endpoint {url} refuses (HTTP {status}: {_first(error)}); see to it and repeat the "
        "command, which goes on where it stopped"
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    """The seconds that the server asks to wait, where it does (dates are left to backoff)."""
    value = error.response.headers.get("retry-after")
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None


def _reply(response: Any) -> Reply:
    """The first choice of a response, as far as it is of the form that all servers share."""
    choices = response.get("choices") if isinstance(response, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        raise _Passing("reply without choices")
    message = choice["message"]
    usage = response.get("usage") or {}
    return Reply(
        text=str(message.get("content") or ""),
        complete=choice.get("finish_reason") != "length",
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        reply_tokens=int(usage.get("completion_tokens") or 0),
    )


def _key() -> str:
    found = (os.environ.get(name) for name in KEY_VARIABLES)
    return next((key for key in found if key), "none")  # local servers ask for none


def _first(error: Exception) -> str:
    return first_line(error)[:200]


async def negotiate(model: EndpointModel) -> Dialect:
    """Find out, with one to six tiny requests, which form of structured output a server takes.

    Raises:
        EndpointError: it can't be used at all.
    """
    request = ChatRequest(
        purpose="hello",
        system="Reply with JSON.",
        user='Reply with {"ok": true}.',
        schema={
            "type": "object",
            "properties": {"ok": {"type": "boolean"}},
            "required": ["ok"],
            "additionalProperties": False,
        },
        max_tokens=16,
        temperature=0.0,
        seed=0,
    )
    patience, model.patience = model.patience, min(_HELLO_PATIENCE, model.patience)
    problem: Exception = EndpointError("no dialect")
    try:
        for dialect in DIALECTS:
            model.dialect = dialect
            try:
                await model.complete(request)
                return dialect
            except Refused as refusal:
                problem = refusal
            except OutOfPatience as trouble:
                if not trouble.kind.startswith("HTTP 5"):
                    raise  # nobody there: another form of request won't help
                problem = trouble  # some servers answer 500 to what they don't know
    finally:
        model.patience = patience
    raise EndpointError(f"the endpoint refuses every form of request: {problem}")
