"""Reads a Word document (DOCX): its text in reading order, then notes, comments, headers, footers.

Our own reader: what libraries make of a Word file leaves out equations, numbers of lists, headers,
merged cells and most text boxes. Knows nothing about paragraphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from lcirc_cli.documents.archive import Archive
from lcirc_cli.documents.assemble import Part, build_document, sha256_of
from lcirc_cli.documents.cleaning import clean_parts
from lcirc_cli.documents.document import Document
from lcirc_cli.documents.docx_body import Body
from lcirc_cli.documents.docx_drawing import Drawings
from lcirc_cli.documents.docx_numbering import Numbering
from lcirc_cli.documents.docx_package import Package
from lcirc_cli.documents.docx_story import Story
from lcirc_cli.documents.docx_styles import Styles
from lcirc_cli.documents.flow import Flow
from lcirc_cli.documents.limits import DEFAULT_LIMITS, ReadLimits
from lcirc_cli.documents.losses import reading_notes
from lcirc_cli.errors import DocumentError

_MAX_PART_BYTES = 64 << 20
_NOTES = {"footnote": "Footnotes", "endnote": "Endnotes"}
_EDGES = {"header": "Page header", "footer": "Page footer"}


def read_docx(data: bytes, *, name: str, limits: ReadLimits = DEFAULT_LIMITS) -> Document:
    """Read a DOCX from its bytes; headings begin sections.

    Raises:
        DocumentError: damaged, a bomb, without text, or over a limit.
    """
    package = Package(Archive(data, name=name, max_member_bytes=_MAX_PART_BYTES))
    losses: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    try:
        parts = list(clean_parts(_parts(package, losses), repairs))
    except RecursionError:
        raise DocumentError(f"{name}: damaged Word document (nested too deeply)") from None
    return build_document(
        name,
        parts,
        sha256=sha256_of(data),
        format="docx",
        limits=limits,
        notes=reading_notes([], repairs, losses),
    )


def _parts(package: Package, losses: Counter[str]) -> Iterator[Part]:
    root = package.root(package.main)
    if root.tag != "w:document":
        raise DocumentError(f"{package.archive.name}: damaged Word document (its main part is not)")
    story = Story(
        package,
        Styles(package.part_of("styles")),
        Numbering(package.part_of("numbering")),
        losses,
        Drawings(package, losses),
    )
    flow = Flow()
    body = Body(flow, story, package.of_main)
    for element in root:
        body.read(element)
        yield from flow.finished()
    yield from flow.finish()
    yield from _notes(story)
    yield from _comments(story)
    yield from _edges(story, root)


def _notes(story: Story) -> Iterator[Part]:
    """Footnotes and endnotes, each with the mark that stands at its place."""
    for kind, section in _NOTES.items():
        root = story.package.part_of(f"{kind}s") if story.notes[kind] else None
        if root is None:
            continue
        notes = {note.get("w:id", ""): note for note in root.iter(f"w:{kind}")}
        flow = Flow(section)
        for key in list(story.notes[kind]):
            if key in notes:
                flow.paragraph()
                flow.item(f"[{story.notes[kind][key]}]")
                Body(flow, story, story.package.of_main).read(notes[key])
        yield from flow.finish()


def _comments(story: Story) -> Iterator[Part]:
    root = story.package.part_of("comments")
    flow = Flow("Comments")
    for comment in [] if root is None else root.iter("w:comment"):
        quote = " ".join(story.quotes.get(comment.get("w:id", ""), "").split())
        about = f" on “{quote}”" if quote else ""
        flow.paragraph()
        flow.item(f"[Comment by {comment.get('w:author') or 'unknown'}{about}]")
        Body(flow, story, story.package.of_main).read(comment)
    yield from flow.finish()


def _edges(story: Story, root: Element) -> Iterator[Part]:
    """Headers and footers, each text once however many pages and sections show it."""
    package = story.package
    for kind, section in _EDGES.items():
        seen: set[str] = set()
        keys = [reference.get("r:id", "") for reference in root.iter(f"w:{kind}Reference")]
        relations = [package.of_main[key] for key in dict.fromkeys(keys) if key in package.of_main]
        for part in dict.fromkeys(relation.target for relation in relations):
            if part not in package.archive:
                continue
            flow = Flow(section)
            Body(flow, story, package.relations(part)).read(package.root(part))
            text = "\n\n".join(part.text for part in flow.finish() if part.text)
            if text not in seen and any(character.isalpha() for character in text):
                yield Part(f"{section}: {text}", section=section)
            seen.add(text)
