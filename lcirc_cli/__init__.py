"""lcirc: questions about documents far longer than a language model's window.

The Python API is `Engine`: the same object that the commands use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lcirc_cli.version import __version__, check_links

__all__ = ["Engine", "__version__"]

if TYPE_CHECKING:
    from lcirc_cli.engine import Engine


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, so `Engine` is fetched on first use.
    if name == "Engine":
        check_links()  # before an ImportError that would say nothing about the cause
        from lcirc_cli.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
