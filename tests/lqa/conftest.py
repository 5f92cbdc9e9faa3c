"""Fixtures of the tests of make-lqa: a fake endpoint, invented documents, the command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datatrove", reason="make-lqa needs the extra lqa")

from lcirc_cli.endpoints.replay import ReplayCache
from lcirc_cli.lqa.dataset.output import read_manifest
from lcirc_cli.lqa.settings import DocumentSettings, EngineSettings, LqaSettings, PairSettings

from ..conftest import Outcome
from .corpus import write_documents, write_tokenizer_folder

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


@dataclass
class Endpoint:
    """A running fake server."""

    url: str
    log: Path

    def counts(self) -> Counter[str]:
        """What was done about requests: "ok" and the names of faults."""
        return Counter(line.split()[1] for line in self.log.read_text().splitlines())

    def answered(self) -> Counter[str]:
        """How often each request was answered well."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return Counter(key for key, what in lines if what == "ok")


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Callable[..., Endpoint]]:
    """`endpoint(latency=0.0, faults=0.0, seed=0)` starts a fake server of its own."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**options: float) -> Endpoint:
        folder = tmp_path / f"server-{len(running)}"
        folder.mkdir()
        port, log = folder / "port", folder / "log"
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, str(HERE / "fake_server.py"), "--port-file", str(port)]
        running.append(subprocess.Popen([*command, "--log", str(log), *arguments]))
        deadline = time.monotonic() + 60
        while not port.exists():
            assert running[-1].poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        return Endpoint(f"http://127.0.0.1:{port.read_text()}/v1", log)

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that can count tokens and nothing else."""
    return write_tokenizer_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def settings(tmp_path: Path, counting_model: Path) -> LqaSettings:
    """Twelve documents in shards of four; the endpoint is still to be put in."""
    source = write_documents(tmp_path / "documents.jsonl.gz", 12)
    return LqaSettings(
        out=tmp_path / "out",
        documents=DocumentSettings(
            inputs=(str(source),),
            model=str(counting_model),
            min_tokens=500,
            documents_per_shard=4,
            license="CC0",
        ),
        pairs=PairSettings(generator="fake", pairs_per_document=6, validation=0.3),
        engine=EngineSettings(in_flight=16),
    )


def at(settings: LqaSettings, server: Endpoint, **engine: Any) -> LqaSettings:
    """The settings with a server to ask."""
    return replace(settings, engine=replace(settings.engine, endpoint=server.url, **engine))


Starter = Callable[..., Endpoint]


@dataclass
class Command:
    """`lcirc make-lqa` with what all tests here give it."""

    model: Path
    cli: Callable[..., Outcome]

    def _words(self, arguments: tuple[Any, ...]) -> list[str]:
        given = ["make-lqa", "--model", self.model, "--min-tokens", 500, *arguments]
        return [str(word) for word in given]  # of an option given twice the last one counts

    def start(self, *arguments: Any) -> subprocess.Popen[str]:
        """Start it as a process, in a group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "lcirc_cli", *self._words(arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: Any, status: int = 0) -> tuple[str, str]:
        """Run it in this process; (standard output, standard error)."""
        done = self.cli(*self._words(arguments))
        assert done.status == status, done
        return done.out, done.err

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL to the command alone: its workers must notice by themselves."""
        process.kill()  # does nothing to one that has ended
        # Returns only when every process that had these pipes is gone.
        process.communicate(timeout=30)


def contents(out: Path, *, by: str) -> dict[str, str]:
    """The hash of each file of a finished data set, by one of the manifest's hashes."""
    manifest = read_manifest(out)
    assert manifest is not None, "not finished"
    return {entry["path"]: entry[by] for entry in manifest["files"]}


@pytest.fixture
def command(
    counting_model: Path,
    tmp_path: Path,
    cli: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """Runs `lcirc make-lqa`."""
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return Command(counting_model, cli)


@pytest.fixture
def cache(tmp_path: Path) -> ReplayCache:
    """Replies that were given, none yet."""
    return ReplayCache(tmp_path / "replies.sqlite")
