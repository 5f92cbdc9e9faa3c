"""Real PDF files, the 300 made bad on purpose, and a book of 2,000 pages."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents import parse_page_ranges, read_document
from lcirc_cli.errors import DocumentError

from .raw_pdf import flate, objects, show, stream, write

HERE = Path(__file__).resolve().parent
MEMORY_LIMIT_KIB = 1 << 20  # what `mutate.py --check` allows
PAGE_LIMIT_S = 20


@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_real_pdf_ends_in_text_or_in_one_line(data_dir: Path, long: bool) -> None:
    folder = data_dir / "pdfs"
    with (folder / "INDEX.tsv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert len(rows) == 21
    for row in (row for row in rows if (int(row["pages"]) > 100) is long):
        path, promised = folder / row["file"], int(row["text_in_first_60_pages"])
        try:
            document = read_document(path)
        except DocumentError as error:
            assert promised == 0, row
            assert str(error).startswith(f"{path.name}: ") and "\n" not in str(error)
            if row["needs_password"] == "True":
                assert "locked with a password" in str(error)
            elif "images" in row["note"] or "scanned" in row["note"] or "blank" in row["note"]:
                assert "no text layer" in str(error)
            continue
        assert document.page_count == int(row["pages"])
        first = [page for page in document.pages if page.number and page.number <= 60]
        # Dot leaders, hyphens at line ends and blanks go: what the rest counts must be there.
        found = sum(page.end - page.start for page in first)
        # Of a line in fonts that aren't embedded, how much is found depends on pypdf's release.
        assert found >= (0.7 if promised > 100 else 0.5) * promised, row
        assert len(document.pages) + len(document.empty_pages) == document.page_count


def test_the_locked_one_opens_with_its_password(data_dir: Path) -> None:
    path = data_dir / "pdfs" / "crazyones-encrypted-256.pdf"
    assert "crazy ones" in read_document(path, password="password").text


def test_running_text_is_joined_and_tables_of_contents_are_not(data_dir: Path) -> None:
    first = parse_page_ranges("1-3")
    text = read_document(data_dir / "pdfs" / "tracemonkey.pdf", pages=first).text
    assert (
        "We present an alternative compilation technique for dynamically-typed languages that "
        "identifies frequently executed loop traces at run-time" in text
    )
    assert "TraceMonkey" in text and "Trace-\nMonkey" not in text and "ﬁ" not in text
    assert "v0 := ld state[748] // load primes from the trace activation record\nst sp[0]" in text
    manual = read_document(data_dir / "pdfs" / "R-intro.pdf", pages=first).text
    assert "1.8 R commands, case sensitivity, etc... 5\n" in manual
    assert unicodedata.is_normalized("NFC", manual)


def check_mutations(first: int, count: int) -> list[dict[str, Any]]:
    """Read bad files in a process of its own, so that its children's memory can be measured."""
    done = subprocess.run(
        [
            sys.executable,
            str(HERE / "mutate.py"),
            "--check",
            f"--first={first}",
            f"--count={count}",
        ],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr[-2000:]
    *results, memory = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == count
    assert memory["children_peak_kib"] <= MEMORY_LIMIT_KIB
    assert memory["own_peak_kib"] <= MEMORY_LIMIT_KIB
    for result in results:
        if "error" in result:
            assert result["error"].startswith(result["name"] + ": "), result
            assert "\n" not in result["error"] and len(result["error"]) < 500
        else:
            assert result["text"] > 0, result
        # Opening and one lost page may each use up their limit, on a busy machine too.
        assert result["seconds"] < 4 * PAGE_LIMIT_S, result
    return results


def test_every_kind_of_bad_pdf(tmp_path: Path) -> None:
    results = check_mutations(0, 30)
    by_kind = {result["name"].split("-")[1]: result for result in results}
    assert "no text layer" in by_kind["image_only.pdf"]["error"]
    assert sum("error" in result for result in results) >= 10  # they are bad indeed
    assert sum("text" in result for result in results) >= 5  # and yet some can be read


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_hundred_bad_pdfs() -> None:
    check_mutations(0, 300)


READ_BIG = """
import json, resource, sys, time
from lcirc_cli.documents import read_document
from lcirc_cli.cost.peak import peak_bytes
start = time.perf_counter()
document = read_document(sys.argv[1], ocr="off")  # its models have their own figures
print(json.dumps({
    "seconds": time.perf_counter() - start, "pages": len(document.pages),
    "characters": len(document.text),
    "own": peak_bytes() // 1024,
    "child": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
}))
"""


def make_book(path: Path, pages: int) -> None:
    from fpdf import FPDF

    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    sentence = "The harbour master wrote that every boat must leave before noon on day {}. "
    for page in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 5, "".join(sentence.format(page * 40 + line) for line in range(40)))
    pdf.output(str(path))


def read_big(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ_BIG, str(path)],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=1800,
        check=True,
    )
    return dict(json.loads(done.stdout))


def make_scans(path: Path, pages: int) -> None:
    """Pages with a line of text and a picture of a mebibyte, as OCR leaves them."""
    drawn = show("A line that OCR has found.") + b" q 600 0 0 700 0 0 cm /Im Do Q"
    made = objects([flate(drawn)] * pages)
    for i in range(pages):
        picture = b"/XObject << /Im %d 0 R >>" % (10_000 + i)
        made[4 + 2 * i] = made[4 + 2 * i].replace(b"/Resources <<", b"/Resources << " + picture)
        extra = b"/Type /XObject /Subtype /Image /Width 1024 /Height 1024 /BitsPerComponent 8"
        made[10_000 + i] = stream(bytes(1 << 20), extra + b" /ColorSpace /DeviceGray")
    path.write_bytes(write(made))


def test_pictures_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    make_scans(tmp_path / "few.pdf", 5)
    make_scans(tmp_path / "many.pdf", 80)
    few, many = read_big(tmp_path / "few.pdf"), read_big(tmp_path / "many.pdf")
    assert many["pages"] == 80
    assert many["child"] - few["child"] < 20 * 1024  # KiB, of 80 * 1,024 in the file


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_pages_in_flat_memory(tmp_path: Path) -> None:
    """A book ten times as long costs the reading process next to nothing more."""
    pytest.importorskip("fpdf")
    make_book(tmp_path / "short.pdf", 200)
    make_book(tmp_path / "long.pdf", 2000)
    short, long = read_big(tmp_path / "short.pdf"), read_big(tmp_path / "long.pdf")
    assert (short["pages"], long["pages"]) == (200, 2000)
    assert long["characters"] > 9 * short["characters"]
    assert long["child"] - short["child"] < 20 * 1024  # KiB; a page's own entry stays
    text = long["characters"] // 1024
    assert (
        long["own"] - short["own"] < 12 * text + 16 * 1024
    )  # KiB; the text is kept, as pieces too
