"""A system's name on the command line: `NAME[+WINDOW][@ADAPTER][~shuffled]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lcirc_cli.errors import UsageError

NAMES = {
    "none": "the question alone, without the document",
    "ends": "the document cut to the window by the benchmark's own rule",
    "full": "the document as far as the backbone's positions go",
    "extended-fa": "twice the positions, RoPE's theta scaled",
    "retrieval": "the best passages in the window, by BM25 or a sentence encoder (retrieval@MODEL)",
    "window": "like ends, with a LoRA adapter (window@FOLDER): fine-tuning without a memory",
    "autocompressor": "summary vectors of each segment before the window",
    "lcirc": "one compressed memory for all questions",
    "qd-lcirc": "compression steered by the question",
    "reader": "the decoder that an adapter has tuned, the passages of qd-lcirc, no memory",
    "constant": "the majority answer of the whole file",
}
WINDOWS = ("ends", "evidence", "none")
_COMPRESSING = ("lcirc", "qd-lcirc")
THROUGH_ADAPTER = (*_COMPRESSING, "reader")  # read through an adapter that `lcirc ask` takes
_WINDOWED = (*THROUGH_ADAPTER, "window")
_ADAPTED = (*THROUGH_ADAPTER, "window", "autocompressor", "retrieval")
_FORM = re.compile(
    r"(?P<name>[a-z-]+)(\+(?P<window>[a-z]+))?(@(?P<adapter>[^~]+))?(?P<shuffled>~shuffled)?"
)


@dataclass(frozen=True)
class SystemSpec:
    """What to compare.

    Attributes:
        text: as it was given; the name of the row.
        window: of the compressing systems, `reader` and `window`; `ends` unless said otherwise, as
            in the paper.
        adapter: a folder or Hub id; None takes the one that ships. Of retrieval the sentence
            encoder; None ranks by BM25.
        shuffled: the memory is another document's: a control.
    """

    text: str
    name: str
    window: str
    adapter: str | None
    shuffled: bool


def parse_system(text: str) -> SystemSpec:
    """Read a system's name.

    Raises:
        UsageError: no such system, or a part that this system doesn't have.
    """
    match = _FORM.fullmatch(text)
    if match is None or match["name"] not in NAMES:
        raise UsageError(f"there is no system {text!r}: `lcirc bench list` shows them")
    name, window = match["name"], match["window"]
    if window is not None and (name not in _WINDOWED or window not in WINDOWS):
        raise UsageError(f"{text!r}: only {', '.join(_WINDOWED)} take +{', +'.join(WINDOWS)}")
    if match["adapter"] and name not in _ADAPTED:
        raise UsageError(f"{text!r}: {name} takes no adapter")
    if match["shuffled"] and name not in (*_COMPRESSING, "autocompressor"):
        raise UsageError(f"{text!r}: {name} has no memory to shuffle")
    return SystemSpec(text, name, window or "ends", match["adapter"], bool(match["shuffled"]))
