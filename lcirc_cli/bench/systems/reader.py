"""`reader`: an adapter's decoder and passages without the memory, the control for what it adds."""

from __future__ import annotations

from ..sample import TextSample
from .base import Measured, NotApplicable
from .lcirc import Lcirc


class Reader(Lcirc):
    """The window of `qd-lcirc`, read by the same decoder."""

    def _scored(self, sample: TextSample, other: str) -> Measured:
        raise NotApplicable("without a memory nothing before the scored tokens is read")
