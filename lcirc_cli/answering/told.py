"""What is told of an answer, as lines of plain text: what it says, and its citations.

The same on a terminal, in a pipe and to the clients of `lcirc serve`. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lcirc_cli import console

if TYPE_CHECKING:
    from lcirc_cli.answering.answer import Answer
    from lcirc_cli.evidence import Citation


def answer_lines(answer: Answer) -> Iterator[str]:
    """What is printed of an answer: what it says, and its citations.

    An answer that is likelier wrong than right begins with "not sure:". Where none was read and a
    quote fits all the same, the quotes come first: they are the best that there is.
    """
    if _unread(answer):
        yield from citation_lines(answer)
        yield said(answer)
        return
    yield said(answer)
    yield from citation_lines(answer)


def said(answer: Answer) -> str:
    """What an answer says, without its citations."""
    if _unread(answer):
        return "No short answer read; see [1]"
    if not answer.answer.strip():
        return "The model gave an empty answer" + ("; see [1]" if answer.citations else "")
    return answer.answer if answer.sure else f"not sure: {answer.answer}"


def _unread(answer: Answer) -> bool:
    """Whether a quote fits the question, and the model read no answer in it."""
    return answer.refused and answer.quoted and answer.read is None


def citation_lines(answer: Answer) -> Iterator[str]:
    """`[1] book.pdf, p. 12 (0.83): "..."`, one line a citation.

    Of an answer from a server the number is that of the passage, as the answer has it (- for one
    that was not sent); passages that it names and no citation is from follow.
    """
    named: set[int] = set()
    for number, citation in enumerate(answer.citations, start=1):
        shown: int | str = number
        if answer.read is not None:
            shown = answer.read.id_of(citation) or "-"
            named |= {shown} if isinstance(shown, int) else set()
        place = [citation.document]
        if citation.page is not None:
            place.append(_pages(citation))
        elif citation.section is not None:
            place.append(citation.section)
        quote = _on_one_line(citation.quote)
        yield console.one_line(f'[{shown}] {", ".join(place)} ({citation.score:.2f}): "{quote}"')
    for sent in answer.read.passages if answer.read is not None else ():
        if sent.used and sent.id not in named:
            where = f"p. {sent.page}" if sent.page is not None else sent.section
            told = ", ".join(filter(None, (sent.document, where)))
            yield console.one_line(f'[{sent.id}] {told}: "{_on_one_line(sent.quote or "")}"')


def _pages(citation: Citation) -> str:
    """`p. 32 (printed 18)`, `pp. 32-33 (33 printed 19)`; no printed number where it is the same."""
    first, last = citation.pages or (citation.page, citation.page)
    place = f"p. {first}" if first == last else f"pp. {first}-{last}"
    if citation.label is None or citation.label == str(citation.page):
        return place
    which = "" if first == last else f"{citation.page} "
    return f"{place} ({which}printed {citation.label})"


def _on_one_line(quote: str) -> str:
    """A quote on one line: cells of a table apart by " | ", its rows by " / "."""
    rows = [
        " | ".join(" ".join(cell.split()) for cell in row.split("\t")) for row in quote.split("\n")
    ]
    return (" / " if "\t" in quote else " ").join(row for row in rows if row)
