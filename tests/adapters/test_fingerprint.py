"""An adapter's fingerprint without torch is the one that loading it gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lcirc_cli.adapters.fingerprint import defaults, fingerprints, folder_fingerprint
from lcirc_cli.adapters.loading import PRETRAINED
from lcirc_cli.model import LcircAdapter, LcircConfig


def test_defaults_are_those_of_the_class() -> None:
    assert defaults() == {name: getattr(LcircConfig, name) for name in LcircConfig.__annotations__}


def test_of_files_and_of_the_loaded_adapter_are_the_same(
    adapter_folder: Path, tmp_path: Path
) -> None:
    (shipped,) = (path.parent for path in PRETRAINED.glob("*/config.json"))
    half = tmp_path / "half"
    LcircAdapter.load(adapter_folder).to(dtype=LcircAdapter.load(shipped).dtype).save_pretrained(
        half
    )
    found = set()
    for folder in (adapter_folder, shipped, half):
        adapter = LcircAdapter.load(folder, dtype="auto")
        assert folder_fingerprint(folder) == fingerprints(adapter)[1]
        found.add(folder_fingerprint(folder))
    assert len(found) == 3


def test_other_settings_and_weights_give_another(adapter_folder: Path, tmp_path: Path) -> None:
    before = folder_fingerprint(adapter_folder)
    other = Path(shutil.copytree(adapter_folder, tmp_path / "other"))
    assert folder_fingerprint(other) == before
    settings = json.loads((other / "config.json").read_text("utf-8"))
    settings |= {"base_model": "elsewhere", "transformers_version": "9"}
    (other / "config.json").write_text(json.dumps(settings), "utf-8")
    assert folder_fingerprint(other) == before  # neither makes another adapter
    settings["gate_init"] = 0.125
    (other / "config.json").write_text(json.dumps(settings), "utf-8")
    assert folder_fingerprint(other) != before
    weights = other / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    shutil.copy(adapter_folder / "config.json", other)
    assert folder_fingerprint(other) not in (None, before)


def test_a_reader_makes_another_adapter_whose_memories_stay_good(
    adapter_folder: Path, tmp_path: Path
) -> None:
    bare = LcircAdapter.load(adapter_folder)
    config = LcircConfig(**json.loads((adapter_folder / "config.json").read_text("utf-8")))
    config.reader_rank, config.reader_targets = 2, {"mlp.up_proj": [4, 8]}
    with_reader = LcircAdapter(config)
    with_reader.load_state_dict(bare.state_dict(), strict=False)
    with_reader.save_pretrained(tmp_path)
    whole, memory = fingerprints(bare)
    assert fingerprints(with_reader)[1] == memory
    assert folder_fingerprint(tmp_path) == folder_fingerprint(adapter_folder)
    assert fingerprints(with_reader)[0] != whole


def test_a_folder_that_cannot_be_loaded_has_none(adapter_folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(adapter_folder, tmp_path / "other"))
    for text in ("{", "[]", '{"injection_layers": 3}'):
        (other / "config.json").write_text(text, "utf-8")
        assert folder_fingerprint(other) is None or text.startswith('{"')
    shutil.copy(adapter_folder / "config.json", other)
    (other / "model.safetensors").write_bytes(b"\xff" * 64)
    assert folder_fingerprint(other) is None
