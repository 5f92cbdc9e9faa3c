"""lcirc: questions about documents far longer than a language model's window.

The Python API is `Engine`, the same object that the commands use, and `lcirc_cli.memory_file`,
which saves and loads memories: the public name of `lcirc_cli.memory.file`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lcirc_cli.version import __version__, check_links

__all__ = ["Engine", "__version__"]

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine


class _MemoryFile(ModuleType):
    """Stands for a module that imports torch, until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module("lcirc_cli.memory.file"), name)


sys.modules[f"{__name__}.memory_file"] = _MemoryFile(f"{__name__}.memory_file")


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, so `Engine` is fetched on first use.
    if name == "Engine":
        check_links()  # before an ImportError that would say nothing about the cause
        from lcirc_cli.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
