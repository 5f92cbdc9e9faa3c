"""The tiny models of tests/engine, and Slurm's stand-in of tests/lqa."""

from __future__ import annotations

from ..engine.conftest import adapter_folder, backbone_folder, models  # noqa: F401
from ..lqa.slurm import slurm  # noqa: F401
