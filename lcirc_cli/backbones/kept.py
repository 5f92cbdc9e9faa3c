"""What takes room on the disk: models that were fetched, and what commands keep beside them.

Knows the cache folder of lcirc and that of the Hub's client, which other programs share.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.backbones import smollm2
from lcirc_cli.errors import UsageError
from lcirc_cli.files import cache_dir, is_folder, storage_error

_OTHERS = {"features": "hidden states that training keeps"}


@dataclass(frozen=True)
class Kept:
    """A model, or something else in the cache: `what` says which, `size` is in bytes."""

    name: str
    what: str
    path: Path
    size: int


def kept() -> list[Kept]:
    """Everything that `remove` can remove, the default model first."""
    found = []
    models = cache_dir() / "models"
    for folder in sorted(models.iterdir()) if is_folder(models) else ():
        if is_folder(folder) and folder.name.startswith(f"{smollm2.NAME}-"):
            what = "the default model" if folder == smollm2.folder() else "of another lcirc"
            found.append(Kept(smollm2.NAME, what, folder, _size(folder)))
    for name, what in _OTHERS.items():
        if is_folder(cache_dir() / name):
            folder = cache_dir() / name
            found.append(Kept(name, what, folder, _size(folder)))
    for repository in _of_hub():
        what = "from the Hub, shared with other programs"
        path = Path(repository.repo_path)
        found.append(Kept(repository.repo_id, what, path, repository.size_on_disk))
    return found


def remove(name: str) -> list[Kept]:
    """Remove what goes by a name, and return it; a later command fetches it again.

    Raises:
        UsageError: there is nothing of that name.
        StorageError: it can't be removed.
    """
    found = kept()
    wanted = [each for each in found if each.name == name]
    if not wanted:
        known = ", ".join(dict.fromkeys(each.name for each in found)) or "nothing"
        raise UsageError(f"there is no {name!r} in the cache; it holds {known}")
    for each in wanted:
        try:
            shutil.rmtree(each.path)
        except OSError as error:
            raise storage_error(error, each.path) from error
    return wanted


def _of_hub() -> list[Any]:
    """The Hub's models on this machine; its client is imported only where it has a cache."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    place = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    if not is_folder(place):
        return []
    from huggingface_hub import scan_cache_dir

    repositories = scan_cache_dir(place).repos
    return sorted(
        (each for each in repositories if each.repo_type == "model"), key=lambda each: each.repo_id
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
