"""Names to backbones: folders, .gguf files, Hub ids, and every way in which one can be wrong."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lcirc_cli import app
from lcirc_cli.backbones import devices, fingerprints
from lcirc_cli.backbones.loading import load_backbone, pull
from lcirc_cli.errors import ModelError, UsageError

FAMILIES = ("llama", "qwen3", "gemma3", "gpt2")
CPU = {"device": "cpu", "dtype": "float32", "offline": True}


@pytest.fixture
def saved(tmp_path: Path, tiny_backbone: Callable[..., Any]) -> Callable[..., Path]:
    """`saved("llama")` is a model folder on disk."""

    def save(family: str = "llama") -> Path:
        folder = tmp_path / family
        made = tiny_backbone(family)
        made.lm.save_pretrained(folder)
        made.tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_is_loaded_frozen(
    saved: Callable[..., Path], tiny_lm: Callable[..., Any], family: str
) -> None:
    backbone = load_backbone(str(saved(family)), **CPU)
    ids = torch.arange(2, 40).reshape(2, 19)
    assert torch.equal(backbone.lm(ids).logits, tiny_lm(family)(ids).logits)
    assert not backbone.lm.training
    assert not any(parameter.requires_grad for parameter in backbone.lm.parameters())
    assert backbone.max_positions == 1024
    assert backbone.eos_ids == (1,)
    assert backbone.lm.config._attn_implementation == "sdpa"


def test_dtype_and_attention_are_applied_but_not_fingerprinted(saved: Callable[..., Path]) -> None:
    name = str(saved())
    plain = load_backbone(name, **CPU)
    half = load_backbone(name, device="cpu", dtype="bfloat16", attention="sdpa", offline=True)
    assert {p.dtype for p in half.lm.parameters()} == {torch.bfloat16}
    assert half.fingerprint == plain.fingerprint
    assert half.tokenizer_fingerprint == plain.tokenizer_fingerprint


def test_fingerprints_change_with_weights_config_and_vocabulary(
    saved: Callable[..., Path],
) -> None:
    folder = saved()
    before = load_backbone(str(folder), **CPU)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "transformers_version": "9"}))
    assert fingerprints.of_model(folder) == before.fingerprint
    (folder / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
    assert fingerprints.of_model(folder) != before.fingerprint
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][3] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert fingerprints.of_model(folder) != before.fingerprint
    before.tokenizer.add_tokens(["<new>"])
    assert fingerprints.of_tokenizer(before.tokenizer) != before.tokenizer_fingerprint


def test_the_tokenizer_fingerprint_sees_the_rules(tiny_tokenizer: Any) -> None:
    """The same vocabulary, another rule for spaces before digits."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    before = fingerprints.of_tokenizer(tiny_tokenizer)
    core = tiny_tokenizer.backend_tokenizer
    core.pre_tokenizer = Sequence([ByteLevel(add_prefix_space=False)])
    assert fingerprints.of_tokenizer(tiny_tokenizer) == before
    core.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel()])
    assert fingerprints.of_tokenizer(tiny_tokenizer) != before


def test_padding_a_batch_does_not_change_the_tokenizer_fingerprint(tiny_tokenizer: Any) -> None:
    before = fingerprints.of_tokenizer(tiny_tokenizer)
    tiny_tokenizer(["a", "long one"], padding=True, truncation=True, max_length=3)
    assert fingerprints.of_tokenizer(tiny_tokenizer) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smolm2", "there is no model 'smolm2': give smollm2, a Hub id"),
        ("no/such/folder", "there is no model 'no/such/folder'"),
        ("gone.gguf", "there is no model 'gone.gguf'"),
        ("some/gone.gguf", "there is no model 'some/gone.gguf'"),
        ("", "there is no model ''|is not a model folder"),
    ],
)
def test_a_wrong_name_is_one_line(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        pull(name, offline=True)
    assert "\n" not in str(caught.value)


def test_folders_and_files_that_are_no_models(tmp_path: Path, saved: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"there is no config\.json in it"):
        load_backbone(str(tmp_path), **CPU)
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"give its folder, or a \.gguf file"):
        load_backbone(str(tmp_path / "model.bin"), **CPU)
    (tmp_path / "bad.gguf").write_bytes(b"not a gguf file at all" * 10)
    with pytest.raises(ModelError, match="can't be loaded"):
        load_backbone(str(tmp_path / "bad.gguf"), **CPU)
    folder = saved()
    (folder / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match=r"the model .* its tokenizer\.json is not valid JSON"):
        load_backbone(str(folder), **CPU)


