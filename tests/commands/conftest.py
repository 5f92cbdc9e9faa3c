"""The tiny models of tests/engine, and `lcirc ingest` with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..engine.conftest import (  # noqa: F401
    adapter_folder,
    backbone_folder,
    engine,
    models,
    raw_adapter_folder,
    raw_engine,
)
from ..engine.tiny import make_text

Run = Callable[..., Any]
QUESTION = "What did the harbour master write?"


@pytest.fixture
def ingest(
    cli: Run,
    models: list[Any],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`lcirc ingest` with the tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: cli("ingest", *arguments, *models)


@pytest.fixture
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Run,
    models: list[Any],  # noqa: F811
) -> Path:
    """A folder with the memories one.lcirc and two.lcirc."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("one", 1), ("two", 2)):
        Path(f"{name}.txt").write_text(make_text(seed, words=300), "utf-8")
        assert cli("ingest", f"{name}.txt", "--quiet", *models).status == 0
    return tmp_path


@pytest.fixture
def ask(here: Path, cli: Run, models: list[Any]) -> Run:  # noqa: F811
    """`lcirc ask` with the tiny models, in that folder."""
    return lambda *arguments: cli("ask", *arguments, "--max-new-tokens", 12, *models)
