"""The rows that are compared: from a name to something that answers samples."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import Batch, Limits, Measured, NotApplicable, System
from .spec import SystemSpec, descriptions, open_system, parse_system

if TYPE_CHECKING:
    from .constant import Constant
    from .workbench import Workbench

__all__ = [
    "Batch",
    "Constant",
    "Limits",
    "Measured",
    "NotApplicable",
    "System",
    "SystemSpec",
    "Workbench",
    "descriptions",
    "open_system",
    "parse_system",
]


def __getattr__(name: str) -> Any:
    # A name is read, and a list shown, without the torch of these two.
    if name in ("Constant", "Workbench"):
        return getattr(import_module(f".{name.lower()}", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
