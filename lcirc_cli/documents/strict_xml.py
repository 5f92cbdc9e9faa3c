"""Parses XML from strangers into a tree, and refuses what could fill the memory or the stack.

Entities and default attributes expand without end, a long namespace is copied into each name, and a
deep tree breaks what walks it. Knows nothing about what the XML says.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.parsers import expat

MAX_TAGS = 1_000_000
_MAX_DEPTH = 250
_MAX_NAMESPACE = 1_000  # characters
_NAMESPACES = {  # of OOXML in both of its forms, to the prefixes that everyone writes
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.oclc.org/ooxml/officeDocument/math": "m",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
    "http://schemas.openxmlformats.org/drawingml/2006/chart": "c",
    "http://purl.oclc.org/ooxml/drawingml/chart": "c",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
}


class XmlRefusedError(ValueError):
    """XML that isn't parsed, with the reason."""


def parse_xml(data: bytes) -> ElementTree.Element:
    """The root of an XML file.

    Raises:
        XmlRefusedError: more than XML of a document needs.
        ElementTree.ParseError: no XML. ValueError and LookupError: an unknown encoding.
    """
    _check(data)
    return ElementTree.fromstring(data)


def with_prefixes(root: ElementTree.Element) -> ElementTree.Element:
    """The same tree with names such as `w:p` for those of Office files, and `p` for all others."""
    short: dict[str, str] = {}
    for element in root.iter():
        tag = element.tag
        if tag not in short:
            short[tag] = _prefixed(tag)
        element.tag = short[tag]
        for key in [key for key in element.attrib if key[0] == "{"]:
            if key not in short:
                short[key] = _prefixed(key)
            element.attrib[short[key]] = element.attrib.pop(key)
    return root


def _prefixed(name: str) -> str:
    namespace, _, local = name.rpartition("}")
    prefix = _NAMESPACES.get(namespace[1:])
    return f"{prefix}:{local}" if prefix else local


def _check(data: bytes) -> None:
    """Walk through the XML once without building anything."""
    parser = expat.ParserCreate()  # without namespaces: names stay as short as they are written
    depth = tags = 0

    def start(name: str, attributes: list[str]) -> None:
        nonlocal depth, tags
        depth += 1
        tags += 1
        if tags > MAX_TAGS:
            raise XmlRefusedError(f"has more than {MAX_TAGS:,} tags")
        if depth > _MAX_DEPTH:
            raise XmlRefusedError(f"is nested more than {_MAX_DEPTH} deep")
        for at in range(0, len(attributes), 2):
            if attributes[at].startswith("xmlns") and len(attributes[at + 1]) > _MAX_NAMESPACE:
                raise XmlRefusedError("has a namespace that is too long")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def define(*arguments: object) -> None:
        raise XmlRefusedError("defines XML entities or attributes; not read")

    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = define
    parser.AttlistDeclHandler = define
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ElementTree.ParseError(str(error)) from None
