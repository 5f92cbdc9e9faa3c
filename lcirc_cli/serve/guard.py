"""Stands before everything: who may ask, from where, and how much at once.

Host and Origin must be those of this server, so that no other site's page reaches it through a
browser (no rebinding, no cross-site requests). Where there is a token, nothing is given without
it. Bodies are limited in size and in time. All answers get the headers that keep a page from doing
what it should not. Knows nothing about what is asked.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lcirc_cli.serve.problems import Problem, told
from lcirc_cli.serve.settings import ServeSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOADS = "/api/documents"
_COOKIE = "lcirc-token"
_OWN = ("127.0.0.1", "localhost", "::1")
_UPLOAD_GRACE = 30.0  # seconds that a document may take, however small it is
_DISCARD = (1 << 20, 2.0)  # bytes and seconds of a refused body that are read before the answer
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


class Guard:
    """An application of ASGI that lets through to another one what may pass.

    Args:
        port: on which it listens; None until it is known.
    """

    def __init__(self, app: App, settings: ServeSettings, *, port: int | None = None) -> None:
        self.app, self.settings, self.port = app, settings, port or settings.port
        public = urlsplit(settings.public_url) if settings.public_url else None
        self._public = (public.scheme, public.netloc.lower()) if public else None
        self._names = {*_OWN, settings.host.lower()}
        if settings.host in ("0.0.0.0", "::"):
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun, body = False, _Body(receive, self.settings, upload=scope["path"] == UPLOADS)

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = _with_headers(message.get("headers", []))
                await body.discard()
                if body.is_coming and (b"connection", b"close") not in headers:
                    headers.append((b"connection", b"close"))  # the rest is not waited for
                message = {**message, "headers": headers}
            await send(message)

        try:
            headers = _headers(scope)
            body.announced(headers)
            self._check_host(headers)
            self._check_origin(scope, headers)
            if await self._enters(scope, headers, guarded):
                return
            await self.app(scope, body.receive, guarded)
        except Exception as error:  # of requests that nobody below has answered
            problem = told(error)
            if not begun:
                await _refuse(guarded, problem.message, problem.status, problem.code)

    def _check_host(self, headers: dict[str, str]) -> None:
        given = headers.get("host", "").lower()
        if self._public is not None and given == self._public[1]:
            return
        try:
            parts = urlsplit(f"//{given}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            name, port = "", None
        plain = given in (name, f"{name}:{port}", f"[{name}]", f"[{name}]:{port}")
        if not plain or (port or 80) != self.port or not self._is_ours(name):
            raise Problem("this server has another name", status=421, code="wrong_host")

    def _is_ours(self, name: str) -> bool:
        if name in self._names:
            return True
        if self.settings.host not in ("0.0.0.0", "::"):
            return False
        try:  # an address can't be given another meaning by whoever answers for names
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    def _check_origin(self, scope: Scope, headers: dict[str, str]) -> None:
        """Requests that a page of another site makes are refused; a link to the page is none."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        fine = origin is None or self._is_own_origin(origin.lower(), headers["host"].lower())
        if fine and site in ("cross-site", "same-site"):
            link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
            fine = link and scope["path"] == "/"
        if not fine:
            raise Problem("pages of other sites may not ask", status=403, code="wrong_origin")

    def _is_own_origin(self, origin: str, host: str) -> bool:
        public = None if self._public is None else "://".join(self._public)
        # A proxy may pass on the name that it was called by, or call us by our own.
        called = self._public is None or host != self._public[1]
        return origin == public or (called and origin == f"http://{host}")

    async def _enters(self, scope: Scope, headers: dict[str, str], send: Send) -> bool:
        """Check the token; True where that was all: the page was opened with it."""
        token = self.settings.token
        if token is None:
            return False
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])
            if _same(given[0], token):
                secure = "; Secure" if self.settings.secure else ""
                cookie = f"{_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}"
                await _respond(send, 303, b"", {"location": "/", "set-cookie": cookie})
                return True
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(value.strip(), token):
            return False
        if _same(_cookie(headers.get("cookie", "")), token):
            return False
        raise Problem(
            "give the token: Authorization: Bearer TOKEN, or open the page with /?token=TOKEN",
            status=401,
            code="no_token",
        )


class _Body:
    """What a request brings, within its limits of size and time."""

    def __init__(self, receive: Receive, settings: ServeSettings, *, upload: bool) -> None:
        limits = settings.limits
        self._receive, self._upload = receive, upload
        self._most = limits.upload_bytes if upload else limits.body_bytes
        self._rate, self._seconds = limits.upload_rate, limits.body_seconds
        self._begun, self._size = time.monotonic(), 0
        self._whole, self.is_coming, self._waits = False, False, False

    def announced(self, headers: dict[str, str]) -> None:
        """Raises Problem (400, 413) for what is announced as too large, or as nothing sensible."""
        given = headers.get("content-length")
        self.is_coming = given not in (None, "0") or "transfer-encoding" in headers
        self._waits = "expect" in headers  # it sends nothing before it is told to
        if given is None:
            return
        if not given.isascii() or not given.isdigit():
            raise Problem("the length of the request is no number")
        if int(given[:20]) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next part; raises Problem (408, 413)."""
        if self._whole:
            return await self._receive()
        allowed = self._seconds
        if self._upload:
            allowed = _UPLOAD_GRACE + self._size / self._rate
        left = self._begun + allowed - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, left))
        except TimeoutError:
            raise Problem("the request comes too slowly", status=408, code="too_slow") from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._most:
                raise self._too_large()
            self._whole = not message.get("more_body", False)
            self.is_coming = self.is_coming and not self._whole
        return message

    async def discard(self) -> None:
        """Read what is on its way, within limits: closed with unread data, a connection is reset,
        and whoever sends may lose the answer."""
        most, seconds = _DISCARD
        end, size = time.monotonic() + seconds, 0
        while self.is_coming and not self._waits and size <= most:
            try:
                left = max(0.001, end - time.monotonic())
                message = await asyncio.wait_for(self._receive(), left)
            except TimeoutError:
                return
            if message["type"] != "http.request":  # it has gone
                return
            size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            self.is_coming = not self._whole

    def _too_large(self) -> Problem:
        size = f"{self._most / (1 << 20):,.0f} MiB"
        return Problem(f"larger than {size}, which is the limit", status=413, code="too_large")


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "content-length", "authorization"):
            raise Problem(f"two headers {name}")
        found[name] = value.decode("latin-1")
    return found


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _with_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With those of _HEADERS that the answer does not set itself."""
    given = {name.lower() for name, _ in headers}
    more = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in given]
    return [*headers, *more]


async def _refuse(send: Send, message: str, status: int, code: str) -> None:
    # A body may be on its way still: the connection ends with the answer.
    body = json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}})
    headers = {"content-type": "application/json", "connection": "close"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    await _respond(send, status, body.encode(), headers)


async def _respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    raw = [(n.encode(), v.encode("latin-1")) for n, v in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
