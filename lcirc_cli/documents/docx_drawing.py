"""What stands in Word's drawings: text boxes, charts, diagrams; pictures and objects are counted.

Knows nothing about paragraphs around them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement

from lcirc_cli.documents.docx_package import Package, Relation
from lcirc_cli.documents.docx_styles import child_of
from lcirc_cli.documents.losses import OBJECTS, PICTURES
from lcirc_cli.errors import DocumentError

_READABLE = ("w:t", "a:t", "m:t", "w:drawing", "w:pict", "w:object", "pic")
_CHARTS = "chart{s} not read"
_DIAGRAMS = "diagram{s} not read"
_OLD_EQUATIONS = "equation{s} of an old kind not read"


@dataclass
class Drawing:
    """What a drawing holds besides pictures."""

    contents: list[Element] = field(default_factory=list)  # of text boxes
    lines: list[str] = field(default_factory=list)  # other text
    tables: list[list[list[str]]] = field(default_factory=list)  # of charts
    descriptions: list[str] = field(default_factory=list)  # of pictures

    def boxes(self) -> list[Element]:
        """What is read after the paragraph; lines and tables as if they stood in a text box."""
        box = Element("w:txbxContent")
        for line in self.lines:
            _add_paragraph(box, line)
        for rows in self.tables:
            table = SubElement(box, "w:tbl")
            for cells in rows:
                row = SubElement(table, "w:tr")
                for text in cells:
                    _add_paragraph(SubElement(row, "w:tc"), text)
        return [*self.contents, *([box] if len(box) else [])]


def alternative(element: Element) -> Element | None:
    """Of several forms of the same content (`mc:AlternateContent`), the first that has any."""
    for child in element:
        if any(next(child.iter(name), None) is not None for name in _READABLE):
            return child
    return None


class Drawings:
    """Reads the drawings of a part; what several of them refer to is read once."""

    def __init__(self, package: Package, losses: Counter[str]) -> None:
        self.package = package
        self.losses = losses
        self._seen: set[str] = set()

    def read(self, element: Element, relations: Mapping[str, Relation]) -> Drawing:
        """The content of a `w:drawing`, `w:pict` or `w:object`."""
        drawing = Drawing()
        description = ""
        for properties in element.iter("docPr"):
            description = properties.get("descr") or properties.get("title") or description
        before = self.losses[PICTURES] + self.losses[_CHARTS]
        is_object = element.tag == "w:object"
        self._walk(element, drawing, relations, is_object)
        pictured = self.losses[PICTURES] + self.losses[_CHARTS] > before or bool(drawing.lines)
        if description.strip() and pictured:
            drawing.descriptions.append(description)
        return drawing

    def _walk(
        self,
        element: Element,
        drawing: Drawing,
        relations: Mapping[str, Relation],
        is_object: bool,
    ) -> None:
        for child in element:
            tag = child.tag
            if tag == "w:txbxContent":
                drawing.contents.append(child)
                continue
            if tag == "mc:AlternateContent":
                chosen = alternative(child)
                if chosen is not None:
                    self._walk(chosen, drawing, relations, is_object)
                continue
            if tag == "txBody":
                drawing.lines += _paragraphs(child)
            elif tag == "v:textpath":
                drawing.lines.append(child.get("string", ""))
            elif tag == "pic" or (tag == "v:imagedata" and not is_object):
                self.losses[PICTURES] += 1
            elif tag == "o:OLEObject":
                old = child.get("ProgID", "").startswith("Equation")
                self.losses[_OLD_EQUATIONS if old else OBJECTS] += 1
            elif tag in ("w:control", "w:movie"):
                self.losses[OBJECTS] += 1
            elif tag == "c:chart":
                self._related(child.get("r:id"), relations, drawing, _CHARTS)
            elif tag == "relIds":
                self._related(child.get("r:dm"), relations, drawing, _DIAGRAMS)
            self._walk(child, drawing, relations, is_object)

    def _related(
        self, key: str | None, relations: Mapping[str, Relation], drawing: Drawing, kind: str
    ) -> None:
        """Read a chart or a diagram, which stand in parts of their own."""
        relation = relations.get(key or "")
        if relation is None or relation.target not in self.package.archive:
            self.losses[kind] += 1
        elif relation.target not in self._seen:
            self._seen.add(relation.target)
            try:
                root = self.package.root(relation.target)
            except DocumentError:
                self.losses[kind] += 1
                return
            titles = root.iter("c:title") if kind == _CHARTS else [root]
            lines = [line for title in titles for line in _paragraphs(title)]
            rows = _chart(root) if kind == _CHARTS else []
            drawing.lines += lines
            drawing.tables += [rows] if rows else []
            if not lines and not rows:
                self.losses[kind] += 1


def _paragraphs(element: Element) -> list[str]:
    """The text of the paragraphs of DrawingML in an element."""
    texts = ["".join(t.text or "" for t in p.iter("a:t")).strip() for p in element.iter("a:p")]
    return [text for text in texts if text]


def _chart(root: Element) -> list[list[str]]:
    """The values of a chart: a row for each category, a column for each series."""
    columns: list[tuple[str, dict[str, str]]] = []
    names: dict[str, str] = {}
    for series in root.iter("c:ser"):
        for tag in ("c:cat", "c:xVal"):
            names = {**_points(child_of(series, tag)), **names}
        title = child_of(series, "c:tx")
        name = " ".join(v.text or "" for v in ([] if title is None else title.iter("c:v")))
        values = child_of(series, "c:val")
        columns.append((name, _points(child_of(series, "c:yVal") if values is None else values)))
    keys = dict.fromkeys(key for _, values in columns for key in values)
    rows = [["", *(name for name, _ in columns)]] if any(name for name, _ in columns) else []
    return rows + [[names.get(k, ""), *(values.get(k, "") for _, values in columns)] for k in keys]


def _points(element: Element | None) -> dict[str, str]:
    """The values of a chart that Word stored, by their index."""
    found: dict[str, str] = {}
    for at, point in enumerate([] if element is None else element.iter("c:pt")):
        value = child_of(point, "c:v")
        found[point.get("idx", str(at))] = "" if value is None else (value.text or "")
    return found


def _add_paragraph(parent: Element, text: str) -> None:
    run = SubElement(SubElement(parent, "w:p"), "w:r")
    SubElement(run, "w:t").text = text
