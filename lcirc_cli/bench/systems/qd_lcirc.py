"""`qd-lcirc`: each question steers the compression of the document."""

from __future__ import annotations

from ..sample import TextSample
from .base import Measured, NotApplicable
from .lcirc import Lcirc


class QdLcirc(Lcirc):
    """A memory a question."""

    def _scored(self, sample: TextSample, other: str) -> Measured:
        raise NotApplicable("there is no question to steer the compression: see lcirc")
