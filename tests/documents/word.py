"""Makes small Word files out of XML parts written by hand."""

from __future__ import annotations

from collections.abc import Mapping

from lcirc_cli.documents.document import Document
from lcirc_cli.documents.docx import read_docx

from .bad_inputs import zipped

OOXML = "http://schemas.openxmlformats.org"
_NAMESPACES = {
    "w": f"{OOXML}/wordprocessingml/2006/main",
    "m": f"{OOXML}/officeDocument/2006/math",
    "r": f"{OOXML}/officeDocument/2006/relationships",
    "a": f"{OOXML}/drawingml/2006/main",
    "c": f"{OOXML}/drawingml/2006/chart",
    "pic": f"{OOXML}/drawingml/2006/picture",
    "wp": f"{OOXML}/drawingml/2006/wordprocessingDrawing",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "mc": f"{OOXML}/markup-compatibility/2006",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"

STYLES = (
    '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/><w:pPr>'
    '<w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/>'
    '<w:basedOn w:val="berschrift1"/><w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr></w:pPr>'
    "</w:style>"
    '<w:style w:type="paragraph" w:styleId="Num"><w:name w:val="List Number"/><w:pPr><w:numPr>'
    '<w:numId w:val="2"/></w:numPr></w:pPr></w:style>'
    '<w:style w:type="character" w:styleId="Up"><w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
    "</w:style>"
)


def part(root: str, inner: str) -> str:
    """A part whose root is `w:root` (or another prefix's) with all prefixes declared."""
    name = root if ":" in root else f"w:{root}"
    return f'<?xml version="1.0" encoding="UTF-8"?><{name} {_DECLARED}>{inner}</{name}>'


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """Relations: identifier -> (last word of the type, target)."""
    inner = "".join(
        f'<Relationship Id="{key}" Type="{OOXML}/officeDocument/2006/relationships/{kind}"'
        f' Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    uri = f"{OOXML}/package/2006/relationships"
    return f'<Relationships xmlns="{uri}">{inner}</Relationships>'


def word(
    body: str, *, main: str = "word/document.xml", strict: bool = False, **parts: str
) -> bytes:
    """A Word file; `parts` are the inner XML of `styles`, `numbering`, `footnotes`, `header1`..."""
    roots = {"header": "hdr", "footer": "ftr", "chart": "c:chartSpace"}
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations({"r1": ("officeDocument", main)}),
    }
    document = part("document", f"<w:body>{body}</w:body>")
    members[main] = document.replace(_NAMESPACES["w"], _STRICT) if strict else document
    targets: dict[str, tuple[str, str]] = {}
    for name, inner in parts.items():
        kind = name.rstrip("0123456789")
        targets[name] = (kind, f"{name}.xml")
        members[f"word/{name}.xml"] = part(roots.get(kind, kind), inner)
    members[f"word/_rels/{main.rsplit('/', 1)[-1]}.rels"] = relations(targets)
    return zipped(members)


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def para(inner: str, properties: str = "") -> str:
    """A paragraph; plain text becomes a run."""
    content = inner if inner.startswith("<") else run(inner)
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{para(text)}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(rows)}</w:tbl>"


def level(at: int, format: str, text: str, *, start: int = 1, more: str = "") -> str:
    """A level of a list."""
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{format}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def lists(levels: Mapping[int, str], numbers: Mapping[int, tuple[int, str]]) -> str:
    """numbering.xml: lists by identifier, and numbers: identifier -> (list, overrides)."""
    abstract = "".join(
        f'<w:abstractNum w:abstractNumId="{key}">{inner}</w:abstractNum>'
        for key, inner in levels.items()
    )
    return abstract + "".join(
        f'<w:num w:numId="{key}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'
        for key, (of, more) in numbers.items()
    )


def item(text: str, number: int, at: int = 0, *, style: str = "") -> str:
    """A paragraph of a list."""
    chosen = f'<w:pStyle w:val="{style}"/>' if style else ""
    return para(
        text, f'{chosen}<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{number}"/></w:numPr>'
    )


def read(body: str, **parts: str) -> Document:
    """What is read of a Word file with this body."""
    return read_docx(word(body, **parts), name="a.docx")
