"""A model behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, Ollama, hosted ones.

All requests of a process share one pause: when the server asks to wait (429, Retry-After), nothing
more is sent until then. A try takes `timeout` at most, from the first byte sent to the last one
read. Trouble that passes (429, 5xx, timeouts, cut connections) is waited out up to `patience`,
whatever the server asks for; a refusal of one request is `Refused`, and kept for good; what only a
person can put right is an `EndpointError`. The key stands in nothing that is returned or raised.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from lcirc_cli.endpoints.address import KEY_VARIABLES, Address, Key
from lcirc_cli.endpoints.chat import ChatRequest, Refused, Reply
from lcirc_cli.endpoints.dialect import DIALECTS, Dialect
from lcirc_cli.endpoints.envelope import pieces, said, whole_reply
from lcirc_cli.endpoints.wire import Response, Wire, WireTrouble
from lcirc_cli.errors import EndpointError

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 20.0  # seconds between tries
_HELLO_PATIENCE = 15.0
# What a server answers to a request that it can't take: its form, or its length. Any other refusal
# may be gone tomorrow, and must not be kept as the answer.
_ABOUT_THE_REQUEST = (400, 413, 422)
_ODD = 5  # so many replies of another form to one request are this request's, not an accident


class EndpointModel:
    """A `ChatModel` on a server.

    Args:
        url: the base, e.g. http://localhost:8000/v1.
        name: the model's name on the server.
        timeout: seconds for one try, all of it.
        patience: seconds of trouble after which no further try begins.

    Raises:
        UsageError: no such address, or a key that can't be sent.
    """

    varies = True

    def __init__(
        self, url: str, name: str, *, dialect: Dialect, timeout: float, patience: float
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.patience = patience
        self.troubles: Counter[str] = Counter()
        self._address, self._key = Address(url), Key()
        self._wire = Wire(self._address, self._key)
        self._timeout = timeout
        self._open_until = 0.0  # nothing is sent before this time (monotonic)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def complete(
        self, request: ChatRequest, *, on_text: Callable[[str], object] | None = None
    ) -> Reply:
        """Answer one request, waiting out trouble that passes.

        Args:
            on_text: called with pieces of the reply as they come; together they are its text.

        Raises:
            Refused: the server refuses this request.
            EndpointError: wrong address or key, trouble for longer than the patience, or a reply
                that broke off after a part of it was given to `on_text`.
        """
        started, tries, odd = time.monotonic(), 0, 0
        ends = started + self.patience
        while True:
            await _sleep_until(min(self._open_until, ends))
            try:
                return await self._try(request, on_text)
            except Refused as refusal:
                dialect = self.dialect.after(str(refusal))
                if dialect == self.dialect:
                    raise
                self.dialect = dialect
            except _Passing as trouble:
                self.troubles[trouble.kind] += 1
                tries += 1
                odd += trouble.kind == "odd reply"
                if odd == _ODD:
                    raise Refused(
                        "the replies are not of the form that all servers share"
                    ) from None
                now = time.monotonic()
                if now >= ends:
                    raise self._gave_up(trouble.kind, now - started) from trouble
                await _sleep_until(self._next_try(trouble, tries, ends))

    async def _try(self, request: ChatRequest, on_text: Callable[[str], object] | None) -> Reply:
        body = {
            "model": self.name,
            "messages": self.dialect.messages(request),
            "seed": request.seed,
            **self.dialect.arguments(request),
        }
        shown = _Shown(self._key, on_text) if on_text is not None else None
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._wire.post(
                    "/chat/completions", body | ({"stream": True} if shown else {})
                ) as response,
            ):
                if response.status != 200:
                    raise await self._refusal(response)
                if shown is not None:
                    return await _streamed(response, shown)
                reply = whole_reply(await response.body())
                return replace(reply, text=self._key.hidden(reply.text))
        except (WireTrouble, TimeoutError) as error:
            kind = error.kind if isinstance(error, WireTrouble) else "timeout"
            if shown is not None and shown.begun:
                raise EndpointError(
                    f"the reply of the endpoint {self._address} broke off ({kind}); ask again"
                ) from error
            raise _Passing(kind) from error

    def _gave_up(self, kind: str, waited: float) -> OutOfPatience:
        error = OutOfPatience(
            f"the endpoint {self._address} gave no answer for {waited:,.0f} s ({kind}); "
            "see to it and repeat the command, which goes on where it stopped"
        )
        error.kind = kind
        return error

    def _next_try(self, trouble: _Passing, tries: int, ends: float) -> float:
        """When to try again (monotonic): never after the patience's end."""
        now = time.monotonic()
        if trouble.after is not None:
            self._open_until = max(self._open_until, min(now + trouble.after, ends))
        # At least this, whatever the server asks for: some ask for 0 s, and for ever.
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries, 16))
        # Spread out, so that all who failed together don't come back together.
        return min(ends, now + longest * random.uniform(0.5, 1.0))

    async def _refusal(self, response: Response) -> Exception:
        """What a status other than 200 means."""
        status, url = response.status, self._address
        if status in (408, 409, 425, 429) or status >= 500:
            return _Passing(f"HTTP {status}", _retry_after(response))
        if 300 <= status < 400:
            return EndpointError(
                f"the endpoint {url} sends requests on to another address (HTTP {status}); text "
                "and key go to none that you don't name: give that one, if you trust it"
            )
        if status in (401, 403):
            return EndpointError(
                f"the endpoint {url} refuses the key (HTTP {status}); set {KEY_VARIABLES[0]}"
            )
        message = ""
        with contextlib.suppress(WireTrouble):  # the status says enough
            message = self._key.hidden(said(await response.body()))
        told = f"HTTP {status}: {message}" if message else f"HTTP {status}"
        if status == 402:
            return EndpointError(
                f"the endpoint {url} wants to be paid first ({told}); see to the account and "
                "repeat the command, which goes on where it stopped"
            )
        if status in (404, 405):
            return EndpointError(
                f"no such model or address at {url} ({told}); check the address (it mostly ends "
                "in /v1) and the model's name"
            )
        if status in _ABOUT_THE_REQUEST:
            return Refused(told)
        return EndpointError(
            f"the endpoint {url} refuses ({told}); see to it and repeat the command, which goes "
            "on where it stopped"
        )


