"""Systems by name, `NAME[+WINDOW][@ADAPTER][~shuffled]`, and their classes. Loads no model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lcirc_cli.answering.answer import WINDOWS
from lcirc_cli.errors import UsageError

from .base import Limits, System

if TYPE_CHECKING:
    from .workbench import Workbench

_FORM = re.compile(
    r"(?P<name>[a-z-]+)(\+(?P<window>[a-z]+))?(@(?P<adapter>[^~]+))?(?P<shuffled>~shuffled)?"
)


@dataclass(frozen=True)
class Kind:
    """What a name stands for; its class is imported when it is asked, for it brings torch.

    Attributes:
        place: module and class.
        about: for `lcirc bench list`.
        takes: what its name may have besides: + a window, @ weights, ~ a shuffled memory.
        through_adapter: its weights are an adapter that `lcirc ask` takes, too.
    """

    place: str
    about: str
    takes: str = ""
    through_adapter: bool = False


# The one line, beside its file, that adds a system.
REGISTRY = {
    "none": Kind("none:NoDocument", "the question alone, without the document"),
    "ends": Kind("ends:Ends", "the document cut to the window by the benchmark's own rule"),
    "full": Kind("full:Full", "the document as far as the backbone's positions go"),
    "extended-fa": Kind("extended:Extended", "twice the positions, RoPE's theta scaled"),
    "retrieval": Kind(
        "retrieval:Retrieval",
        "the best passages in the window, by BM25 or a sentence encoder (retrieval@MODEL)",
        "@",
    ),
    "window": Kind(
        "window:Window",
        "like ends, with a LoRA adapter (window@FOLDER): fine-tuning without a memory",
        "+@",
    ),
    "autocompressor": Kind(
        "autocompressor:AutoCompressor", "summary vectors of each segment before the window", "@~"
    ),
    "lcirc": Kind(
        "lcirc:Lcirc", "one compressed memory for all questions", "+@~", through_adapter=True
    ),
    "qd-lcirc": Kind(
        "qd_lcirc:QdLcirc", "compression steered by the question", "+@~", through_adapter=True
    ),
    "reader": Kind(
        "reader:Reader",
        "the decoder that an adapter has tuned, the passages of qd-lcirc, no memory",
        "+@",
        through_adapter=True,
    ),
    "reader-at": Kind(
        "reader_at:ReaderAt",
        "a model on the server in LCIRC_READER, with the passages of qd-lcirc (reader-at@NAME)",
        "@",
    ),
    "constant": Kind("constant:Constant", "the majority answer of the whole file"),
}


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
        return REGISTRY[self.name].through_adapter


def system_class(name: str) -> type[System]:
    """The class of a name; raises KeyError for none of ours."""
    module, _, kind = REGISTRY[name].place.partition(":")
    found: type[System] = getattr(import_module(f".{module}", __package__), kind)
    return found


def descriptions() -> dict[str, str]:
    """Each name and what it is, for people."""
    return {name: kind.about for name, kind in REGISTRY.items()}


def parse_system(text: str) -> SystemSpec:
    """Read a system's name.

    Raises:
        UsageError: no such system, or a part that this system doesn't have.
    """
    match = _FORM.fullmatch(text)
    if match is None or match["name"] not in REGISTRY:
        raise UsageError(f"there is no system {text!r}: `lcirc bench list` shows them")
    name, window = match["name"], match["window"]
    takes = REGISTRY[name].takes
    if window is not None and ("+" not in takes or window not in WINDOWS):
        windowed = [each for each, kind in REGISTRY.items() if "+" in kind.takes]
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
    system: System = kind(spec, bench, replace(limits, window=window))
    return system
