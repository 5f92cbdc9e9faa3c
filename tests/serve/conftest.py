"""A tiny engine behind a server on 127.0.0.1, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from lcirc_cli import Engine
from lcirc_cli.memory.file import load_memory, save_memory
from lcirc_cli.serve.settings import ServeSettings

from ..engine.conftest import adapter_folder, backbone_folder, models  # noqa: F401
from ..engine.tiny import ingest, make_text

if TYPE_CHECKING:
    from lcirc_cli.serve.app import House

MISSING = [name for name in ("starlette", "uvicorn", "mcp", "PIL") if find_spec(name) is None]
if MISSING:
    collect_ignore_glob = ["test_*.py"]
    warnings.warn(f"tests/serve is skipped: the extra `serve` lacks {MISSING}", stacklevel=1)


@pytest.fixture(scope="session")
def tiny_engine(backbone_folder: Path, adapter_folder: Path) -> Engine:  # noqa: F811
    return Engine.load(str(backbone_folder), str(adapter_folder), dtype="float32", device="cpu")


@pytest.fixture(scope="session")
def memory_files(tiny_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return saved(tiny_engine, tmp_path_factory.mktemp("memories"))


def saved(engine: Engine, folder: Path) -> list[Path]:
    """Two memories, of two documents and of one."""
    files = []
    for name, seeds in (("Two books", (1, 2)), ("notes", (3,))):
        files.append(folder / f"{name}.lcirc")
        save_memory(files[-1], ingest(engine, *seeds))
    return files


@pytest.fixture(params=["tiny", pytest.param("default", marks=pytest.mark.slow)])
def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Engine, list[Path], list[Any]]:
    """An engine, its two memories and the words that name its models: tiny ones, and the default.

    The default model skips the test where it is not cached.
    """
    if request.param == "tiny":
        names = ("tiny_engine", "memory_files", "models")
        engine, files, words = (request.getfixturevalue(name) for name in names)
        return engine, files, words
    request.getfixturevalue("smollm2")
    engine = Engine.load(offline=True, device="cpu", dtype="float32")
    files = saved(engine, tmp_path_factory.mktemp("default"))
    words = ["--offline", "--device", "cpu", "--dtype", "float32"]
    return engine, files, words


@dataclass
class Served:
    """A server that runs."""

    house: House
    settings: ServeSettings
    port: int
    server: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=60, headers=headers)

    def upload(self, client: httpx2.Client, name: str, data: bytes) -> dict[str, Any]:
        """Drop a document in and wait for the end of its job."""
        reply = client.post("/api/documents", params={"name": name}, content=data)
        assert reply.status_code == 202, reply.text
        return self.over(client, reply.json()["id"])

    def over(self, client: httpx2.Client, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = client.get(f"/api/jobs/{job}").json()
            if found["state"] in ("done", "failed", "cancelled"):
                return found
            time.sleep(0.02)
        raise AssertionError("the job does not end")


@contextmanager
def serving(
    engine: Engine, files: list[Path], root: Path, settings: ServeSettings | None = None
) -> Iterator[Served]:
    """A server of these memories; what is dropped in goes to `root`."""
    from lcirc_cli.serve.app import House
    from lcirc_cli.serve.opening import hold_memories
    from lcirc_cli.serve.running import listen, server_of

    settings = settings or ServeSettings(port=0)
    house = House.of(engine, settings, root=root, options={"max_new_tokens": 8})
    hold_memories(house, [load_memory(file) for file in files])
    with listen(settings) as listening:
        port = listening.getsockname()[1]
        server = server_of(house, settings, port=port)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Served(house, settings, port, server)
        finally:
            server.should_exit = True
            thread.join(20)
            house.close()
            assert not thread.is_alive()


@pytest.fixture
def served(tiny_engine: Engine, memory_files: list[Path], tmp_path: Path) -> Iterator[Served]:
    with serving(tiny_engine, memory_files, tmp_path / "served") as found:
        yield found


@pytest.fixture
def serve_with(tiny_engine: Engine, memory_files: list[Path], tmp_path: Path) -> Callable[..., Any]:
    """`serve_with(settings)`: a server with other settings, as a context manager."""

    def begin(settings: ServeSettings, *, files: list[Path] | None = None) -> Any:
        chosen = memory_files if files is None else files
        return serving(tiny_engine, chosen, tmp_path / "served", settings)

    return begin


@pytest.fixture(scope="session")
def text() -> str:
    """What memory `notes` holds."""
    return make_text(3)
