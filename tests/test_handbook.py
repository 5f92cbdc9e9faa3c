"""The handbook's PDF: fresh, readable by pypdf in the right order, true where it can be checked.

`make demo` reads docs/handbook.pdf: what is extracted from it has to be the Markdown's text.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pypdf
import pytest

from lcirc_cli import errors

DOCS = Path(__file__).parents[1] / "docs"
MARKDOWN = DOCS / "handbook.md"
PDF = DOCS / "handbook.pdf"


@pytest.fixture(scope="module")
def reader() -> pypdf.PdfReader:
    return pypdf.PdfReader(PDF)


@pytest.fixture(scope="module")
def pages(reader: pypdf.PdfReader) -> list[str]:
    return [page.extract_text() for page in reader.pages]


@pytest.fixture(scope="module")
def renderer() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("render_handbook")


@pytest.fixture(scope="module")
def markdown() -> str:
    return MARKDOWN.read_text("utf-8")


def flat(text: str) -> str:
    """One space between words, none elsewhere."""
    return " ".join(text.split())


def headings(markdown: str) -> list[tuple[int, str]]:
    """(level, text) of chapters (2) and sections (3)."""
    without_code = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^(##|###) (.+)$", without_code, flags=re.MULTILINE)
    return [(len(marks), text.replace("`", "")) for marks, text in found]


def outline(reader: pypdf.PdfReader) -> list[tuple[str, int]]:
    """(heading, physical page from 1) of all bookmarks, in order."""

    def walk(entries: list) -> Iterator[tuple[str, int]]:  # type: ignore[type-arg]
        for entry in entries:
            if isinstance(entry, list):
                yield from walk(entry)
            else:
                number = reader.get_destination_page_number(entry)
                assert number is not None
                yield str(entry.title), number + 1

    return list(walk(reader.outline))


# -- the file ---------------------------------------------------------------------------------


def test_pdf_was_rendered_from_this_markdown(reader: pypdf.PdfReader) -> None:
    digest = hashlib.sha256(MARKDOWN.read_bytes()).hexdigest()
    assert reader.metadata is not None
    assert reader.metadata.get("/Keywords") == f"markdown-sha256:{digest}", (
        "docs/handbook.pdf is stale; run: python docs/render_handbook.py"
    )


def test_more_than_thirty_pages_with_text(pages: list[str]) -> None:
    assert len(pages) > 30
    assert all(len(text.split()) > 12 for text in pages)


def test_rendering_twice_gives_equal_bytes(renderer: ModuleType, pages: list[str]) -> None:
    source = MARKDOWN.read_bytes()
    first = renderer.render(source)
    assert first == renderer.render(source)
    # Another fpdf2 may write other bytes; the text of each page must still be the committed one.
    fresh = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(first)).pages]
    assert fresh == pages


@pytest.mark.parametrize(
    ("markdown", "complaint"),
    [
        ("no title", "level-1 heading"),
        ("# T\n\nsub\n\n## 1. A\n\n![a](b.png)\n", "image"),
        ("# T\n\nsub\n\n## 1. A\n\n- a\n  - b\n", "flat lists"),
        ("# T\n\nsub\n\n## 1. A\n\n> quoted\n", "blockquote"),
        ("# T\n\nsub\n\n## 1. A\n\n```\n" + "x" * 90 + "\n```\n", "too wide"),
    ],
)
def test_markdown_without_a_layout_is_refused(
    renderer: ModuleType, markdown: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        renderer.render(markdown.encode())


# -- what a reader gets out of it ---------------------------------------------------------------


def test_headings_stand_on_the_pages_that_outline_and_contents_name(
    reader: pypdf.PdfReader, pages: list[str], markdown: str
) -> None:
    marked = outline(reader)
    assert [title for title, _ in marked] == [text for _, text in headings(markdown)]
    contents = flat("\n".join(pages[1:4]))
    for title, number in marked:
        body = pages[number - 1].split("\n", 1)[1]  # the first line is the running header
        assert flat(title) in flat(body), f"{title} is not on page {number}"
        assert f"{flat(title)} {number}" in contents


def test_printed_page_numbers_are_physical_and_headers_name_the_chapter(
    reader: pypdf.PdfReader, pages: list[str], markdown: str
) -> None:
    chapters = {text for level, text in headings(markdown) if level == 2}
    starts = [(title, page) for title, page in outline(reader) if title in chapters]
    for number, text in enumerate(pages[1:], start=2):
        header = text.split("\n", 1)[0]
        assert header.endswith(f" {number}")
        begun = [title for title, page in starts if page < number]
        if number > starts[0][1] and not header.startswith("The lcirc Handbook"):
            assert header == f"{begun[-1].split(' ', 1)[1]} {number}"


def test_extracted_text_is_the_markdowns_text_in_order(
    renderer: ModuleType, pages: list[str], markdown: str
) -> None:
    body = flat(" ".join(page.split("\n", 1)[1] for page in pages[4:]))
    position, checked, columns = 0, 0, ""
    tokens = renderer.MarkdownIt("commonmark").enable("table").parse(markdown)
    first = next(at for at, token in enumerate(tokens) if token.tag == "h2")
    for before, token in zip(tokens[first:], tokens[first + 1 :], strict=False):
        if before.type == "table_open":
            columns = ""
        if token.type not in ("inline", "fence"):
            continue
        expected = flat(token.content if token.type == "fence" else renderer.plain(token))
        found = body.find(expected, position)
        assert found >= 0, f"not found, or out of order: {expected[:90]!r}"
        between = body[position:found].strip()  # a list's mark, or the heading of a split table
        assert re.fullmatch(r"-|\d+\.|", between) or between == columns.strip(), between
        if before.type == "th_open":
            columns += f" {expected}"
        position, checked = found + len(expected), checked + 1
    assert checked > 500
    assert not body[position:].strip()


# -- what it says -------------------------------------------------------------------------------


def test_numbering_and_cross_references(markdown: str) -> None:
    chapters: dict[int, list[str]] = {}
    for level, text in headings(markdown):
        if level == 2:
            chapters[len(chapters) + 1] = [text]
            assert text.startswith(f"{len(chapters)}. ")
        else:
            chapters[len(chapters)].append(text)
    sections = [text for texts in chapters.values() for text in texts]
    assert len(set(sections)) == len(sections)
    prose = flat(markdown)
    referred = re.findall(r"[Cc]hapters? (\d+)(?:(?:, (\d+))* and (\d+))?", prose)
    assert len(referred) > 20
    assert all(int(number) in chapters for numbers in referred for number in numbers if number)
    for title, number in re.findall(r'[Ss]ee "([^"]+)" in chapter (\d+)', prose):
        assert title in chapters[int(number)]


def test_exit_code_table_is_the_programs(markdown: str) -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", markdown, flags=re.MULTILINE)}
    raised = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.LcircError)
    }
    assert listed == {0, 130} | raised


def test_figures_that_the_handbook_calls_computed(markdown: str) -> None:
    prose = flat(markdown).replace(",", "")
    layer = 4 * 4096**2 + 3 * 4096 * 11008
    weights = 32 * layer + 32000 * 4096
    tokens = 128 * 1024
    matrices, scores = 2 * weights * tokens / 1e12, 4 * tokens**2 * 4096 * 32 / 1e12
    latents = (tokens - 4096) // 2048 * 64
    cache, memory = tokens * 32 * 2 * 4096 * 2, latents * 4096 * 2
    for figure in (
        f"{layer / 1e6:.1f} million weights a layer",
        f"together = {weights / 1e6:.0f} million",
        f"the first part is {matrices:.0f} TFLOP and the second is {scores:.0f} TFLOP",
        f"they are {matrices + scores:.0f} TFLOP",
        f"attention is {100 * scores / (matrices + scores):.0f} percent",
        f"62 times 64 is {latents} latents",
        f"{cache} bytes = {cache // 2**30} GiB",
        f"which is {memory} bytes or {memory // 2**20} MiB",
        f"the score of A is log(4) about {math.log(4):.2f}",
        f"5 + log(4) about {5 + math.log(4):.2f}",
        f"1/61 + 1/63 about {1 / 61 + 1 / 63:.4f}",
        f"1/61 + 1/260 about {1 / 61 + 1 / 260:.4f}",
        f"F1 is {2 * 0.5 * 1 / (0.5 + 1):.3f}",
        f"gives {100 * 47 / 269:.2f} percent on TPO (47 of 269)",
        f"gives {100 * 52 / 202:.2f} percent on QuALITY (52 of 202)",
        f"a gain of {100 * (22.33 / 5.47 - 1):.0f} percent",
        f"a gain of {100 * (21.45 / 11.26 - 1):.0f} percent",
    ):
        assert figure in prose, figure
    half_width = [1.96 * math.sqrt(0.25 / count) * 100 for count in (64, 351)]
    assert [round(width) for width in half_width] == [12, 5]
