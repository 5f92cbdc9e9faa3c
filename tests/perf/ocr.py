"""Reads thirty drawn pages, and many copies of one: errors by condition, time and memory.

    python tests/perf/ocr.py [--pages 200] [--only drawn|doubt|many|full]

Prints JSON lines: of each kind, font and resolution the share of wrong characters (drawn); of pages
that are ever more blurred and noisy that share and the confidence, by which the threshold in
`ocr.py` was chosen (doubt); over pages of a few lines with a full one at the third place and each
ninetieth after it the seconds a page and the peak memory of the child as pages go by (many).
Only when asked for, as it takes half an hour: `lcirc ingest --ocr all` of full pages, interrupted
as by Ctrl-C when three tenths are read, and begun again (full).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from operator import truediv
from pathlib import Path

import numpy as np
from PIL import ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from lcirc_cli.documents import child, read_document
from lcirc_cli.memory.file import load_memory
from tests.documents import scanned


def print_row(**row: object) -> None:
    print(json.dumps(row), flush=True)


def processor_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mib(process: child.ChildProcess) -> tuple[float, float]:
    """Resident memory and address space of a child, at their most."""
    status = Path(f"/proc/{process._process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmHWM", "VmPeak"))  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--drawn", type=int, default=30, help="drawn pages, at most")
    parser.add_argument("--only", choices=("drawn", "doubt", "many", "full"))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started: list[child.ChildProcess] = []
    original = child.ChildProcess.__init__

    def keep(self: child.ChildProcess, *args: object, **more: object) -> None:
        started.append(self)
        original(self, *args, **more)  # type: ignore[arg-type]

    child.ChildProcess.__init__ = keep  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "drawn"):
            by_kind(Path(folder), options.drawn)
        if options.only in (None, "doubt"):
            doubt()
        if options.only in (None, "many"):
            many(Path(folder), options.pages, started)
        if options.only == "full":
            full(Path(folder), options.pages)


def by_kind(folder: Path, count: int) -> None:
    wrong: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for page in scanned.thirty()[:count]:
        path = folder / "page.pdf"
        path.write_bytes(scanned.as_pdf([page]))
        begun = processor_seconds()
        document = read_document(path)
        seconds = processor_seconds() - begun
        found = scanned.errors(document.text, page.text)
        for key in (page.kind, page.font, f"{page.dpi} dpi", "all"):
            wrong[key][0] += found
            wrong[key][1] += len(page.text)
        print_row(
            page=f"{page.kind} {page.font} {page.dpi}",
            error_percent=round(100 * found / len(page.text), 2),
            processor_seconds=round(seconds, 1),
            notes=document.notes,
        )
    for key, (found, total) in wrong.items():
        print_row(pages=key, characters=total, error_percent=round(100 * found / total, 2))


def doubt() -> None:
    from lcirc_cli.documents.ocr_engine import OcrEngine
    from lcirc_cli.documents.ocr_page import read_picture

    engine = OcrEngine(1)
    for number, (blur, noise) in enumerate(
        (blur, noise) for noise in (0, 30, 60, 90) for blur in (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
    ):
        font = scanned.FONTS[number % 3]
        page = scanned.page("plain", font=font, start=3 + 7 * number, size=(300, 200), points=8.0)
        spoilt = page.image.filter(ImageFilter.GaussianBlur(blur))
        grain = np.random.default_rng(number).normal(0, noise, (spoilt.height, spoilt.width))
        grey = np.clip(np.asarray(spoilt, np.float32) * 0.8 + 30 + grain, 0, 255).astype(np.uint8)
        read = read_picture(engine, np.stack([grey] * 3, axis=2), scale=150 / 72)
        wrong = scanned.errors(read["text"], page.text)
        print_row(
            blur=blur,
            noise=noise,
            confidence=read["ocr"],
            error_percent=round(100 * wrong / len(page.text), 1),
        )


def many(folder: Path, count: int, started: list[child.ChildProcess]) -> None:
    few = [scanned.page(kind, start=7, size=(160, 110), points=8.0) for kind in scanned.KINDS]
    full = scanned.page("columns", start=7)
    pages = [full if at % 90 == 2 else few[at % len(few)] for at in range(count)]
    path = folder / "many.pdf"
    path.write_bytes(scanned.as_pdf(pages))
    begun = time.perf_counter()

    def watch(done: int, total: int) -> None:
        if done in (2, 3, 20, 50, 100, 150, total):
            rss, space = peak_mib(started[-1])
            print_row(
                pages_read=done,
                seconds_a_page=round((time.perf_counter() - begun) / done, 2),
                peak_mib=round(rss),
                peak_address_space_mib=round(space),
            )

    read_document(path, watch=watch)


def full(folder: Path, count: int) -> None:
    kinds, path = list(scanned.KINDS), folder / "full.pdf"
    begins = len(scanned.sentences()) - 80  # a table takes its words from the sentences after it
    drawn = [
        scanned.page(kinds[at % 5], font=scanned.FONTS[at % 3], start=1 + 7 * at % begins)
        for at in range(count)
    ]
    true = [page.text for page in drawn]
    path.write_bytes(scanned.as_pdf(drawn))
    del drawn
    before = ingested(path, stop=count * 3 // 10)
    after = ingested(path, kept=before)
    (document,) = load_memory(path.with_suffix(".lcirc")).documents
    read = {page.number: document.text[page.start : page.end] for page in document.pages}
    found = [scanned.errors(read.get(at, ""), text) for at, text in enumerate(true, start=1)]
    characters = sum(map(len, true))
    print_row(
        pages=count,
        read_before=before,
        read_after=after,
        characters=characters,
        error_percent=round(100 * sum(found) / characters, 2),
        worst_page=round(100 * max(map(truediv, found, map(len, true))), 2),
    )


def ingested(path: Path, *, kept: int = 0, stop: int | None = None) -> int:
    """`lcirc ingest` of pages of which `kept` were read before; how many it has read itself.

    It is interrupted as by Ctrl-C once `stop` are read. Every twenty pages a row says what the
    child process has taken; the pages are counted in the folder beside the memory.
    """
    command = [sys.executable, "-m", "lcirc_cli", "ingest", str(path), "--ocr", "all", "--offline"]
    command += ["-o", str(path.with_suffix(".lcirc")), "--dtype", "bfloat16", "--quiet"]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background jobs
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    folder, done, told = path.with_suffix(".lcirc.partial"), kept, kept
    begun, taken = time.perf_counter(), (0.0, 0.0, 0.0)
    try:
        while process.poll() is None:
            time.sleep(0.2)
            taken = reader_of(process.pid) or taken  # after the last page it ends at once
            with contextlib.suppress(FileNotFoundError):  # at the end they are removed
                lines = b"".join(map(Path.read_bytes, folder.glob("*.pages"))).splitlines()
                done = max(done, sum(line.endswith(b"}") for line in lines))  # no half ones
            if done >= told + 20:
                told = done
                resident, peak, seconds = taken
                print_row(
                    pages_read=done,
                    in_this_run=done - kept,
                    resident_mib=round(resident),
                    peak_mib=round(peak),
                    processor_seconds_a_page=round(seconds / (done - kept), 2),
                    seconds_a_page=round((time.perf_counter() - begun) / (done - kept), 2),
                )
            if stop is not None and done >= stop:
                stop = None
                os.killpg(process.pid, signal.SIGINT)
    finally:
        process.kill()  # where this one is stopped
    print_row(exit=process.returncode, seconds=round(time.perf_counter() - begun))
    return done - kept


def reader_of(parent: int) -> tuple[float, float, float] | None:
    """Of the child process that reads: resident MiB now and at most, and its processor seconds."""
    found: list[tuple[float, float, float]] = []
    for line in Path("/proc").glob(f"{parent}/task/*/children"):
        for child_id in line.read_text().split():
            try:
                status = Path(f"/proc/{child_id}/status").read_text()
                times = Path(f"/proc/{child_id}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            fields = dict(line.split(":", 1) for line in status.splitlines())
            if "VmRSS" not in fields:  # it has ended
                continue
            now, peak = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
            seconds = sum(map(int, times[11:13])) / os.sysconf("SC_CLK_TCK")
            found.append((now, peak, seconds))
    return max(found, default=None)


if __name__ == "__main__":
    main()
