"""Fixtures of the model's tests; the tiny models themselves are made in `tiny.py`."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def smollm2() -> Any:
    """The embedded default backbone in float32, where it is on this machine already."""
    from lcirc_cli import default_model
    from lcirc_cli.backbones import load_backbone

    if not default_model.is_cached():
        pytest.skip("the default model is not on this machine; run: lcirc pull smollm2")
    return load_backbone("smollm2", device="cpu", dtype="float32", offline=True)
