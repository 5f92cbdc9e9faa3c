"""Opens the model that a run asks: an endpoint, or a backbone in this process.

Knows nothing about what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lcirc_cli.endpoints.chat import ChatModel
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.lqa.settings import LOCAL, EngineSettings


@dataclass(frozen=True)
class ModelChoice:
    """What a worker needs to open the model; no secret is in it."""

    generator: str  # the name on the endpoint, or "local"
    backbone: str
    dialect: Dialect = field(default_factory=Dialect)

    def open(self, engine: EngineSettings) -> ChatModel:
        """The model, ready for requests.

        Raises:
            ModelError: a local backbone that can't be loaded.
        """
        if self.generator == LOCAL:
            from lcirc_cli.lqa.models.local import LocalModel

            return LocalModel.load(
                self.backbone,
                device=engine.device,
                dtype=engine.dtype,
                offline=engine.offline,
            )
        # The client takes half a second to import, in every process.
        from lcirc_cli.endpoints.endpoint import EndpointModel

        assert engine.endpoint is not None
        return EndpointModel(
            engine.endpoint,
            self.generator,
            dialect=self.dialect,
            timeout=engine.timeout,
            patience=engine.patience,
        )
