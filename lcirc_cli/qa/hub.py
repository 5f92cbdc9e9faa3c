"""Data sets on the Hugging Face Hub: streamed in, and pushed out.

Knows nothing about documents or pairs; rows are dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcirc_cli.errors import DocumentError, EndpointError, LcircError, UsageError, first_line
from lcirc_cli.qa.parquet import check_parquet

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
    return max(1, min(MOST_SHARDS, int(open_streamed(name).num_shards)))


def stream(name: str, index: int, of: int) -> Iterator[dict[str, Any]]:
    """The rows of one of `of` parts of a data set, without downloading it first.

    Raises:
        EndpointError: the Hub can't be reached, or stopped answering.
    """
    dataset = open_streamed(name)
    try:
        yield from dataset.shard(num_shards=of, index=index) if of > 1 else dataset
    except LcircError:
        raise
    except Exception as error:
        raise unreadable(name, error) from error


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
        raise EndpointError(
            f"can't push to {repository}: {first_line(error)}; run: hf auth login, then the same "
            "command again"
        ) from error
    return f"https://huggingface.co/datasets/{repository}"


def is_streamed(source: str) -> bool:
    """Whether a --data source is read in blocks: a Hub id, or Parquet files."""
    path = Path(source).expanduser()
    if path.exists():
        return bool(_parquet_files(path))
    return is_dataset_name(source)


def open_streamed(source: str) -> Any:
    """The train split of a data set of the Hub, or of local Parquet files, as a stream.

    Raises:
        UsageError: `datasets` is not installed.
        DocumentError: local files that can't be read.
        EndpointError: no such data set, no access, or no connection.
    """
    try:
        from datasets import disable_progress_bars, load_dataset
    except ImportError as error:
        raise UsageError("streamed data need datasets: pip install 'lcirc[bench]'") from error
    disable_progress_bars()
    path = Path(source).expanduser()
    try:
        if path.exists():
            files = [str(each) for each in _parquet_files(path)]
            for file in files:
                check_parquet(Path(file))
            return load_dataset("parquet", data_files=files, split="train", streaming=True)
        repository, _, config = source.partition(":")
        return load_dataset(repository, config or None, split="train", streaming=True)
    except LcircError:
        raise
    except Exception as error:  # the library lets errors of many kinds through
        raise unreadable(source, error) from error


def unreadable(source: str, error: Exception) -> DocumentError | EndpointError:
    """The error, in one line, for a source that broke off while it was read."""
    reason = first_line(error)
    if Path(source).expanduser().exists():
        return DocumentError(f"{source} can't be read: {reason}")
    return EndpointError(
        f"can't read the data set {source} from the Hub: {reason}; check the name and the "
        "network, or give a local path"
    )


def _parquet_files(path: Path) -> list[Path]:
    """The Parquet files of a folder (those of its train split where they say so), or a file."""
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    found = sorted(path.rglob("*.parquet"))
    train = [each for each in found if each.name.startswith("train")]
    return train or found
