"""Every setting that can't work is refused with its name; presets and their sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.model import BackboneShape, LcircAdapter, LcircConfig, preset

from .tiny import FAMILIES, tiny_config, tiny_lm

LLAMA_2_7B = BackboneShape(
    name="meta-llama/Llama-2-7b-hf",
    hidden_size=4096,
    num_layers=32,
    heads=32,
    kv_heads=32,
    head_dim=128,
    intermediate_size=11008,
    norm_eps=1e-5,
)
SMOLLM2 = BackboneShape(
    name="smollm2",
    hidden_size=576,
    num_layers=30,
    heads=9,
    kv_heads=3,
    head_dim=64,
    intermediate_size=1536,
    norm_eps=1e-5,
)


def size(config: LcircConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in LcircAdapter(config).parameters())


def published_size(*, mixer: bool) -> int:
    """From the shapes of the published code: layer norms with bias, projections without."""
    D, F, K, segment = 4096, 11008, 64, 4096
    attention = 4 * D * D
    feed_forward = 2 * D + 2 * D * F
    gated_block = 2 * D + attention + feed_forward + 2
    perceiver_layer = 2 * (2 * D) + attention + feed_forward
    compressor = 4 * perceiver_layer + 2 * D + segment * D
    return K * D + compressor + 12 * gated_block + (gated_block if mixer else 0)


@pytest.mark.parametrize(("mixer", "expected"), [(False, 2_533_924_888), (True, 2_691_227_674)])
def test_the_paper_preset_has_the_published_size(mixer: bool, expected: int) -> None:
    config = preset("paper", LLAMA_2_7B)
    config.query_mixer = mixer
    assert published_size(mixer=mixer) == expected
    assert size(config) == expected


def test_the_paper_preset_is_the_published_set_up() -> None:
    config = preset("paper", LLAMA_2_7B)
    assert config.num_latents == 64
    assert config.perceiver_layers == 4
    assert config.segment_length == 2048
    assert config.compression == 32
    assert config.injection_layers == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 31]
    assert (config.segment_inputs, config.gate_init, config.norm) == (0, 0.0, "layernorm")
    assert config.perceiver_start == "random"


@pytest.mark.parametrize("name", ["paper", "smollm2-raw", "smollm2"])
def test_presets_on_the_default_backbone(name: str) -> None:
    config = preset(name, SMOLLM2)
    config.validate()
    assert config.base_model == "smollm2"
    assert config.num_lm_layers == 30
    assert size(config) > 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["paper", "smollm2-raw", "smollm2"])
def test_presets_on_every_family(name: str, family: str) -> None:
    from lcirc_cli.model.decoders import backbone_shape

    lm = tiny_lm(family)
    adapter = LcircAdapter(preset(name, backbone_shape(lm, name="tiny")))
    assert adapter.config.hidden_size == 32


def test_an_unknown_preset() -> None:
    with pytest.raises(ValueError, match="no preset 'large'; there are paper"):
        preset("large", SMOLLM2)


BAD: list[tuple[dict[str, Any], str]] = [
    *(
        ({name: value}, f"{name} must be")
        for name in (
            "hidden_size",
            "num_lm_layers",
            "segment_length",
            "max_segment_length",
            "feature_window",
            "num_latents",
            "perceiver_layers",
            "perceiver_heads",
            "perceiver_head_dim",
            "perceiver_ffn_size",
            "injection_heads",
            "injection_kv_heads",
            "injection_head_dim",
        )
        for value in (0, -1, 1.5, "8", None, True)
    ),
    *(
        ({name: value}, f"{name} must")
        for name in ("mixer_ffn_size", "injection_ffn_size", "segment_inputs")
        for value in (-1, 0.5, "0")
    ),
    *(
        ({name: value}, f"{name} must be bool")
        for name in (
            "query_mixer",
            "trained",
            "injection_memory_norm",
            "injection_qk_norm",
            "injection_bias",
        )
        for value in (1, "yes", None)
    ),
    ({"norm_eps": 0.0}, "norm_eps must be positive"),
    ({"norm_eps": "tiny"}, "norm_eps must be float"),
    ({"gate_init": "open"}, "gate_init must be float"),
    ({"initializer_range": -0.1}, "initializer_range must not be negative"),
    ({"base_model": None}, "base_model must be str"),
    ({"segment_length": 17}, "segment_length 17 is over max_segment_length 16"),
    ({"segment_inputs": 5}, r"segment_inputs 5 is outside 0\.\.4"),
    ({"segment_inputs": 1, "feature_window": 12}, "feature_window 12 must be a multiple"),
    ({"injection_layers": []}, "injection_layers"),
    ({"injection_layers": [0, 4]}, r"injection_layers .* within 0\.\.3"),
    ({"injection_layers": [-1, 2]}, "injection_layers"),
    ({"injection_layers": [2, 1]}, "must be increasing"),
    ({"injection_layers": [1, 1]}, "must be increasing"),
    ({"injection_layers": [0, "3"]}, "injection_layers"),
    ({"injection_layers": "0,3"}, "injection_layers must be list"),
    ({"injection_kv_heads": 3}, "injection_heads must be a multiple of injection_kv_heads"),
    ({"perceiver_start": "mean"}, "perceiver_start must be random or average, not 'mean'"),
    ({"perceiver_start": "average", "perceiver_head_dim": 4}, "perceiver_start 'average' needs"),
    ({"norm": "batchnorm"}, "norm must be layernorm or rmsnorm"),
    ({"feature_dtype": "int4"}, "feature_dtype must be int8 or bfloat16 or float32"),
    ({"retained_segments": 0}, "retained_segments must be positive"),
    ({"retained_segments": 2.5}, "retained_segments must be int"),
    ({"num_lm_layers": 10**9, "injection_layers": None}, "num_lm_layers must be at most 1,000"),
    ({"num_latents": 10**12}, "num_latents must be at most"),
    ({"norm_eps": float("nan")}, "norm_eps must be"),
    ({"gate_init": float("nan")}, "gate_init must be at most"),
    ({"segment_lenght": 8}, "no setting 'segment_lenght'"),
]


@pytest.mark.parametrize(("changes", "message"), BAD, ids=[str(changes) for changes, _ in BAD])
def test_a_bad_value_is_refused(changes: dict[str, Any], message: str) -> None:
    config = tiny_config(**changes)
    with pytest.raises(ValueError, match=message):
        config.validate()
    with pytest.raises(ValueError, match=message):
        LcircAdapter(config)


def test_good_values_pass() -> None:
    tiny_config().validate()
    tiny_config(retained_segments=50, segment_inputs=4, injection_ffn_size=0).validate()
    tiny_config(norm_eps=1, gate_init=0, feature_window=12).validate()  # j = 0: no windows
    tiny_config(injection_layers=None).validate()


def test_a_config_survives_its_file(tmp_path: Path) -> None:
    config = tiny_config(retained_segments=7, trained=True, norm_eps=1e-6)
    config.save_pretrained(tmp_path)
    loaded = LcircConfig.from_pretrained(tmp_path)
    loaded.validate()
    names = LcircConfig.__annotations__
    assert {name: getattr(loaded, name) for name in names} == {
        name: getattr(config, name) for name in names
    }
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["model_type"] == "lcirc"


def test_a_typing_error_in_a_saved_config_is_found(tmp_path: Path) -> None:
    tiny_config().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"num_latents"', '"num_latent"'))
    with pytest.raises(ValueError, match="no setting 'num_latent'"):
        LcircConfig.from_pretrained(tmp_path).validate()
