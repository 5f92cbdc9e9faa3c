"""`lcirc convert` of what is no checkpoint: damaged, cut, hostile, in places that can't be used."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.adapters.conversion import convert
from lcirc_cli.errors import ModelError

from . import published_forward as published
from .checkpoints import WIDTH, save


def drop(part: str, name: str) -> Callable[[dict[str, Any]], object]:
    return lambda checkpoint: checkpoint[part].pop(name)


def put(part: str, name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda checkpoint: checkpoint[part].__setitem__(name, value)


NAN = torch.full((3, WIDTH), float("nan"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("compressor_state_dict"), "it has no compressor_state_dict"),
        (lambda c: c.pop("Xattn_layers_state_dict"), "it has no Xattn_layers_state_dict"),
        (lambda c: c.update(latent_state_dict=3), "latent_state_dict is not a table of tensors"),
        (drop("latent_state_dict", "latent"), "latent_state_dict has no matrix latent"),
        (drop("compressor_state_dict", "norm.bias"), r"has no norm\.bias"),
        (drop("compressor_state_dict", "layers.1.0.norm_x.bias"), "has no layers.1.0.norm_x.bias"),
        (drop("Xattn_layers_state_dict", "1.ff_gate"), r"has no 1\.ff_gate"),
        (drop("mixer_state_dict", "attn.to_kv.weight"), r"has no attn\.to_kv\.weight"),
        (put("mixer_state_dict", "stray", torch.ones(2)), "a tensor of no known use, stray"),
        (put("compressor_state_dict", "epoch", 3), "is not a table of tensors"),
        (put("latent_state_dict", "latent", NAN), "not all of latents are finite"),
        (put("latent_state_dict", "latent", torch.ones(3, WIDTH).int()), "not all of latents"),
        (lambda c: c.update(Xattn_layers_state_dict={}), "has no matrix 0.ff.1.weight"),
    ],
)
def test_a_damaged_checkpoint(
    tmp_path: Path, backbone: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    checkpoint = published.random_checkpoint()
    change(checkpoint)
    with pytest.raises(ModelError, match=message) as caught:
        convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


class Payload:
    """A pickle that would make a file when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_code_in_a_pickle_never_runs(tmp_path: Path, backbone: Path) -> None:
    marker = tmp_path / "it-ran"
    checkpoint = published.random_checkpoint() | {"epoch": Payload(marker)}
    path = save(checkpoint, tmp_path)
    with pytest.raises(ModelError, match="was not opened, for it could run code"):
        convert(path, tmp_path / "out", model=str(backbone))
    path.write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(ModelError):
        convert(path, tmp_path / "out", model=str(backbone))
    assert not marker.exists()
    torch.load(save({"epoch": Payload(marker)}, tmp_path), weights_only=False)
    assert marker.exists()  # the payload is a real one


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04rubbish", b"\x80\x02."])
def test_not_a_checkpoint(tmp_path: Path, backbone: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"checkpoint\.pt") as caught:
        convert(path, tmp_path / "out", model=str(backbone))
    assert "\n" not in str(caught.value)


def test_a_view_that_is_larger_than_what_it_shows(tmp_path: Path, backbone: Path) -> None:
    """A kilobyte that would be copied out as 4 TB."""
    checkpoint = published.random_checkpoint(mixer=False)
    checkpoint["latent_state_dict"]["latent"] = torch.zeros(1).expand(10**6, 10**6)
    with pytest.raises(ModelError, match="is not a table of tensors"):
        convert(save(checkpoint, tmp_path), tmp_path / "out", model=str(backbone))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path, backbone: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match="a pipe or a device"):
        convert(tmp_path / "checkpoint.pt", tmp_path / "out", model=str(backbone))


def test_a_cut_checkpoint(tmp_path: Path, backbone: Path) -> None:
    path = save(published.random_checkpoint(), tmp_path)
    whole = path.read_bytes()
    for part in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(ModelError):
            convert(path, tmp_path / "out", model=str(backbone))


def test_other_things_that_torch_saves(tmp_path: Path, backbone: Path) -> None:
    for thing in (torch.ones(3), [1, 2], {"model": {}}, 7):
        path = save(thing, tmp_path)
        with pytest.raises(ModelError, match="not a checkpoint of the published LCIRC code"):
            convert(path, tmp_path / "out", model=str(backbone))
