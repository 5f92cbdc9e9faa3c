"""Tiny models with random weights and open gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine

from .tiny import SMALL, save_adapter, save_backbone


@pytest.fixture(scope="session")
def backbone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory, backbone_folder: Path) -> Path:
    engine = Engine.load(str(backbone_folder), dtype="float32", offline=True)
    return save_adapter(tmp_path_factory.mktemp("adapter"), engine, **SMALL)


@pytest.fixture(scope="session")
def raw_adapter_folder(tmp_path_factory: pytest.TempPathFactory, backbone_folder: Path) -> Path:
    """Segment inputs are raw embeddings, as in the paper."""
    engine = Engine.load(str(backbone_folder), dtype="float32", offline=True)
    return save_adapter(
        tmp_path_factory.mktemp("raw"), engine, preset="paper", **SMALL, segment_inputs=0
    )


@pytest.fixture
def engine(backbone_folder: Path, adapter_folder: Path) -> Engine:
    """Random weights, gates at 0.5, contextual inputs; float32 on the CPU."""
    return Engine.load(str(backbone_folder), str(adapter_folder), dtype="float32", device="cpu")


@pytest.fixture
def raw_engine(backbone_folder: Path, raw_adapter_folder: Path) -> Engine:
    return Engine.load(str(backbone_folder), str(raw_adapter_folder), dtype="float32", device="cpu")


@pytest.fixture
def models(backbone_folder: Path, adapter_folder: Path) -> list[Any]:
    """The words of a command line that name the tiny models."""
    return ["--model", backbone_folder, "--adapter", adapter_folder, "--dtype", "float32"]
