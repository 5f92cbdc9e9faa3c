"""The whole server as one application: the page, both endpoints, and the guard before them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lcirc_cli.engine import Engine
from lcirc_cli.serve import description, native, openai, pages
from lcirc_cli.serve.asking import Asking
from lcirc_cli.serve.guard import Guard
from lcirc_cli.serve.jobs import Jobs
from lcirc_cli.serve.library import Library
from lcirc_cli.serve.pictures import Pictures
from lcirc_cli.serve.problems import Told
from lcirc_cli.serve.responses import WhileOpen, error_record, json_response
from lcirc_cli.serve.settings import ServeSettings
from lcirc_cli.serve.tools import tool_server
from lcirc_cli.serve.worker import Worker

PAGE = Path(__file__).with_name("page") / "index.html"


@dataclass(frozen=True)
class House:
    """All that a server works with."""

    engine: Engine
    library: Library
    worker: Worker
    jobs: Jobs
    asking: Asking
    pictures: Pictures

    @classmethod
    def of(
        cls,
        engine: Engine,
        settings: ServeSettings,
        *,
        root: Path,
        options: dict[str, Any],
        ocr: str = "auto",
    ) -> House:
        """A house without any memory.

        Args:
            root: where what is dropped in is kept.
            options: of `Engine.ask`, for all questions.
            ocr: which pages of documents are read from their pictures.
        """
        library = Library()
        worker = Worker(limit=settings.limits.waiting)
        jobs = Jobs(engine, library, worker, limits=settings.limits, root=root, ocr=ocr)
        asking = Asking(engine, library, worker, options)
        return cls(engine, library, worker, jobs, asking, Pictures())

    def close(self) -> None:
        """Stop all that is being done; what is half compressed stays for the next start."""
        self.jobs.close()
        self.worker.close()
        self.pictures.close()


def application(house: House, settings: ServeSettings, *, port: int | None = None) -> Guard:
    """The application of ASGI.

    Args:
        port: on which it will listen; None: that of the settings.
    """
    limits = settings.limits
    html = PAGE.read_bytes()
    policy = page_policy(html.decode("utf-8"))

    async def page(request: Request) -> Response:
        headers = {"content-security-policy": policy}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    tools = tool_server(house.asking)
    # Each request stands alone, and the guard has checked where it is from.
    mounted = tools.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=limits.body_bytes,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with tools.session_manager.run():
            yield
        await asyncio.to_thread(house.close)

    app = Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            *native.routes(house.asking, house.jobs, house.pictures, limits),
            *pages.routes(house.library, house.pictures),
            *openai.routes(house.asking, limits),
            *description.routes(settings),
            Route("/mcp", WhileOpen(mounted)),
        ],
        exception_handlers={HTTPException: _not_found},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.paths = lambda: {str(house.jobs.root), *house.library.paths()}
    return Guard(app, settings, port=port)


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "wrong_method"}.get(status, "bad_request")
    message = {404: "there is nothing of that name", 405: "it is not asked for in that way"}
    return json_response(error_record(Told(message.get(status, "no"), status, code)), status=status)


def page_policy(html: str) -> str:
    """What the page may do: its own script and style, pictures and data from here, nothing else."""

    def hashed(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digests = (hashlib.sha256(each.encode()).digest() for each in found)
        return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)

    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashed('script')}",
            f"style-src {hashed('style')}",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )
