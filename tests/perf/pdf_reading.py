"""How much slower lcirc reads a PDF than plain pypdf does, whole processes compared.

    LCIRC_DATA=... python tests/perf/pdf_reading.py [FILE.pdf] [--rounds 5]

Prints one JSON line. The two take turns, and the fastest run of each counts: on a busy machine the
others measure the neighbours. At most 1.2 is asked for. `processor_value` is the same ratio of
processor time, of the interpreter and of every process that it began.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN = """
import sys
from pypdf import PdfReader
print(sum(len(page.extract_text()) for page in PdfReader(sys.argv[1]).pages))
"""
OURS = """
import sys
from lcirc_cli.documents import read_document
print(len(read_document(sys.argv[1]).text))
"""


def seconds(code: str, path: Path) -> tuple[float, float]:
    """Wall-clock and processor time of a fresh interpreter that runs `code`."""
    start, before = time.perf_counter(), _processor()
    subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start, _processor() - before


def _processor() -> float:
    """Of the processes that this one has begun, and of theirs, so far."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    path = options.file
    if path is None:
        folder = os.environ.get("LCIRC_DATA")
        path = Path(folder) / "pdfs" / "policy.pdf" if folder else ROOT / "docs" / "handbook.pdf"
    if not path.is_file():
        print(json.dumps({"name": "pdf_reading_ratio", "skipped": f"{path} is not there"}))
        return
    times = [(seconds(PLAIN, path), seconds(OURS, path)) for _ in range(options.rounds)]
    plain, ours = (min(wall for wall, _ in runs) for runs in zip(*times, strict=True))
    processor = [min(spent for _, spent in runs) for runs in zip(*times, strict=True)]
    result = {
        "name": "pdf_reading_ratio",
        "value": round(ours / plain, 3),
        "processor_value": round(processor[1] / processor[0], 3),
        "limit": 1.2,
        "pypdf_s": round(plain, 3),
        "lcirc_s": round(ours, 3),
        "file": path.name,
        "rounds": options.rounds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
