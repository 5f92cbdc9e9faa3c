"""The rows that are compared: from a name to something that answers samples."""

from .base import Batch, Limits, Measured, NotApplicable, System
from .constant import Constant
from .spec import SystemSpec, descriptions, open_system, parse_system
from .workbench import Workbench

__all__ = [
    "Batch",
    "Constant",
    "Limits",
    "Measured",
    "NotApplicable",
    "System",
    "SystemSpec",
    "Workbench",
    "descriptions",
    "open_system",
    "parse_system",
]
