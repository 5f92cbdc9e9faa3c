"""Whether a system's weights learned from questions and answers: what the paper's rows differ in.

Read when a run starts, from what training left beside the weights, and kept in the run's folder.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from lcirc_cli.adapters.loading import PRETRAINED, LoadedAdapter

from ..systems import SystemSpec

if TYPE_CHECKING:
    from ..systems import Workbench

QA, UNTUNED, UNTRAINED, UNKNOWN = "qa", "untuned", "untrained", "unknown"
_TUNED = ("window", "autocompressor")  # `lcirc train` makes them of questions and answers alone


def tuning_of(spec: SystemSpec, bench: Workbench) -> str:
    """One of the four words above.

    Raises:
        ModelError: the adapter or the folder can't be used.
    """
    from lcirc_cli.baselines import folder as baseline  # brings torch

    if spec.through_adapter:
        return _of_adapter(bench.engine(spec.adapter).adapter)
    if spec.name not in _TUNED or (spec.name == "window" and spec.adapter is None):
        return UNTUNED
    if spec.adapter is None:
        return UNTRAINED
    card = baseline.load_card(spec.adapter, bench.backbone, method=spec.name)
    return QA if card.method else UNKNOWN


def _of_adapter(loaded: LoadedAdapter) -> str:
    """By the settings that `lcirc train` writes beside its adapters; ours that ships is tuned."""
    if not loaded.changes:
        return UNTRAINED
    named = Path(loaded.name).expanduser()
    folder = (named if named.is_dir() else PRETRAINED / loaded.name).resolve()
    if folder.is_dir() and folder.parent == PRETRAINED.resolve():
        return QA
    try:
        stage = tomllib.loads((folder.parent / "config.toml").read_text("utf-8")).get("stage")
    except (OSError, ValueError):
        return UNKNOWN
    return {"qa": QA, "lm": UNTUNED, "reconstruct": UNTUNED}.get(str(stage), UNKNOWN)
