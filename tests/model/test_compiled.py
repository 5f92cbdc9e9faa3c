"""Compiled generation with a memory: the tokens of eager generation.

lcirc does not compile by default: an answer is over sooner than a compiler. Who wants it asks the
LM's own generate for it, as here. The stand-in compiler runs what was captured as it stands, so
that no C++ compiler is needed; on CUDA transformers compiles wherever the cache is static.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import CompileConfig

from lcirc_cli.model import LcircForCausalLM, Memory

from .tiny import FAMILIES, batch, segments_of, tiny_model, tokens

NEW = 6


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Any:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def memory_of(model: LcircForCausalLM, seed: int) -> Memory:
    with torch.no_grad():
        return model.compress(segments_of(model, tokens(20, seed=seed))).memory


@pytest.mark.parametrize("family", FAMILIES)
def test_compiled_generation_gives_the_tokens_of_eager(family: str) -> None:
    model, ids = tiny_model(family), batch(1, 7)
    captured: list[int] = []

    def compiler(graph: torch.fx.GraphModule, _inputs: list[torch.Tensor]) -> Any:
        captured.append(len(graph.graph.nodes))
        return graph.forward

    settings = CompileConfig(backend=compiler, fullgraph=False, mode=None)
    settings._compile_all_devices = True  # transformers compiles on a CPU only when told so
    answers = set()
    for seed in (2, 9):
        options = {"max_new_tokens": NEW, "do_sample": False, "memory": memory_of(model, seed)}
        eager = model.generate(ids, **options)
        compiled = model.generate(
            ids, cache_implementation="static", compile_config=settings, **options
        )
        assert torch.equal(eager, compiled)
        answers.add(tuple(eager[0].tolist()))
    assert captured
    assert len(answers) == 2  # the second memory was read, not the one that was captured first


def test_nothing_is_compiled_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    model = tiny_model()
    model.generate(batch(1, 7), memory=memory_of(model, 2), max_new_tokens=NEW, do_sample=False)
