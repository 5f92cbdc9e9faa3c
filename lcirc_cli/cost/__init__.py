"""What each system costs: operations by part, for any decoder and length. Loads no torch."""

from lcirc_cli.cost.shapes import LMShape, adapter_config, shape_of, shape_of_config
from lcirc_cli.cost.systems import SYSTEMS, Cost, Workload, ask_again, count

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