class OutOfPatience(EndpointError):
    """The same trouble for longer than the patience; `kind` says which."""

    kind = ""


class _Passing(Exception):
    """Trouble that may be gone at the next try; `after` is what the server asked to wait."""

    def __init__(self, kind: str, after: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.after = after


class _Shown:
    """Gives text on as it comes, except a key, of which only a part may be there yet."""

    def __init__(self, key: Key, on_text: Callable[[str], object]) -> None:
        self._key, self._on_text = key, on_text
        self._held, self._said = "", list[str]()

    @property
    def begun(self) -> bool:
        return bool(self._said)

    @property
    def text(self) -> str:
        return "".join(self._said)

    def add(self, text: str, *, last: bool = False) -> None:
        text = self._key.hidden(self._held + text)
        kept = 0 if last else self._key.possible(text)
        text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        if text:
            self._said.append(text)
            self._on_text(text)


async def _streamed(response: Response, shown: _Shown) -> Reply:
    finish = ""
    async for piece in pieces(response.chunks):
        shown.add(piece.text)
        finish = piece.finish or finish
    shown.add("", last=True)
    return Reply(shown.text, complete=finish != "length")


async def _sleep_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        await asyncio.sleep(left)


def _retry_after(response: Response) -> float | None:
    """The seconds that the server asks to wait, where it does (dates are left to backoff)."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return None if math.isnan(seconds) else max(0.0, seconds)


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
    patience = model.patience
    ends = time.monotonic() + min(_HELLO_PATIENCE, patience)
    problem: Exception = EndpointError("no dialect")
    try:
        for dialect in DIALECTS:
            model.dialect = dialect
            model.patience = max(0.0, ends - time.monotonic())  # of all forms together
            try:
                await model.complete(request)
                return model.dialect
            except Refused as refusal:
                problem = refusal
            except OutOfPatience as trouble:
                if not trouble.kind.startswith("HTTP 5"):
                    raise  # nobody there: another form of request won't help
                problem = trouble  # some servers answer 500 to what they don't know
    finally:
        model.patience = patience
    raise EndpointError(f"the endpoint refuses every form of request: {problem}")
