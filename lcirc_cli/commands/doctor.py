"""`lcirc doctor`: what is installed here, what the hardware can do, and what would be used."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.commands.common import takes, user_config
from lcirc_cli.errors import LcircError, ModelError
from lcirc_cli.files import cache_dir, exists
from lcirc_cli.settings import CommonSettings
from lcirc_cli.version import __version__, links_problem

PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "accelerate", "gguf", "typer",
    "pypdfium2", "pypdf",
)  # fmt: skip


@takes("device", "dtype", "attention", "offline", "json")
def doctor(*, settings: CommonSettings) -> None:
    """Show versions, hardware, caches, and the choices that lcirc makes on this machine.

    Ends with exit code 4 where the installation itself is broken.
    """

    report = examine(settings)
    if settings.json:
        console.out_json(report, indent=2)
    else:
        for line in _lines(report):
            console.out(console.one_line(line))
    raise_for(report)


def _lines(report: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in report.items():
        if key == "schema":
            continue
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name:<16} {_told(name, item)}" for name, item in value.items()]
        else:
            lines.append(f"{key:<18} {_shown(value)}")
    return lines


def _told(name: str, value: Any) -> str:
    if name == "smollm2" and value is False:
        return "not here yet; the first command fetches it (93 MB), or: lcirc pull"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)


def examine(settings: CommonSettings) -> dict[str, Any]:
    """Everything that `lcirc doctor --json` prints."""
    report: dict[str, Any] = {
        "schema": 1,
        "lcirc": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "hardware": _hardware(),
        "choices": {},
        "settings": _settings(settings),
        "cache": _cache(),
        "offline": settings.offline,
        "extras": _extras(),
        "problems": [],
    }
    broken = links_problem()
    if broken is not None:
        report["problems"].append(broken)
        return report  # the choices are made by code behind those links
    try:
        report["choices"] = _choices(settings)
    except LcircError as error:
        report["problems"].append(str(error))
    return report


def raise_for(report: dict[str, Any]) -> None:
    """Raise `ModelError` with the first problem of a report, if it has one."""
    if report["problems"]:
        raise ModelError(report["problems"][0])


def _settings(settings: CommonSettings) -> dict[str, Any]:
    """What is in force and where it is from, and the file that was read."""
    found: dict[str, Any] = {}
    for name, source in (settings.sources or {}).items():
        value = getattr(settings, name)
        found[name] = f"{_shown(value)} ({source})"
    read = settings.config or f"none ({user_config()} is not there)"
    return {**found, "config": str(read)}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _hardware() -> dict[str, Any]:
    import torch

    from lcirc_cli.backbones import devices

    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "memory_gb": _memory_gb(),
        "cpu_bfloat16": devices.cpu_has_bfloat16(),
        "cuda": [
            f"{torch.cuda.get_device_name(i)}, "
            f"{torch.cuda.get_device_properties(i).total_memory / 1e9:.1f} GB"
            for i in range(torch.cuda.device_count())
        ],
    }


def _memory_gb() -> float | None:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None
    return round(size / 1e9, 1)


def _choices(settings: CommonSettings) -> dict[str, Any]:
    """What `auto` (or what was asked for) comes to on this machine."""
    from lcirc_cli.backbones import devices

    device = devices.choose_device(settings.device)
    dtype = devices.choose_dtype(settings.dtype, device=device)
    return {
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "attention": devices.choose_attention(settings.attention, device=device),
    }


def _cache() -> dict[str, Any]:
    from huggingface_hub.constants import HF_HUB_CACHE

    from lcirc_cli.backbones import smollm2

    return {
        "folder": str(cache_dir()),
        "writable": _writable(cache_dir()),
        "smollm2": smollm2.is_cached(),
        "hub_folder": str(HF_HUB_CACHE),
    }


def _writable(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that exists, can be written."""
    while not exists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _extras() -> dict[str, bool]:
    """For each extra in lcirc's own metadata: are all of its packages installed?"""
    from packaging.requirements import Requirement

    try:
        own = importlib.metadata.metadata("lcirc")
        needed = [Requirement(line) for line in importlib.metadata.requires("lcirc") or []]
    except importlib.metadata.PackageNotFoundError:
        return {}  # run from a checkout that was never installed
    found = {}
    for extra in own.get_all("Provides-Extra") or []:
        packages = [
            each.name
            for each in needed
            if each.marker is not None
            and each.marker.evaluate({"extra": extra})
            and not each.marker.evaluate({"extra": ""})
        ]
        found[extra] = all(_version(name) is not None for name in packages)
    return found
