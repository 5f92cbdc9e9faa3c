"""datatrove, tamed: its classes, and its noise turned off.

Worker processes unpickle the steps of the pipeline and so import this module: what is turned off
here is off there too.
"""

from __future__ import annotations

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from loguru import logger

# datatrove reports every step at length on standard error, tracebacks included; what a person
# should know comes from us, and a worker's exception reaches the parent anyway.
logger.disable("datatrove")

__all__ = ["Document", "PipelineStep"]
