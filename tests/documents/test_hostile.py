"""Hostile documents end in text or in one line, soon, in little space, and cost no other file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
QUICK = (  # of each habit of attack one that takes next to no time
    *("escapes.txt", "utf32-over.txt", "long-heading.md", "nested-lists.html", "headings.html"),
    *("unclosed.html", "spans.html", "digits.html", "references.html", "half-references.html"),
    *("many-bombs.epub", "directory.epub", "root.epub", "odd-names.epub", "laughs.epub"),
    *("laughs-elsewhere.docx", "itself.docx", "bad-references.docx", "spans.docx", "zip-as.txt"),
)
SECONDS, MEGABYTES = 20, 400


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(HERE))
    try:
        import hostile
    finally:
        sys.path.remove(str(HERE))
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in hostile.documents(1, QUICK):
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_of_hostile_documents_loses_none_of_the_others(
    cli: Callable[..., Any], quick: Path
) -> None:
    from lcirc_cli.commands.reading import read_sources
    from lcirc_cli.documents import collect_sources

    assert len(list(quick.iterdir())) == len(QUICK)
    good = {quick / "00-good.txt", quick / "zz-good.html"}
    for path in good:
        path.write_text("<p>The treaty was signed by Maud.</p>")
    before = sum(os.times()[:4])
    reading = read_sources(
        collect_sources([str(quick)]), named={quick}, password_file=None, pages=None
    )
    assert sum(os.times()[:4]) - before < SECONDS
    read, skipped = {each.name for each in reading.documents}, {name for name, _ in reading.skipped}
    assert {path.name for path in good} <= read
    assert len(skipped) >= 8 and len(read) >= 8
    for document in reading.documents:
        document.text.encode("utf-8")
        shown = document.text + "".join(page.section or "" for page in document.pages)
        assert not set(shown) & set("\x00\x07\x08\x1b\x7f\x9b\u202e\u2066")
        assert all(len(page.section or "") <= 300 for page in document.pages)
    assert all("\n" not in reason and len(reason) < 400 for _, reason in reading.skipped)


@pytest.mark.slow
def test_eighty_hostile_documents(data_dir: Path) -> None:
    cases = data_dir.parent / "cases" / "hostile"
    command = [sys.executable, str(HERE / "hostile.py"), "--check"]
    command += ["--also", str(cases)] if cases.is_dir() else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) >= 80
    for each in found:
        assert each["status"] in (0, 3), each
        assert each["cpu_seconds"] < SECONDS and each["mb"] < MEGABYTES, each
