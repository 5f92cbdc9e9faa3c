"""Opens the model that a run asks: an endpoint, or a backbone in this process.

Knows nothing about what is asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from lcirc_cli.lqa.chat import ChatModel
from lcirc_cli.lqa.dialect import Dialect
from lcirc_cli.lqa.probe import follows_instructions
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
            from lcirc_cli.lqa.local_model import LocalModel

            return LocalModel.load(
                self.backbone,
                device=engine.device,
                dtype=engine.dtype,
                offline=engine.offline,
            )
        # The client takes half a second to import, in every process.
        from lcirc_cli.lqa.endpoint import EndpointModel

        assert engine.endpoint is not None
        return EndpointModel(
            engine.endpoint,
            self.generator,
            dialect=self.dialect,
            timeout=engine.timeout,
            patience=engine.patience,
        )


def choose_model(generator: str, backbone: str, engine: EngineSettings) -> ModelChoice:
    """The choice, with what the endpoint understands found out.

    Raises:
        EndpointError: there is no answer, or no form of request is understood.
    """
    choice = ModelChoice(generator, backbone)
    if generator == LOCAL:
        return choice

    from lcirc_cli.lqa.endpoint import EndpointModel, negotiate

    async def ask() -> Dialect:
        model = choice.open(engine)
        assert isinstance(model, EndpointModel)
        try:
            dialect = model.dialect = await negotiate(model)
            return replace(dialect, examples=not await follows_instructions(model))
        finally:
            await model.aclose()

    return ModelChoice(generator, backbone, asyncio.run(ask()))
