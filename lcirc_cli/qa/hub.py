"""Data sets on the Hugging Face Hub: streamed in, and pushed out.

Knows nothing about documents or pairs; rows are dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcirc_cli.errors import EndpointError, LcircError, UsageError

_NAME = re.compile(r"[\w.-]+/[\w.-]+(?::[\w.-]+)?")
MOST_SHARDS = 64  # more of them are dealt out to this many readers


def is_dataset_name(argument: str) -> bool:
    """Whether an argument has the form OWNER/NAME or OWNER/NAME:CONFIG."""
    return _NAME.fullmatch(argument) is not None


def count_shards(name: str) -> int:
    """Into how many units a data set is divided for reading, at most MOST_SHARDS.

    Raises:
        EndpointError: no such data set, no access, or no connection.
    """
    return max(1, min(MOST_SHARDS, int(_open(name).num_shards)))


def stream(name: str, index: int, of: int) -> Iterator[dict[str, Any]]:
    """The rows of one of `of` parts of a data set, without downloading it first.

    Raises:
        EndpointError: the Hub can't be reached, or stopped answering.
    """
    dataset = _open(name)
    try:
        yield from dataset.shard(num_shards=of, index=index) if of > 1 else dataset
    except LcircError:
        raise
    except Exception as error:
        raise _explained(name, error) from error


def _open(name: str) -> Any:
    from datasets import load_dataset

    repository, _, config = name.partition(":")
    try:
        return load_dataset(repository, config or None, split="train", streaming=True)
    except Exception as error:
        raise _explained(name, error) from error


def _explained(name: str, error: Exception) -> EndpointError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EndpointError(
        f"can't read the data set {name} from the Hub: {first}; check the name and the network, "
        "or give a local path"
    )


def push(folder: Path, repository: str, *, ignore: tuple[str, ...]) -> str:
    """Upload a folder as a data set; return its address.

    Args:
        repository: OWNER/NAME; made, private, where it doesn't exist.
        ignore: patterns of paths that stay here.

    Raises:
        UsageError: not a repository name.
        EndpointError: no access, or no connection.
    """
    from huggingface_hub import HfApi

    if not is_dataset_name(repository) or ":" in repository:
        raise UsageError(f"--push-to-hub needs OWNER/NAME, not {repository!r}")
    api = HfApi()
    try:
        api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=list(ignore),
            commit_message="Data made by lcirc make-lqa",
        )
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EndpointError(
            f"can't push to {repository}: {first}; run: hf auth login, then the same command again"
        ) from error
    return f"https://huggingface.co/datasets/{repository}"
