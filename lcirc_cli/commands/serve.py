"""`lcirc serve`: a page to ask on, and an endpoint for every client."""

from __future__ import annotations

import dataclasses
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import options, takes
from lcirc_cli.commands.following import Following, check_place
from lcirc_cli.commands.memories import SUFFIX, is_memory, memory_beside
from lcirc_cli.commands.opening import load
from lcirc_cli.commands.reader import reader_settings
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import UsageError
from lcirc_cli.files import cache_dir, is_folder
from lcirc_cli.serve.settings import HOST, PORT, ServeSettings
from lcirc_cli.settings import CommonSettings, resolve

if TYPE_CHECKING:
    from lcirc_cli.documents import Source
    from lcirc_cli.serve.app import House

_READER = options(ReaderSettings, flags=True)
_TOKEN = "LCIRC_TOKEN"


@takes(
    *("model", "adapter", "device", "dtype", "attention", "ocr", "offline", "quiet"),
    given=_READER,
    panels={"A model on a server": _READER},
)
def serve(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MEMORY|FOLDER|DOCUMENT...]",
            help="What may be asked; without any, what was dropped on the page before.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="HOST", help="Where to listen; another than this needs a token."
        ),
    ] = HOST,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes one that is free."),
    ] = PORT,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            help="What people call it by where a proxy (for TLS) stands before it.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the memory of each FOLDER up to date.")
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    *,
    given: dict[str, Any],
    settings: CommonSettings,
) -> None:
    """Serve a page to ask on, an OpenAI-compatible endpoint (/v1) and MCP (/mcp).

    Nobody but this machine can reach it. On another --host everybody needs the token: that of
    LCIRC_TOKEN, or one that is made and shown once. It speaks plain HTTP; TLS is a proxy's job.
    """
    need_extra("starlette", "uvicorn", "mcp", "PIL")
    from lcirc_cli.answering.answer import AskSettings, check_settings
    from lcirc_cli.serve.running import listen
    from lcirc_cli.serve.running import serve as run

    wanted = ServeSettings(host, port, public_url, os.environ.get(_TOKEN) or None)
    if made := not wanted.is_private and wanted.token is None:
        wanted = dataclasses.replace(wanted, token=secrets.token_urlsafe(24))
    wanted.validate()
    chosen = resolve(AskSettings, {}, config=settings.config, table="ask", beside=(ReaderSettings,))
    chosen.validate()
    reader = reader_settings(given, settings, beside=AskSettings)
    if reader is not None:
        check_settings(chosen)
    followed = [each for each in named or [] if watch and is_folder(Path(each))]
    if watch and not followed:
        raise UsageError("--watch is for folders; name one: lcirc serve FOLDER --watch")
    for each in followed:
        check_place(each)
    memories, documents = _sorted([each for each in named or [] if each not in followed])
    with listen(wanted) as listening:  # before a model is loaded: the port may be taken
        engine, held = load(memories, settings, reader, password_file=None)
        from lcirc_cli.serve.app import House
        from lcirc_cli.serve.opening import hold_memories

        house = House.of(
            engine,
            wanted,
            root=cache_dir() / "served",
            options=dataclasses.asdict(chosen),
            ocr=settings.ocr,
        )
        hold_memories(house, held)
        _fill(house, documents, anything=bool(named))
        address = _address(wanted, listening.getsockname()[1])

        def ready() -> None:
            _tell(wanted, address, made=made)
            if open_page:
                import webbrowser

                token = f"/?token={wanted.token}" if wanted.token else "/"
                webbrowser.open(address + token)

        following = [Following(folder, house, settings) for folder in followed]
        for one in following:
            one.start()
        try:
            run(house, wanted, listening, ready=ready)
        finally:
            for one in following:
                one.close()


def _fill(house: House, documents: list[Source], *, anything: bool) -> None:
    from lcirc_cli.serve.opening import hold_documents, hold_earlier

    hold_documents(house, documents, beside=memory_beside)
    if not anything:
        hold_earlier(house)


def _sorted(named: list[str]) -> tuple[list[Path], list[Source]]:
    """Memory files, and documents, of what was named; a folder's memories, else its documents."""
    from lcirc_cli.documents import collect_sources

    memories: list[Path] = []
    others: list[str] = []
    for each in named:
        path = Path(each)
        if each in ("", "-"):
            raise UsageError(f"{each!r} can't be served; name a memory, a folder or a document")
        if is_folder(path):
            held = sorted(path.glob(f"*{SUFFIX}"))
            memories += held
            others += [] if held else [each]
        elif is_memory(path):
            memories.append(path)
        else:
            others.append(each)
    return memories, collect_sources(others) if others else []


def _address(wanted: ServeSettings, port: int) -> str:
    if wanted.public_url is not None:
        return wanted.public_url.rstrip("/")
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    return f"http://{host}:{port}"


def _tell(wanted: ServeSettings, address: str, *, made: bool) -> None:
    console.out(address)
    console.note(f"the endpoint for clients is {address}/v1, that of MCP {address}/mcp")
    if not wanted.is_private and not wanted.secure:
        console.warn(
            "others can read along: this is plain HTTP; put a proxy with TLS before it, and name "
            "it with --public-url"
        )
    if made:
        console.warn(f"the token, shown this once: {wanted.token}")
        console.warn(f"the page opens with {address}/?token={wanted.token}")


def need_extra(*modules: str) -> None:
    """Raises UsageError where a library of the extra `serve` is not here."""
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"this needs {', '.join(missing)}; install them with: pip install 'lcirc[serve]'"
        )
