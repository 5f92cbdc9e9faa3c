"""The rows that are compared: from a name to something that answers samples."""

from __future__ import annotations

from collections.abc import Iterable

from ..sample import Sample, TextSample
from .autocompressor import AutoCompressor
from .base import Batch, Limits, Measured, NotApplicable, System
from .compressing import Compressing
from .constant import Constant
from .extended import Extended
from .reading import Reading
from .retrieval import Embedded, SentenceEncoder
from .spec import NAMES, THROUGH_ADAPTER, SystemSpec, parse_system
from .window import WithLora
from .workbench import Workbench

__all__ = [
    "NAMES",
    "THROUGH_ADAPTER",
    "Batch",
    "Limits",
    "Measured",
    "NotApplicable",
    "System",
    "SystemSpec",
    "Workbench",
    "open_constant",
    "open_system",
    "parse_system",
]


def open_system(
    spec: SystemSpec, bench: Workbench, *, limits: Limits, offline: bool = False
) -> System:
    """A system that uses the backbone.

    Args:
        offline: never reach out for a sentence encoder; what is missing is an error.

    Raises:
        ModelError: its adapter is missing or made for another backbone, or its encoder is missing.
        UsageError: an extra is missing.
    """
    backbone = bench.backbone
    positions = backbone.max_positions
    window = min(limits.window, positions)
    limits = Limits(window, limits.evidence)
    if spec.name in THROUGH_ADAPTER:
        return Compressing(bench, spec, limits=limits)
    if spec.name == "autocompressor":
        return AutoCompressor(backbone, spec.adapter, limits=limits, shuffled=spec.shuffled)
    if spec.name == "window" and spec.adapter is not None:
        return WithLora(bench, spec, limits=limits)
    if spec.name == "retrieval" and spec.adapter is not None:
        encoder = SentenceEncoder(spec.adapter, device=backbone.lm.device, offline=offline)
        return Embedded(bench, encoder, limits=limits)
    if spec.name == "extended-fa":
        return Extended(bench, window="ends", limit=2 * positions)
    seen = {"none": "none", "retrieval": "evidence"}.get(spec.name, spec.window)
    limit = positions if spec.name in ("none", "full") else window
    return Reading(bench, window=seen, limit=limit, evidence=limits.evidence)


def open_constant(samples: Iterable[Sample | TextSample]) -> Constant:
    """The majority answer of these samples; needs no backbone."""
    return Constant(samples)
