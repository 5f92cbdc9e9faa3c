"""The adapter that ships with the default model: it is found, it fits, and it reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch

from lcirc_cli import Engine
from lcirc_cli.adapters.loading import PRETRAINED, load_adapter
from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.documents import read_document
from lcirc_cli.training.data.corpus import load_corpus, select
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.methods.readers import MemoryReader

from .tiny import WORDS, make_document, make_text


def test_it_is_the_default_and_small_enough(smollm2: Any) -> None:
    engine = Engine.load(offline=True, device="cpu")
    assert engine.adapter.name == "smollm2" and engine.adapter.has_open_gates
    assert engine.adapter.config.trained
    size = sum(path.stat().st_size for path in (PRETRAINED / "smollm2").iterdir())
    assert size < 64 * 2**20
    assert (PRETRAINED / "smollm2" / "README.md").is_file()


def test_what_it_reads_is_injected(smollm2: Any, repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "license.txt"
    path.write_text((repository / "LICENSE").read_text("utf-8")[:5000], "utf-8")
    engine = Engine(smollm2, load_adapter(None, smollm2))
    memory = engine.ingest([read_document(path)])
    question = "What does Contributor mean?"
    answer = engine.ask(memory, question, method="qd-lcirc", max_new_tokens=16)
    assert answer.tokens.memory == 32 and answer.citations
    assert "contributor" in answer.citations[0].quote.lower()
    read = engine.ask(memory, question, max_new_tokens=16)
    assert (read.method, read.tokens.memory) == ("reader", 0)
    assert read.confidence is not None


@torch.no_grad()
def test_the_true_document_answers_better_than_another(smollm2: Any, data_dir: Path) -> None:
    """Nats a token of the answers, the question alone in the window: the four shortest stories."""
    model = Engine(smollm2, load_adapter(None, smollm2)).model
    loaded = load_corpus([str(data_dir / "dev/fairytaleqa")], smollm2)
    corpus = select(loaded, limit=2 * len(loaded.documents), seed=0)
    reader = MemoryReader(model, smollm2, cache=FeatureCache(model, None, fingerprint=""))
    asked = sorted(range(len(corpus.documents)), key=lambda i: len(corpus.documents[i].ids_N))[:4]
    losses: dict[str, list[float]] = {"true": [], "another": []}
    for place, index in enumerate(asked):
        rows = corpus.questions[index]
        answers = [answer_ids(smollm2, question.answers[0]) for question in rows]
        for kind, source in (("true", index), ("another", asked[place - 1])):
            losses[kind] += reader.read(corpus, source, rows).losses(answers).tolist()
    assert mean(losses["true"]) < mean(losses["another"]) - 0.1


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_threads_get_the_serial_answers(smollm2: Any) -> None:
    """Two memories, sixty questions, four threads, the reader and the injected memory in turn."""
    engine = Engine(smollm2, load_adapter(None, smollm2))
    names = [f"{seed}.txt" for seed in (1, 2)]
    memories = [
        engine.ingest([make_document(make_text(seed, words=200), name)])
        for seed, name in enumerate(names, start=1)
    ]
    asked = [
        (memory, f"{start} {word}?", ("reader", "qd-lcirc")[number % 2])
        for start in ("Who carries", "What is said of")
        for number, word in enumerate(list(dict.fromkeys(WORDS))[:15])
        for memory in memories
    ]
    assert len(asked) == 60

    def ask(each: tuple[Any, str, str]) -> dict[str, Any]:
        memory, question, method = each
        options: dict[str, Any] = {"method": method, "window_tokens": 64, "max_new_tokens": 4}
        answer = engine.ask(memory, question, **options).to_json()
        return {name: value for name, value in answer.items() if name != "timings"}

    alone = [ask(each) for each in asked]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, asked))
    assert together == alone
    assert len({str(answer["citations"]) for answer in alone}) > 30
    assert len({answer["answer"] for answer in alone}) > 10
