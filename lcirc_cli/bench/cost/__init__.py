"""What each system costs: operations by part, for any decoder, preset and length."""

from .shapes import LMShape, adapter_config, shape_of, shape_of_config
from .systems import SYSTEMS, Cost, Workload, ask_again, count

__all__ = [
    "SYSTEMS",
    "Cost",
    "LMShape",
    "Workload",
    "adapter_config",
    "ask_again",
    "count",
    "shape_of",
    "shape_of_config",
]
