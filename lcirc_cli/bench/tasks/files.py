"""Where a benchmark's file is: under --data-dir, else on the Hub at a pinned revision.

Revisions are full commit ids, because InfiniteBench's En.QA was revised in place. Only
`huggingface_hub` knows the Hub; it comes with transformers.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli import files
from lcirc_cli.errors import DocumentError, first_line

_MOST_BYTES = 1 << 30  # of a file in an archive


@dataclass(frozen=True)
class HubFile:
    """A file of a data set repository.

    Attributes:
        member: the file inside, if the file is a zip archive.
    """

    repository: str
    revision: str
    path: str
    member: str | None = None


def locate(hub: HubFile, *, benchmark: str, data_dir: Path | None, offline: bool = False) -> Path:
    """The local path of a benchmark's file, downloaded if need be.

    Args:
        benchmark: a folder in --data-dir, which may hold the file there or itself (also in the
            folders of the published repositories, and gzipped).
        data_dir: None looks on the Hub only.
        offline: of the Hub only what was fetched before.

    Raises:
        DocumentError: it is in neither place.
    """
    if data_dir is None:
        return _download(hub, benchmark, offline=offline)
    name = Path(hub.member or hub.path).name
    folders = [data_dir / benchmark, data_dir, data_dir / benchmark / "data", data_dir / "data"]
    folders += [data_dir / benchmark / kind for kind in _LEVAL_FOLDERS]
    folders += [data_dir / kind for kind in _LEVAL_FOLDERS]
    for folder in folders:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise DocumentError(
        f"{name} is not in {data_dir} nor in {data_dir / benchmark}: put the published file there, "
        "or leave --data-dir out to fetch it from the Hub"
    )


_LEVAL_FOLDERS = (
    "Exam",
    "Generation",
    "Closed-ended-tasks",
    "Open-ended-tasks",
    "LEval/Exam",
    "LEval/Generation",
    "LEval-data/Closed-ended-tasks",
    "LEval-data/Open-ended-tasks",
)


def _download(hub: HubFile, benchmark: str, *, offline: bool) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        path = Path(
            hf_hub_download(
                hub.repository,
                hub.path,
                repo_type="dataset",
                revision=hub.revision,
                local_files_only=offline,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if offline:
            raise DocumentError(
                f"{hub.path} of {hub.repository} is not on this machine: give --data-dir with the "
                "published files, or run once without --offline to fetch it"
            ) from error
        raise DocumentError(
            f"can't fetch {hub.path} of {hub.repository} from the Hub: give --data-dir with the "
            f"published files ({type(error).__name__})"
        ) from error
    return path if hub.member is None else _extract(path, hub, benchmark)


def _extract(archive: Path, hub: HubFile, benchmark: str) -> Path:
    """The archive's member as a file in the cache, taken out once."""
    member = hub.member or ""
    target = files.cache_dir() / "bench" / benchmark / hub.revision / Path(member).name
    if target.is_file():
        return target
    try:
        with zipfile.ZipFile(archive) as opened:
            if opened.getinfo(member).file_size > _MOST_BYTES:
                raise DocumentError(f"{member} of {archive} is larger than {_MOST_BYTES >> 20} MiB")
            data = opened.read(member)
    # The last two: it is locked, or packed in a way that Python doesn't know.
    except (KeyError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DocumentError(f"{archive} has no {member}: {first_line(error)}") from error
    files.make_folder(target.parent)
    files.atomic_write(target, data)
    return target
