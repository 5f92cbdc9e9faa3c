"""A system's name on the command line, `NAME[+WINDOW][@ADAPTER][~shuffled]`, and its class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lcirc_cli.answering.answer import WINDOWS
from lcirc_cli.errors import UsageError

from .base import Limits, System

if TYPE_CHECKING:
    from .workbench import Workbench

# Name to module and class: the one line, beside its file, that adds a system.
REGISTRY = {
    "none": "none:NoDocument",
    "ends": "ends:Ends",
    "full": "full:Full",
    "extended-fa": "extended:Extended",
    "retrieval": "retrieval:Retrieval",
    "window": "window:Window",
    "autocompressor": "autocompressor:AutoCompressor",
    "lcirc": "lcirc:Lcirc",
    "qd-lcirc": "qd_lcirc:QdLcirc",
    "reader": "reader:Reader",
    "reader-at": "reader_at:ReaderAt",
    "constant": "constant:Constant",
}
_FORM = re.compile(
    r"(?P<name>[a-z-]+)(\+(?P<window>[a-z]+))?(@(?P<adapter>[^~]+))?(?P<shuffled>~shuffled)?"
)


@dataclass(frozen=True)
class SystemSpec:
    """What to compare.

    Attributes:
        text: as it was given; the name of the row.
        window: of the systems that take one; `ends` unless said otherwise, as in the paper.
        adapter: a folder or Hub id; None takes the one that ships. Of retrieval the sentence
            encoder; None ranks by BM25. Of reader-at the model's name on the server.
        shuffled: the memory is another document's: a control.
    """

    text: str
    name: str
    window: str
    adapter: str | None
    shuffled: bool

    @property
    def through_adapter(self) -> bool:
        """Whether its weights are an adapter that `lcirc ask` takes, too."""
        return system_class(self.name).through_adapter


def system_class(name: str) -> type[System]:
    """The class of a name; raises KeyError for none of ours."""
    module, _, kind = REGISTRY[name].partition(":")
    found: type[System] = getattr(import_module(f".{module}", __package__), kind)
    return found


def descriptions() -> dict[str, str]:
    """Each name and what it is, for people."""
    return {name: system_class(name).about for name in REGISTRY}


def parse_system(text: str) -> SystemSpec:
    """Read a system's name.

    Raises:
        UsageError: no such system, or a part that this system doesn't have.
    """
    match = _FORM.fullmatch(text)
    if match is None or match["name"] not in REGISTRY:
        raise UsageError(f"there is no system {text!r}: `lcirc bench list` shows them")
    name, window = match["name"], match["window"]
    takes = system_class(name).takes
    if window is not None and ("+" not in takes or window not in WINDOWS):
        windowed = [each for each in REGISTRY if "+" in system_class(each).takes]
        raise UsageError(f"{text!r}: only {', '.join(windowed)} take +{', +'.join(WINDOWS)}")
    if match["adapter"] and "@" not in takes:
        raise UsageError(f"{text!r}: {name} takes no adapter")
    if match["shuffled"] and "~" not in takes:
        raise UsageError(f"{text!r}: {name} has no memory to shuffle")
    return SystemSpec(text, name, window or "ends", match["adapter"], bool(match["shuffled"]))


def open_system(spec: SystemSpec, bench: Workbench, *, limits: Limits) -> System:
    """A system that uses the backbone: any but `constant`.

    Raises:
        ModelError: its adapter is missing or made for another backbone, or its encoder is missing.
        UsageError: an extra is missing.
    """
    kind: Any = system_class(spec.name)
    window = min(limits.window, bench.backbone.max_positions)
    system: System = kind(spec, bench, Limits(window, limits.evidence))
    return system