def test_an_encoder_is_refused(tmp_path: Path, tiny_tokenizer: Any) -> None:
    import transformers

    config = transformers.T5Config(vocab_size=300, d_model=16, d_ff=16, num_layers=1, num_heads=2)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="can't be loaded") as caught:
        load_backbone(str(tmp_path), **CPU)
    assert "\n" not in str(caught.value)


def test_missing_and_misshapen_weights_are_refused(saved: Callable[..., Path]) -> None:
    """transformers would go on with random numbers in their place."""
    folder = saved()
    path = folder / "model.safetensors"
    weights = load_file(path)
    lost = dict(weights)
    del lost["model.layers.1.mlp.up_proj.weight"]
    save_file(lost, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"incomplete: 1 tensors .*layers\.1\.mlp\.up_proj"):
        load_backbone(str(folder), **CPU)
    weights["model.norm.weight"] = torch.ones(7)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"can't be loaded|incomplete") as caught:
        load_backbone(str(folder), **CPU)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="can't be loaded"):
        load_backbone(str(folder), **CPU)


@pytest.mark.parametrize("where", ["AutoModelForCausalLM", "AutoTokenizer"])
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        Exception("I/O error: Cannot allocate memory (os error 12)"),
        MemoryError(),
    ],
    ids=["torch", "mmap", "rust", "python"],
)
def test_out_of_memory_while_loading_is_not_a_bad_model(
    saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    import transformers

    folder = saved()

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(getattr(transformers, where), "from_pretrained", fail)
    with pytest.raises(type(error)) as caught:
        load_backbone(str(folder), **CPU)
    assert app.explain(caught.value)[1] == 6


def test_pickled_weights_are_never_opened(saved: Callable[..., Path]) -> None:
    folder = saved()
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="can't be loaded"):
        load_backbone(str(folder), **CPU)


# --- device, dtype, attention ---------------------------------------------------------------


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:x", "mps", ""])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(UsageError, match="device must be one of auto, cpu, cuda"):
        devices.choose_device(name)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices.choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(UsageError, match="no device cuda:1 on this machine; use --device auto"):
        devices.choose_device("cuda:1")


def test_auto_dtype_does_not_follow_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers must be those of other machines; a training may be faster."""
    cpu = torch.device("cpu")
    for has, faster in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda has=has: has)
        assert devices.choose_dtype("auto", device=cpu) == torch.float32
        assert devices.faster_dtype(cpu) == faster
    assert devices.choose_dtype("float16", device=cpu) == torch.float16
    with pytest.raises(UsageError, match="dtype must be one of"):
        devices.choose_dtype("int8", device=cpu)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu sse avx512f avx512_bf16", True),
        ("flags : fpu amx_bf16 amx_tile", True),
        ("Features : fp asimd bf16 i8mm", True),
        ("flags : fpu sse avx2 avx512f\nmodel name : bf16-less", False),
    ],
)
def test_processor_flags(monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: flags)
    assert devices.cpu_has_bfloat16() is expected


def test_attention_names(saved: Callable[..., Path]) -> None:
    cpu = torch.device("cpu")
    assert devices.choose_attention("auto", device=cpu) == "sdpa"
    with pytest.raises(UsageError, match="flash"):
        devices.choose_attention("flash", device=cpu)
    with pytest.raises(UsageError, match="attention must be auto, sdpa or flash"):
        load_backbone(str(saved()), attention="fast", **CPU)
