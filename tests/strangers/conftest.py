"""The tiny models of tests/engine."""

from __future__ import annotations

from ..engine.conftest import (  # noqa: F401
    adapter_folder,
    backbone_folder,
    engine,
    models,
    raw_adapter_folder,
    raw_engine,
)
