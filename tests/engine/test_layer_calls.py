"""How much of the language model runs: j layers for each document token, once, at ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.memory.file import load_memory, save_memory
from lcirc_cli.model.decoders import decoder_layers

from .tiny import make_document, make_text

QUESTION = "Where must every boat go before noon?"


@pytest.fixture
def passed(engine: Engine) -> Any:
    """Tokens that each layer of the LM has finished."""
    counts = [0] * engine.adapter.config.num_lm_layers

    def count(index: int) -> Any:
        def hook(_layer: Any, _args: Any, output: Any) -> None:
            hidden = output if hasattr(output, "shape") else output[0]
            counts[index] += hidden.shape[0] * hidden.shape[1]

        return hook

    layers = decoder_layers(engine.backbone.lm)
    handles = [layer.register_forward_hook(count(index)) for index, layer in enumerate(layers)]
    yield counts
    for handle in handles:
        handle.remove()


def expected(engine: Engine, tokens: int) -> list[int]:
    config = engine.adapter.config
    assert 0 < config.segment_inputs < config.num_lm_layers
    return [tokens if layer < config.segment_inputs else 0 for layer in range(config.num_lm_layers)]


def test_ingest_runs_j_layers_once_a_token(engine: Engine, passed: list[int]) -> None:
    memory = engine.ingest([make_document(make_text(seed), f"{seed}.txt") for seed in (1, 2)])
    assert passed == expected(engine, len(memory.token_ids))


def test_a_question_never_runs_them_again(
    engine: Engine, passed: list[int], tmp_path: Path
) -> None:
    save_memory(tmp_path / "m.lcirc", engine.ingest([make_document(make_text(1))]))
    memory = load_memory(tmp_path / "m.lcirc")
    for _ in range(2):
        passed[:] = [0] * len(passed)
        engine.answerer(memory, method="qd-lcirc").steer([QUESTION])
        assert passed == expected(
            engine, encode_questions(engine.backbone.tokenizer, [QUESTION])[0].shape[1]
        )
    passed[:] = [0] * len(passed)
    engine.answerer(memory, method="lcirc").steer([QUESTION])
    assert not any(passed)
