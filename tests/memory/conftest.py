"""A small memory file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcirc_cli.memory.file import save_memory

from .samples import make_contents, make_document


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.lcirc"
    contents = make_contents([make_document("A small text.")], words=True)
    features = {"codes": torch.ones(len(contents.token_ids), 2, dtype=torch.int8)}
    save_memory(path, replace(contents, features=features))
    return path
