"""Ten thousand documents: memory stays flat while they pass through."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lcirc_cli.lqa.pairs.progress import read_progress

from .conftest import Command, Endpoint
from .corpus import write_documents

DOCUMENTS = 10_000


def resident_megabytes(pid: int) -> float:
    """The resident memory of a process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(x.split()[1]) / 1024 for x in lines if x.startswith("VmRSS")), 0.0)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_memory_is_flat_over_ten_thousand_documents(
    tmp_path: Path, endpoint: Callable[..., Endpoint], command: Command
) -> None:
    # Short documents: what would grow is kept for each document, whatever its length.
    source = write_documents(tmp_path / "documents.jsonl.gz", DOCUMENTS, sentences=12)
    server = endpoint()
    out = tmp_path / "out"
    process = command.start(
        *(source, "--out", out, "--endpoint", server.url, "--generator", "fake"),
        *("--pairs-per-document", 1, "--min-tokens", 100),
    )
    seen: list[tuple[int, float]] = []
    while process.poll() is None:
        folders = list(out.glob("work/documents-*/pairs-*/progress"))
        done = read_progress(folders[0])["documents"] if folders else 0
        if done:
            seen.append((done, resident_megabytes(process.pid)))
        time.sleep(0.5)
    assert process.returncode == 0, process.communicate()
    early = max(used for done, used in seen if 1_000 <= done < 3_000)
    late = max(used for done, used in seen if 8_000 <= done < DOCUMENTS)
    print(f"resident: {early:.0f} MB early, {late:.0f} MB late")
    assert late <= 1.05 * early
