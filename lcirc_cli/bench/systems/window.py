"""`window@FOLDER`: a LoRA adapter on the backbone that reads a part of the document."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora

from .base import Limits
from .reading import Reading
from .spec import SystemSpec
from .workbench import Workbench


class WithLora(Reading):
    """`window@FOLDER`: a LoRA adapter on the backbone, no memory. Needs the extra `peft`."""

    def __init__(self, bench: Workbench, spec: SystemSpec, *, limits: Limits) -> None:
        folder = spec.adapter or ""
        card = baseline.load_card(folder, bench.backbone, method="window")
        super().__init__(
            bench,
            window=spec.window,
            limit=limits.window,
            evidence=limits.evidence,
            form=card.prompt_form,
        )
        self._refuse_from = card.refusal_threshold
        self._attach: Callable[[], AbstractContextManager[None]] = lora.attach(
            bench.backbone.lm, folder
        )

    def _changed(self) -> AbstractContextManager[None]:
        return self._attach()
