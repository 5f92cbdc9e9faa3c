"""The engine that the common options ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine


def load_engine(settings: CommonSettings) -> Engine:
    """Load backbone and adapter; see `Engine.load` for what is raised."""
    from lcirc_cli.engine import Engine

    return Engine.load(
        settings.model,
        settings.adapter,
        device=settings.device,
        dtype=settings.dtype,
        attention=settings.attention,
        offline=settings.offline,
    )
