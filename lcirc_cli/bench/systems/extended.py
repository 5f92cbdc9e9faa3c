"""`extended-fa`: the backbone with RoPE's theta scaled for twice the positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .base import Limits, NotApplicable
from .reading import Reading
from .spec import SystemSpec
from .workbench import Workbench


class Extended(Reading):
    """Reads what fits into twice the positions."""

    shows = "ends"
    positions = 2

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        super().__init__(spec, bench, limits)
        self._changed = lambda: _doubled_theta(bench.backbone.lm)


@contextmanager
def _doubled_theta(lm: Any) -> Iterator[None]:
    """NTK-aware scaling by 2: theta * 2^(d / (d - 2)), for models with one rotary embedding."""
    rotary = getattr(lm.get_decoder(), "rotary_emb", None)
    if rotary is None or not hasattr(rotary, "inv_freq"):
        raise NotApplicable("this backbone has no rotary embedding to extend")
    kept = rotary.inv_freq
    d = 2 * len(kept)
    exponents = 2 * kept.new_tensor(range(d // 2)) / d
    try:
        rotary.inv_freq = kept * (2.0 ** (d / (d - 2))) ** -exponents
        yield
    finally:
        rotary.inv_freq = kept
