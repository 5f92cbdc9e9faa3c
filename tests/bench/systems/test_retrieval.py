"""`retrieval@MODEL`: passages ranked by a sentence encoder, a tiny one with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from lcirc_cli.bench.systems import Workbench, open_system, parse_system
from lcirc_cli.bench.systems.retrieval import SentenceEncoder
from lcirc_cli.errors import ModelError

from ...engine.tiny import make_text, save_tokenizer
from ..runs import rows_of, table
from .asking import LIMITS, batches, short

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    save_tokenizer(folder, chat=False)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_vectors_are_means_over_the_tokens_of_length_1(encoder_folder: Path) -> None:
    encoder = SentenceEncoder(str(encoder_folder), device=CPU)
    texts = [make_text(seed, words) for seed, words in enumerate([3, 20, 9] * 15)]
    found = encoder.embed(texts)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    for number in (0, 1, 44):  # padding and the texts beside it change nothing
        assert found[number] == pytest.approx(encoder.embed([texts[number]])[0], abs=1e-5)
    model = BertModel.from_pretrained(encoder_folder).eval()
    ids = encoder._tokenizer(texts[1], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        mean = model(ids).last_hidden_state[0].mean(dim=0)
    assert found[1] == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


def test_long_texts_are_cut_and_it_is_said_once(
    encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = SentenceEncoder(str(encoder_folder), device=CPU)
    long = make_text(1, 300)
    assert encoder.embed([long, "short"]).shape == encoder.embed([long + " more", "x"]).shape
    assert capsys.readouterr().err.count("128 tokens at most") == 1


def test_passages_are_ranked_by_their_vectors(
    workbench: Workbench, qa_folder: Path, encoder_folder: Path
) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[2])
    system = open_system(parse_system(f"retrieval@{encoder_folder}"), workbench, limits=LIMITS)
    index = workbench.index(batch.samples[0].document)
    encoder = SentenceEncoder(str(encoder_folder), device=CPU)
    vectors = encoder.embed([index.text(n) for n in range(len(index.passages))])
    for sample, measured in zip(batch.samples, system.run(batch), strict=True):
        cosines = vectors @ encoder.embed([sample.question])[0]
        best = [index.passages[n] for n in np.argsort(-cosines, kind="stable")[:10]]
        assert measured.output.ranking == tuple((p.start, p.end) for p in best)
        assert 0 < measured.window <= LIMITS.window


def test_a_run_with_an_encoder_has_recall_and_no_count_of_operations(
    bench_cli: Callable[..., Any],
    arguments: Callable[..., list[str]],
    encoder_folder: Path,
    tmp_path: Path,
) -> None:
    systems = ["retrieval", f"retrieval@{encoder_folder}"]
    out = tmp_path / "out"
    done = bench_cli("run", *arguments(out, systems=systems))
    assert done.status == 0, done.err
    assert not any(row["error"] for row in rows_of(out).values())
    recalls = {line["system"] for line in table(out) if line["metric"] == "recall@5"}
    assert recalls == set(systems)
    assert {row["system"] for row in json.loads((out / "cost.json").read_text())} == {"retrieval"}


def test_what_is_no_encoder_is_a_model_error(workbench: Workbench, tmp_path: Path) -> None:
    bench = Workbench(workbench.engine(None), offline=True)
    for name, said in (
        (tmp_path, "can't be loaded"),
        (tmp_path / "none", "no sentence encoder"),
        ("no/such-encoder", "not on this machine"),
    ):
        with pytest.raises(ModelError, match=said):
            open_system(parse_system(f"retrieval@{name}"), bench, limits=LIMITS)


def test_the_list_names_it(bench_cli: Callable[..., Any]) -> None:
    assert "retrieval@MODEL" in bench_cli("list").out


def test_retrieval_finds_planted_evidence(workbench: Workbench, qa_folder: Path) -> None:
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[2])
    measured = open_system(parse_system("retrieval"), workbench, limits=LIMITS).run(batch)[0]
    assert measured.output.ranking is not None
    assert measured.output.ranking[0][0] == 0
