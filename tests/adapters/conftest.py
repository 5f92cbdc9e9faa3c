"""The tiny models of tests/engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..engine.conftest import (  # noqa: F401
    adapter_folder,
    backbone_folder,
    engine,
    models,
    raw_adapter_folder,
    raw_engine,
)
from .checkpoints import config


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """A folder with the config of a tiny Llama; a conversion needs no more of a backbone."""
    folder = tmp_path / "backbone"
    config().save_pretrained(folder)
    return folder
