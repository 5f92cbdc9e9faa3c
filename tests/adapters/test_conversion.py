"""`lcirc convert`: the same numbers as the published code gives, and a refusal for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, LlamaForCausalLM

from lcirc_cli.adapters.conversion import PUBLISHED_MODEL, convert
from lcirc_cli.errors import ModelError, StorageError, UsageError
from lcirc_cli.model import LcircAdapter, LcircForCausalLM, Segment

from . import published_forward as published
from .checkpoints import DEPTH, HEADS, WIDTH, config, save

LAYERS = [0, 3, 4]  # the published pattern for five layers


def distance(left: torch.Tensor, right: torch.Tensor) -> float:
    assert left.shape == right.shape
    return float((left - right).abs().max())


@pytest.mark.parametrize("mixer", [False, True], ids=["lcirc", "qd-lcirc"])
def test_parity_with_the_published_forward(tmp_path: Path, backbone: Path, mixer: bool) -> None:
    checkpoint = published.random_checkpoint(mixer=mixer)
    done = convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone))
    assert done.method == ("qd-lcirc" if mixer else "lcirc")
    adapter = LcircAdapter.load(done.folder, dtype=torch.float64)
    assert adapter.config.injection_layers == LAYERS

    exact = published.cast(checkpoint, torch.float64)
    generator = torch.Generator().manual_seed(5)
    segments = [
        torch.randn(n, WIDTH, dtype=torch.float64, generator=generator) for n in (32, 20, 7)
    ]
    question = torch.randn(6, WIDTH, dtype=torch.float64, generator=generator) if mixer else None
    expected = published.soft_prompt(exact, segments, question=question, heads=HEADS)

    torch.manual_seed(1)
    model = LcircForCausalLM(LlamaForCausalLM(config()).double().eval(), adapter)
    with torch.no_grad():
        keys = None if question is None else adapter.question_keys(question[None])
        found = model.compress([Segment(x[None]) for x in segments], question=keys)
        assert distance(found.memory.states_BMD[0], expected) < 1e-9
        ids = torch.randint(97, (9,), generator=generator)
        ours = model(ids[None], memory=found.memory).logits[0]
        theirs = published.logits(exact, model.lm, ids, prompt=expected, layers=LAYERS, heads=HEADS)
        # The library's Llama norms compute in float32 whatever the dtype is.
        assert distance(ours, theirs) < 1e-4
        assert distance(ours, model.lm(ids[None]).logits[0]) > 1e-1


def test_no_number_changes(tmp_path: Path, backbone: Path) -> None:
    checkpoint = published.random_checkpoint()
    out = convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone)).folder
    loaded = LcircAdapter.load(out, dtype=torch.float32).state_dict()
    parts = published.cast(checkpoint, torch.float32)
    numbers = torch.cat([t.flatten() for part in parts.values() for t in part.values()])
    ours = torch.cat([tensor.flatten() for tensor in loaded.values()])
    assert torch.equal(ours.sort().values, numbers.sort().values)
    kv = parts["Xattn_layers_state_dict"]["2.attn.to_kv.weight"]
    assert torch.equal(loaded["injection.2.attention.k.weight"], kv[:WIDTH])
    assert torch.equal(loaded["injection.2.attention.v.weight"], kv[WIDTH:])


def test_what_is_written(tmp_path: Path, backbone: Path) -> None:
    checkpoint = published.random_checkpoint(latents=5, perceiver_layers=3, inner=56)
    done = convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone))
    assert sorted(p.name for p in done.folder.iterdir()) == ["config.json", "model.safetensors"]
    adapter = AutoModel.from_pretrained(done.folder)
    assert adapter.dtype == torch.bfloat16
    assert done.dtype == "bfloat16"
    assert done.parameters == sum(p.numel() for p in adapter.parameters())
    settings = adapter.config
    assert (settings.num_latents, settings.perceiver_layers) == (5, 3)
    assert (settings.perceiver_ffn_size, settings.injection_ffn_size) == (56, 56)
    assert (settings.segment_length, settings.max_segment_length) == (WIDTH, WIDTH)
    assert (settings.hidden_size, settings.num_lm_layers) == (WIDTH, DEPTH)
    assert settings.trained
    assert settings.query_mixer
    assert settings.norm == "layernorm"
    assert settings.base_model == str(backbone)


def test_layers_can_be_named(tmp_path: Path, backbone: Path) -> None:
    path = save(published.random_checkpoint(blocks=2), tmp_path)
    with pytest.raises(ModelError, match=r"2 injection blocks, and there are 3 layers .* --layers"):
        convert(path, tmp_path / "out", model=str(backbone))
    done = convert(path, tmp_path / "out", model=str(backbone), layers=[1, 4])
    assert done.config.injection_layers == [1, 4]
    with pytest.raises(ModelError, match="must be increasing"):
        convert(path, tmp_path / "other", model=str(backbone), layers=[4, 1])


def test_sizes_that_do_not_fit(tmp_path: Path, backbone: Path) -> None:
    path = save(published.random_checkpoint(), tmp_path)
    with pytest.raises(ModelError, match=r"hidden size 32, and .*Llama-2-7b-hf has 4096.* --model"):
        convert(path, tmp_path / "out")
    checkpoint = published.random_checkpoint()
    checkpoint["Xattn_layers_state_dict"]["1.attn.to_q.weight"] = torch.zeros(16, WIDTH)
    with pytest.raises(ModelError, match=r"injection\.1\.attention\.q\.weight is \(16, 32\)"):
        convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone))
    assert not (tmp_path / "out").exists()


def test_paths(tmp_path: Path, backbone: Path) -> None:
    path = save(published.random_checkpoint(), tmp_path)
    with pytest.raises(ModelError, match="can't read"):
        convert(tmp_path / "none.pt", tmp_path / "out", model=str(backbone))
    with pytest.raises(ModelError, match="can't read"):
        convert(tmp_path, tmp_path / "out", model=str(backbone))
    with pytest.raises(UsageError, match="is there already"):
        convert(path, backbone, model=str(backbone))
    with pytest.raises(StorageError, match="the folder doesn't exist"):
        convert(path, tmp_path / "no" / "such" / "out", model=str(backbone))
    with pytest.raises(ModelError, match="there is no model"):
        convert(path, tmp_path / "out", model="nothing")
    with pytest.raises(ModelError, match="can't be read"):
        convert(path, tmp_path / "out", model="nobody/nothing", offline=True)
    (backbone / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="can't be read"):
        convert(path, tmp_path / "out", model=str(backbone))
    assert not (tmp_path / "out").exists()


def test_a_failure_while_writing_leaves_nothing(
    tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    def full(self: Any, folder: Path, **_: Any) -> None:
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(LcircAdapter, "save_pretrained", full)
    path = save(published.random_checkpoint(), tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError, match="No space left"):
        convert(path, tmp_path / "out", model=str(backbone))
    assert sorted(tmp_path.iterdir()) == before


def test_the_published_sizes_need_no_config(tmp_path: Path) -> None:
    """Llama-2-7B is known; only its width is checked before the rest of a checkpoint is."""
    checkpoint = published.random_checkpoint(width=64)
    checkpoint["latent_state_dict"]["latent"] = torch.zeros(64, 4096)
    with pytest.raises(ModelError, match="12 layers"):
        convert(save(checkpoint, tmp_path), tmp_path / "out", model=PUBLISHED_MODEL, offline=True)


def test_the_command(tmp_path: Path, backbone: Path, cli: Callable[..., Any]) -> None:
    path, out = save(published.random_checkpoint(blocks=2), tmp_path), tmp_path / "out"
    options = ("--model", str(backbone), "--offline")
    done = cli("convert", path, out, *options, "--layers", "0,4", "--json")
    assert done.status == 0, done.err
    result = json.loads(done.out)
    assert result["adapter"] == str(out)
    assert result["method"] == "qd-lcirc"
    assert result["injection_layers"] == [0, 4]
    assert result["parameters"] > 10_000
    again = cli("convert", path, out, *options, "--layers", "0,4")
    assert (again.status, again.out) == (2, "")
    plain = cli("convert", path, tmp_path / "two", *options, "--layers", "0,4", "--quiet")
    assert (plain.status, plain.out, plain.err) == (0, f"{tmp_path / 'two'}\n", "")
    wrong = cli("convert", path, tmp_path / "three", *options, "--layers", "first")
    assert wrong.status == 2
    assert "--layers takes numbers" in wrong.err
    path.write_bytes(b"rubbish")
    broken = cli("convert", path, tmp_path / "three", *options)
    assert broken.status == 4
    assert len(broken.err.strip().splitlines()) == 1
