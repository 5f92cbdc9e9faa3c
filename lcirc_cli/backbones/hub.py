"""Backbones from the Hugging Face Hub: a name like owner/model to a local snapshot folder.

Says what will be downloaded, how much and to where before it starts. Only safetensors weights
are fetched: pickles of strangers are never opened. Knows nothing about loading models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.errors import LcircError, ModelError, StorageError, first_line

_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
# Sub-folders hold other formats; "consolidated" files hold the same weights once more.
_UNWANTED = ["*/*", "consolidated*"]


def is_hub_name(name: str) -> bool:
    """Whether `name` has the form owner/model or owner/model@revision."""
    return _NAME.fullmatch(name) is not None


def snapshot(name: str, *, offline: bool = False) -> Path:
    """The local folder of a Hub model, downloaded first where it isn't there.

    Raises:
        ModelError: no such model, no access, no connection, or offline and not cached.
        StorageError: no space for it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE

    repo, _, revision = name.partition("@")
    offline = offline or HF_HUB_OFFLINE
    download = partial(
        snapshot_download,
        repo,
        revision=revision or None,
        allow_patterns=_WANTED,
        ignore_patterns=_UNWANTED,
    )
    reached = offline or _announced(name, download)
    try:
        folder = download(local_files_only=offline)
    except Exception as error:
        raise _explained(error, name, str(HF_HUB_CACHE), offline=offline) from error
    if not reached:
        console.note(f"can't ask the Hub for {name}; using the copy in {folder}")
    return Path(folder)


def _announced(name: str, download: Callable[..., Any]) -> bool:
    """Say what will be downloaded; False where the Hub can't be asked.

    That is not the end: the model may be in the cache, and if not, the download says what is wrong.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    try:
        plan = download(dry_run=True)
    except Exception:  # the client raises a dozen types
        return False
    size = sum(file.file_size or 0 for file in plan if file.will_download)
    if size:
        console.note(f"downloading {name}: {size / 1e6:,.0f} MB to {HF_HUB_CACHE}")
    return True


def _explained(error: Exception, name: str, cache: str, *, offline: bool) -> LcircError:
    """One line for what the Hub's client raised; anything unknown keeps its own first line."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"the model {name} needs permission: ask for it on its page, then run: hf auth login"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"the model {name} has no such revision; check what follows the @")
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            f"there is no model {name} on the Hub, or it is private; check the name, "
            "or run: hf auth login"
        )
    if offline:
        return ModelError(
            f"the model {name} is not on this machine ({cache}); "
            f"go online once and run: lcirc pull {name}"
        )
    first = first_line(error)
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return StorageError(f"can't keep the model {name} in {cache}: {first}")
    return ModelError(
        f"can't fetch the model {name} from the Hub: {first}; check the network connection, "
        "or give a local folder"
    )
