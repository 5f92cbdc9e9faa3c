"""Tasks by name: `longbench/qasper`, `leval/coursera`, `qa:DIR`, `perplexity:FILE`, `needle`."""

from __future__ import annotations

from lcirc_cli.errors import UsageError

from ..sample import Task
from . import infinitebench, leval, longbench, needle, perplexity, qa
from .options import TaskOptions

__all__ = ["TaskOptions", "names", "open_task"]


def names() -> list[str]:
    """Every name that `open_task` knows; the ones with a colon take a path."""
    fixed = [f"infinitebench/{name}" for name in infinitebench.FILES]
    fixed += [f"longbench/{name}" for name in longbench.MAX_NEW_TOKENS]
    fixed += [f"leval/{name}" for name in leval.CLOSED | leval.OPEN]
    return [*fixed, "qa:DIR", "perplexity:FILE", "needle"]


def open_task(name: str, options: TaskOptions) -> Task:
    """The task of that name.

    Raises:
        UsageError: no such task, or one that the protocol doesn't have.
        DocumentError: its data isn't there.
    """
    kind, _, argument = name.partition(":")
    if kind == "qa" and argument:
        return qa.open_task(argument, options)
    if kind == "perplexity" and argument:
        return perplexity.open_task(argument, options)
    if name == "needle":
        return needle.open_task(options)
    benchmark, _, dataset = name.partition("/")
    if benchmark == "infinitebench" and dataset in infinitebench.FILES:
        return infinitebench.open_task(dataset, options)
    if benchmark == "longbench" and dataset in longbench.MAX_NEW_TOKENS:
        return longbench.open_task(dataset, options)
    if benchmark == "leval" and dataset in leval.CLOSED | leval.OPEN:
        return leval.open_task(dataset, options)
    raise UsageError(f"there is no task {name!r}: `lcirc bench list` shows them")
