"""Listens, and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lcirc_cli.errors import UsageError
from lcirc_cli.serve.app import House, application
from lcirc_cli.serve.settings import ServeSettings

_CONNECTIONS = 256
_HEADER_SECONDS = 15.0
_CLOSING_SECONDS = 5
_HEADER_BYTES = 32 << 10


class _Patient(H11Protocol):
    """Ends connections on which no whole request comes within some seconds."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._asked = False
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def handle_events(self) -> None:
        super().handle_events()
        self._asked = self._asked or self.cycle is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self._asked:
            self.transport.abort()


class _Server(uvicorn.Server):
    """Ends what is being answered before it waits for its connections to end."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._house.close)
        await super().shutdown(sockets)


def listen(settings: ServeSettings) -> socket.socket:
    """A socket that others can connect to already.

    Raises:
        UsageError: the port is taken, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise UsageError(
            f"can't listen on {settings.host}, port {settings.port}: "
            f"{(error.strerror or str(error)).lower()}; choose another --port, or --host"
        ) from error
    # Connections inherit it: a piece of an answer doesn't wait until the one before has arrived.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def server_of(house: House, settings: ServeSettings, *, port: int) -> uvicorn.Server:
    """A server that answers on a socket that listens on this port; `should_exit` ends it."""
    config = uvicorn.Config(
        application(house, settings, port=port),
        http=_Patient,
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
        lifespan="on",
    )
    return _Server(config, house)


def serve(
    house: House,
    settings: ServeSettings,
    listening: socket.socket,
    *,
    ready: Callable[[], object] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        ready: called once requests are answered.
    """
    server = server_of(house, settings, port=listening.getsockname()[1])

    async def run() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started and ready is not None:
            ready()
        await serving

    asyncio.run(run())
