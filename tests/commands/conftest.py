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

Run = Callable[..., Any]


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
