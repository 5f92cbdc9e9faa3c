"""Renders docs/handbook.md to docs/handbook.pdf, the document that `make demo` reads.

The result depends on the Markdown and on the installed fpdf2 alone: dates are fixed, the fonts are
the standard ones of every PDF viewer, nothing is fetched. The SHA-256 of the Markdown stands in
the PDF's keywords, so that a stale PDF can be told from a fresh one without rendering.

Knows the Markdown that the handbook uses (headings of three levels, paragraphs, flat lists, code
blocks, tables) and stops at anything else. Knows nothing about lcirc.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from handbook_layout import WHOLE_TABLE_ROWS, Handbook, Run
from markdown_it import MarkdownIt
from markdown_it.token import Token

SOURCE = Path(__file__).with_name("handbook.md")
TARGET = Path(__file__).with_name("handbook.pdf")
EDITION_DATE = datetime(2026, 11, 22, tzinfo=UTC)  # fixed: the same input gives the same bytes


def source_hash(markdown: bytes) -> str:
    """The keyword that ties a PDF to the Markdown that it was made from."""
    return f"markdown-sha256:{hashlib.sha256(markdown).hexdigest()}"


def inline_runs(token: Token) -> list[Run]:
    """Text of an inline token as runs of one style each.

    Raises:
        ValueError: an inline element that the layout has no style for.
    """
    runs: list[Run] = []
    emphasis = ""
    for child in token.children or []:
        match child.type:
            case "text":
                runs.append(Run(child.content, emphasis))
            case "softbreak":
                runs.append(Run(" ", emphasis))
            case "code_inline":
                runs.append(Run(child.content, emphasis, code=True))
            case "strong_open" | "em_open":
                emphasis = "B" if child.type == "strong_open" else "I"
            case "strong_close" | "em_close":
                emphasis = ""
            case _:
                raise ValueError(f"no style for {child.type!r} near {token.content[:60]!r}")
    return runs


def plain(token: Token) -> str:
    """An inline token's text without styles."""
    return "".join(run.text for run in inline_runs(token))


def block_end(tokens: Sequence[Token], start: int) -> int:
    """Index of the token that closes the block opened at `start`."""
    level = tokens[start].level
    end = start + 1
    while tokens[end].level > level:
        end += 1
    return end


def blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Top-level blocks: a single token, or everything from an opening to its closing."""
    start = 0
    while start < len(tokens):
        end = block_end(tokens, start) if tokens[start].nesting > 0 else start
        yield list(tokens[start : end + 1])
        start = end + 1


def draw_list(book: Handbook, block: Sequence[Token]) -> None:
    """A flat list; each item is a single paragraph."""
    ordered = block[0].type == "ordered_list_open"
    items = [token for token in block if token.type == "inline"]
    deepest = max(token.level for token in items)
    if deepest > items[0].level or len(items) != sum(t.type == "list_item_open" for t in block):
        raise ValueError(f"only flat lists are drawn, near {items[0].content[:60]!r}")
    for number, item in enumerate(items, start=1):
        mark = f"{number}." if ordered else "-"
        book.list_item(inline_runs(item), mark=mark, last=number == len(items))


def draw_table(book: Handbook, block: Sequence[Token]) -> None:
    """A table; a cell is either all code or all text."""
    rows: list[list[Run]] = []
    for token in block:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            runs = inline_runs(token)
            whole_is_code = len(runs) == 1 and runs[0].code
            rows[-1].append(Run(plain(token), code=whole_is_code))
    book.table_block(rows)


def room_for(block: Sequence[Token]) -> float:
    """About how many millimetres a block needs that shouldn't be torn from its announcement."""
    match block[0].type:
        case "table_open":
            rows = sum(token.type == "tr_open" for token in block)
            return 7.0 * rows if rows <= WHOLE_TABLE_ROWS else 50.0
        case "fence":
            return 8.0 + 4.1 * block[0].content.count("\n")
        case "paragraph_open":
            return 5.4 * math.ceil(len(block[1].content) / 95)
        case _:
            return 15.0


def room_after(parts: Sequence[Sequence[Token]], at: int) -> float:
    """Millimetres that should be free below block `at`, so that what follows stays with it."""
    if at + 1 == len(parts) or parts[at][0].tag == "h2":
        return 0.0
    below = room_for(parts[at + 1])
    if parts[at][0].tag == "h3":
        return max(15.0, below + room_after(parts, at + 1))
    if parts[at][0].type != "paragraph_open":
        return 0.0
    announces = parts[at + 1][0].type == "table_open" or parts[at][1].content.endswith(":")
    return below if announces else 0.0


def draw_block(book: Handbook, block: Sequence[Token], *, room: float) -> None:
    """One top-level block; headings and paragraphs keep `room` millimetres free below them.

    Raises:
        ValueError: a kind of block that the layout doesn't know.
    """
    match block[0].type:
        case "heading_open" if block[0].tag == "h2":
            book.chapter_heading(plain(block[1]))
        case "heading_open" if block[0].tag == "h3":
            book.section_heading(plain(block[1]), room=room)
        case "paragraph_open":
            book.paragraph_block(inline_runs(block[1]), room=room)
        case "fence":
            book.code_block(block[0].content.rstrip("\n"))
        case "bullet_list_open" | "ordered_list_open":
            draw_list(book, block)
        case "table_open":
            draw_table(book, block)
        case kind:
            raise ValueError(f"no layout for {kind} {block[0].tag} at line {block[0].map}")


def render(markdown: bytes) -> bytes:
    """The handbook as a PDF. Equal input gives equal bytes.

    Args:
        markdown: UTF-8; a level-1 heading and its paragraphs become the title page.

    Raises:
        ValueError: Markdown that the layout doesn't know, or no title.
    """
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown.decode("utf-8"))
    parts = list(blocks(tokens))
    if not parts or parts[0][0].tag != "h1":
        raise ValueError("the handbook must begin with a level-1 heading")
    body = next(i for i, part in enumerate(parts) if part[0].tag == "h2")
    book = Handbook(title=plain(parts[0][1]), created=EDITION_DATE, keywords=source_hash(markdown))
    book.title_page([plain(part[1]) for part in parts[1:body]])
    book.contents_pages()
    for at in range(body, len(parts)):
        draw_block(book, parts[at], room=room_after(parts, at))
    return bytes(book.output())


def main() -> int:
    """Writes the PDF beside its source."""
    TARGET.write_bytes(render(SOURCE.read_bytes()))
    sys.stderr.write(f"wrote {TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
