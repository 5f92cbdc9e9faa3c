"""Operations: the published figures for Llama-2-7B, and torch's own counter on small models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen3Config

from lcirc_cli.bench import measure
from lcirc_cli.bench.report.cost import cost_rows
from lcirc_cli.cost import (
    SYSTEMS,
    Workload,
    adapter_config,
    ask_again,
    count,
    shape_of,
    shape_of_config,
)
from lcirc_cli.cost import operations as ops
from lcirc_cli.errors import ModelError
from lcirc_cli.model.adapter import LcircAdapter
from lcirc_cli.model.causal_lm import LcircForCausalLM
from lcirc_cli.model.config import LcircConfig

from ..model.tiny import segments_of

THOUSANDS = (8, 16, 32, 64, 128)
FULL = (143, 357, 996, 3118, 10739)
LCIRC = (76.5, 79.4, 85.2, 96.8, 120.0)

SMALL = LlamaConfig(
    hidden_size=32,
    intermediate_size=80,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=96,
    max_position_embeddings=512,
)
SMALL_QWEN = Qwen3Config(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    vocab_size=96,
)
SMALL_GPT2 = GPT2Config(n_embd=32, n_layer=4, n_head=4, vocab_size=96)
BACKBONES = [SMALL, SMALL_QWEN, SMALL_GPT2]


def _teraflops(system: str, thousands: int, *, causal: bool = False) -> float:
    shape = shape_of("llama-2-7b")
    work = Workload(thousands * 1024, causal=causal)
    return count(system, shape, adapter_config(shape, "paper"), work).total / 1e12


@pytest.mark.parametrize(("thousands", "expected"), zip(THOUSANDS, FULL, strict=True))
def test_full_attention_of_llama_2_7b(thousands: int, expected: float) -> None:
    assert _teraflops("full", thousands) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("thousands", "expected"), zip(THOUSANDS, LCIRC, strict=True))
def test_lcirc_of_llama_2_7b(thousands: int, expected: float) -> None:
    assert _teraflops("lcirc", thousands) == pytest.approx(expected, rel=0.01)


def test_qd_lcirc_of_llama_2_7b() -> None:
    assert _teraflops("qd-lcirc", 128) == pytest.approx(121.3, rel=0.01)


def test_parts_of_lcirc_at_8k_and_128k() -> None:
    """The published split: LM, compressor, injection."""
    shape = shape_of("llama-2-7b")
    config = adapter_config(shape, "paper")
    for thousands, parts in ((8, (62.9, 1.2, 12.4)), (128, (62.9, 38.5, 18.6))):
        prefill = count("lcirc", shape, config, Workload(thousands * 1024)).prefill
        lm = prefill["lm"] + prefill["attention"] + prefill["head"]
        found = (lm, prefill["compressor"], prefill["injection"])
        assert [part / 1e12 for part in found] == pytest.approx(parts, rel=0.04)


def test_causal_counting_is_less_than_full_and_only_for_attention() -> None:
    assert _teraflops("full", 128, causal=True) < 0.6 * _teraflops("full", 128)
    shape = shape_of("llama-2-7b")
    whole = count("full", shape, None, Workload(8192))
    causal = count("full", shape, None, Workload(8192, causal=True))
    assert whole.prefill["lm"] == causal.prefill["lm"]
    assert causal.prefill["attention"] == pytest.approx(whole.prefill["attention"] / 2, rel=0.001)


def test_every_system_has_a_cost_and_short_documents_cost_the_same_in_all_windows() -> None:
    shape = shape_of("smollm2")
    config = adapter_config(shape, "smollm2")
    for system in SYSTEMS:
        assert count(system, shape, config, Workload(16384)).token > 0
    totals = {s: count(s, shape, config, Workload(1000)).total for s in ("ends", "lcirc", "full")}
    assert len(set(totals.values())) == 1


def test_each_system_is_counted_with_what_it_reads() -> None:
    """As `open_system` makes them: passages, twice the positions, no part of the document."""
    shape = shape_of("smollm2")
    config = adapter_config(shape, "smollm2")
    work = Workload(32768, window=4096, question=64, evidence=512)
    reading = {n: count("full", shape, None, Workload(n)).total for n in (64, 576, 4096, 16384)}
    totals = {name: count(name, shape, config, work).total for name in SYSTEMS}
    assert totals["retrieval"] == reading[576]
    assert totals["extended-fa"] == reading[16384]  # 8,192 positions
    assert totals["ends"] == reading[4096] and totals["none"] == reading[64]
    assert shape_of("llama-2-7b").positions == 4096
    for shown, read in (("evidence", 576), ("none", 64)):
        other = Workload(32768, window=4096, question=64, evidence=512, shown=shown)
        assert count("window", shape, config, other).total == reading[read]
        found = count("qd-lcirc", shape, config, other).prefill
        assert found["lm"] + found["attention"] + found["head"] == reading[read]
        whole = Workload(32768, window=64, question=64)  # all but 64 tokens are compressed
        expected = count("qd-lcirc", shape, config, whole).prefill
        assert all(found[part] == expected[part] for part in ("features", "compressor", "mixer"))


def test_the_parts_of_a_row_are_all_of_it() -> None:
    rows = cost_rows("smollm2", "smollm2", lengths=[32768], window=2048, question=64, evidence=512)
    assert [row["system"] for row in rows] == list(SYSTEMS)
    assert all(sum(row["parts"].values()) == row["total"] for row in rows)


def test_asking_again_saves_what_the_memory_file_holds() -> None:
    shape = shape_of("smollm2")
    config = adapter_config(shape, "smollm2")
    work = Workload(32768, window=2048)
    for system in ("lcirc", "qd-lcirc"):
        first = count(system, shape, config, work).total
        assert ask_again(system, shape, config, work) < 0.5 * first
    assert ask_again("full", shape, config, work) == count("full", shape, config, work).total


def test_an_unknown_backbone_or_preset_is_a_model_error(tmp_path: object) -> None:
    with pytest.raises(ModelError):
        shape_of(f"{tmp_path}/none")
    with pytest.raises(ModelError):
        adapter_config(shape_of("smollm2"), "no-such-preset")


@pytest.mark.parametrize("config", BACKBONES, ids=lambda c: c.model_type)
def test_reading_agrees_with_the_counter_of_torch(config: object) -> None:
    lm = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    shape = shape_of_config("small", config)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        lm(torch.zeros(1, 96, dtype=torch.long), use_cache=False)
    assert count("full", shape, None, Workload(96)).total == pytest.approx(
        counter.get_total_flops(), rel=0.01
    )


def test_decoding_agrees_with_the_counter_of_torch() -> None:
    lm = AutoModelForCausalLM.from_config(SMALL, attn_implementation="eager").eval()
    shape = shape_of_config("small", SMALL)
    with torch.no_grad():
        cache = lm(torch.zeros(1, 96, dtype=torch.long)).past_key_values
        with FlopCounterMode(display=False) as counter:
            lm(torch.zeros(1, 1, dtype=torch.long), past_key_values=cache)
    assert count("full", shape, None, Workload(96)).token == pytest.approx(
        counter.get_total_flops(), rel=0.01
    )


def _adapter(**changes: object) -> LcircConfig:
    settings: dict[str, object] = {
        "hidden_size": 32,
        "num_lm_layers": 4,
        "segment_length": 32,
        "max_segment_length": 64,
        "feature_window": 64,
        "num_latents": 4,
        "perceiver_layers": 2,
        "perceiver_heads": 4,
        "perceiver_head_dim": 8,
        "perceiver_ffn_size": 80,
        "mixer_ffn_size": 80,
        "injection_layers": [0, 3],
        "injection_heads": 4,
        "injection_kv_heads": 4,
        "injection_head_dim": 8,
        "injection_ffn_size": 80,
    }
    return LcircConfig(**(settings | changes))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"segment_inputs": 2, "mixer_ffn_size": 0, "injection_ffn_size": 0},
        {"injection_kv_heads": 2, "perceiver_layers": 3, "num_latents": 8},
    ],
)
def test_lcirc_agrees_with_the_counter_of_torch(changes: dict[str, object], mixed: bool) -> None:
    config = _adapter(**changes)
    lm = AutoModelForCausalLM.from_config(SMALL, attn_implementation="eager").eval()
    model = LcircForCausalLM(lm, LcircAdapter(config).eval().requires_grad_(False))
    window, rest, question = 48, 150, 7  # the last segment is not full
    document = torch.zeros(rest, dtype=torch.long)
    asked = torch.zeros(1, question, dtype=torch.long)
    # The counter doesn't know the CPU's fused attention, so it is done as matrix products.
    unfused = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), unfused, FlopCounterMode(display=False) as counter:
        keys = model.question_keys(asked) if mixed else None
        memory = model.compress(segments_of(model, [document]), question=keys).memory
        model(torch.zeros(1, window, dtype=torch.long), memory=memory, use_cache=False)
    shape = shape_of_config("small", SMALL)
    work = Workload(window + rest, window=window, question=question)
    expected = count("qd-lcirc" if mixed else "lcirc", shape, config, work)
    assert expected.total == pytest.approx(counter.get_total_flops(), rel=0.01)


@pytest.mark.parametrize("changes", [{}, {"segment_inputs": 2, "evidence_latents": 2}])
def test_a_reader_s_ranking_agrees_with_the_counter_of_torch(changes: dict[str, object]) -> None:
    config = _adapter(**changes)
    lm = AutoModelForCausalLM.from_config(SMALL, attn_implementation="eager").eval()
    model = LcircForCausalLM(lm, LcircAdapter(config).eval().requires_grad_(False))
    window, rest, question = 48, 150, 7
    document = torch.zeros(rest, dtype=torch.long)
    unfused = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), unfused, FlopCounterMode(display=False) as counter:
        keys = model.question_keys(torch.zeros(1, question, dtype=torch.long))
        for segment in segments_of(model, [document]):
            own = model.adapter.evidence_keys(segment.inputs_BND)
            model.adapter.evidence(keys, own)
        lm(torch.zeros(1, window, dtype=torch.long), use_cache=False)
    work = Workload(window + rest, window=window, question=question)
    expected = count("reader", shape_of_config("small", SMALL), config, work)
    assert expected.total == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_counting_segments() -> None:
    config = _adapter()
    assert [ops.count_segments(config, n) for n in (0, 1, 32, 33, 64)] == [0, 1, 1, 2, 2]


@pytest.mark.slow
def test_cost_from_the_command_line(
    bench_cli: Callable[..., Any],
    backbone_folder: Path,
    adapter_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "SYSTEMS", ("full", "qd-lcirc"))  # each takes a process
    done = bench_cli("cost", "--model", "llama-2-7b", "--preset", "paper", "--lengths", "131072")
    assert done.status == 0, done.err
    assert "| 131,072 | full |" in done.out and "1.074e+04" in done.out
    config = tmp_path / "c.toml"
    config.write_text('device = "cpu"\n[ask]\ncitations = 1\n', "utf-8")
    given = ["--model", backbone_folder, "--adapter", adapter_folder, "--dtype", "float32"]
    given += ["--config", config, "--offline", "--lengths", "2048", "--window", "512"]
    done = bench_cli("cost", *given, "--measure", "600", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert {row["system"] for row in found["operations"]} >= {"full", "lcirc", "autocompressor"}
    assert [row["system"] for row in found["measured"]] == ["full", "qd-lcirc"]
    for row in found["measured"]:
        assert row["first_token_s"] > 0 and row["peak_mb"] > 50, row
    assert bench_cli("cost", "--model", "no/such/model", "--offline").status == 4
