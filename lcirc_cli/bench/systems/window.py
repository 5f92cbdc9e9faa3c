"""`window@FOLDER`: a LoRA adapter on the backbone that reads a part of the document."""

from __future__ import annotations

from lcirc_cli.baselines import folder as baseline
from lcirc_cli.baselines import lora

from .base import Limits
from .reading import Reading
from .spec import SystemSpec
from .workbench import Workbench


class Window(Reading):
    """Reads a window with LoRA weights (which needs the extra `peft`), or the bare model."""

    def __init__(self, spec: SystemSpec, bench: Workbench, limits: Limits) -> None:
        self.shows = spec.window
        card = baseline.MethodCard()
        if spec.adapter is not None:
            card = baseline.load_card(spec.adapter, bench.backbone, method="window")
            self._changed = lora.attach(bench.backbone.lm, spec.adapter)
        super().__init__(spec, bench, limits, form=card.prompt_form)
        self._refuse_from = card.refusal_threshold
