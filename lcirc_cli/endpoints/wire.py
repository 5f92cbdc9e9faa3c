"""One HTTP request within limits: the size of what comes back, where it comes from, connections.

Whatever a server does, a reply takes no more memory than `LARGEST` (after decompression), comes
from the address that was asked, and a caller may end it at any moment by a deadline of its own.
Knows nothing about what is asked.
"""

from __future__ import annotations

import contextlib
import functools
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from lcirc_cli.endpoints.address import Address, Key

LARGEST = 8 << 20  # bytes of a body
_COMPRESSED = ("gzip", "x-gzip", "deflate")
# For each request the client looks through all its connections: with 64 of them in one client
# that takes a third of a request's time, with 8 next to nothing.
_CONNECTIONS = 8


class WireTrouble(Exception):
    """A reply that did not come, or not whole; `kind` says in two words why."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Response:
    """A reply whose body is still coming."""

    status: int
    headers: httpx2.Headers
    chunks: AsyncIterator[bytes]

    async def body(self) -> bytes:
        """All of it.

        Raises:
            WireTrouble: it breaks off, is too large, or is compressed in a way that we don't know.
        """
        return b"".join([chunk async for chunk in self.chunks])


class Wire:
    """Connections to one server."""

    def __init__(self, address: Address, key: Key) -> None:
        self._address, self._key = address, key
        self._clients: list[httpx2.AsyncClient] = []
        self._busy: list[int] = []  # requests under way, for each client

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.aclose()

    @contextlib.asynccontextmanager
    async def post(self, path: str, body: Any) -> AsyncIterator[Response]:
        """Send JSON, and read what comes back within the block.

        Raises:
            WireTrouble: no reply, or none of HTTP.
        """
        with self._client() as client:
            try:
                async with client.stream(
                    "POST", self._address.below(path), content=json.dumps(body).encode()
                ) as reply:
                    yield Response(reply.status_code, reply.headers, _limited(reply))
            except (httpx2.RequestError, httpx2.InvalidURL, httpx2.StreamError) as error:
                raise WireTrouble("connection") from error

    @contextlib.contextmanager
    def _client(self) -> Iterator[httpx2.AsyncClient]:
        """A client with a free connection."""
        free = (place for place, busy in enumerate(self._busy) if busy < _CONNECTIONS)
        place = next(free, len(self._clients))
        if place == len(self._clients):
            self._busy.append(0)
            self._clients.append(self._new_client())
        self._busy[place] += 1
        try:
            yield self._clients[place]
        finally:
            self._busy[place] -= 1

    def _new_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers={
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "lcirc",
                **self._key.header(),
            },
            verify=_certificates(self._address.below("").startswith("https")),
            timeout=None,  # the caller has a deadline for the whole
            follow_redirects=False,  # the text and the key are for the address that was given
            trust_env=not self._address.is_here,  # a proxy would see what stays on this machine
            limits=httpx2.Limits(max_connections=_CONNECTIONS),
        )


@functools.cache
def _certificates(needed: bool) -> ssl.SSLContext:
    """Loading them takes longer than a request, and a client does even where none is looked at."""
    return httpx2.create_ssl_context() if needed else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _limited(reply: httpx2.Response) -> AsyncIterator[bytes]:
    """The body, decompressed, up to the limit."""
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", *_COMPRESSED):
        raise WireTrouble("odd reply")
    inflate = zlib.decompressobj(47) if encoding in _COMPRESSED else None  # gzip or zlib
    room = LARGEST
    async for chunk in reply.aiter_raw():
        if inflate is not None:
            try:
                chunk = inflate.decompress(chunk, room + 1)
            except zlib.error as error:
                raise WireTrouble("cut reply") from error
        room -= len(chunk)
        if room < 0:
            raise WireTrouble("endless reply")
        yield chunk
