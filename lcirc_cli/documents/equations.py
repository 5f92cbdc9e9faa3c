"""Equations of Word (OMML) and of pages (MathML) as linear text: (a+b)/c, x^2, ∑_(i=1)^n i.

Takes elements whose names have no namespace: `f` and `sSup` of OMML, `mfrac` and `msup` of MathML.
Every character of the equation is kept. Knows nothing about files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from xml.etree.ElementTree import Element

_MAX_DEPTH = 60  # deeper ones are written without their structure
_SIMPLE = re.compile(r"[-−]?(?:\w|[^\W_][\w.,]*)[′'!%°]*|[\[(][^()\[\]]*[)\]]|√\([^()]*\)", re.S)
_INVISIBLE = str.maketrans("", "", "\u2061\u2062\u2063\u2064\u200b")
_UNREAD = frozenset({"annotation", "annotation-xml", "phant", "mphantom", "del", "moveFrom"})
_UNREAD_PROPERTY = re.compile(r"(?:[a-z]\w*|ctrl|)Pr")


def linear(element: Element, depth: int = 0) -> str:
    """The equation, or the part of one, as a line of text."""
    name = _name(element)
    if depth > _MAX_DEPTH:
        return " ".join("".join(element.itertext()).split())
    if name in _UNREAD or _UNREAD_PROPERTY.fullmatch(name):
        return ""
    writer = _WRITERS.get(name)
    if writer is not None:
        return writer(element, depth + 1)
    if name in ("t", "mi", "mn", "mo", "mtext", "ms"):
        text = (element.text or "").translate(_INVISIBLE)
        return text if name == "t" else " ".join(text.split()) if name != "mtext" else text
    return _glued([element.text or "", *(linear(child, depth + 1) for child in element)])


def _name(element: Element) -> str:
    return str(element.tag).rsplit(":", 1)[-1]


def _glued(pieces: Iterable[str]) -> str:
    """The pieces one after another, two numbers kept apart."""
    text = ""
    for piece in pieces:
        if not piece.strip() and "\n" in piece:
            continue
        text += " " + piece if text[-1:].isdigit() and piece[:1].isdigit() else piece
    return text


def _grouped(text: str) -> str:
    text = text.strip()
    return text if _SIMPLE.fullmatch(text) or not text else f"({text})"


def _part(element: Element, name: str, depth: int) -> str:
    """A named part of an element of OMML; "" if it has none."""
    for child in element:
        if _name(child) == name:
            return linear(child, depth).strip()
    return ""


def _property(element: Element, name: str, default: str) -> str:
    """A property of an element of OMML: the value of `name` in what ends in Pr."""
    for child in element:
        if _name(child).endswith("Pr"):
            for found in child:
                if _name(found) == name:
                    return next(iter(found.attrib.values()), default)
    return default


def _children(element: Element, depth: int) -> list[str]:
    """The parts of an element of MathML, which are told apart by their place alone."""
    return [linear(child, depth).strip() for child in element]


def _fraction(parts: Sequence[str], kind: str) -> str:
    above, below = parts
    if kind in ("noBar", "0"):
        return f"({above} over {below})"
    return f"{_grouped(above)}/{_grouped(below)}"


def _scripts(base: str, below: str = "", above: str = "") -> str:
    base = _grouped(base) if len(base) > 1 and re.search(r"[-+−=/ ]", base) else base
    return (
        base + (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")
    )


def _root(radicand: str, degree: str = "") -> str:
    return f"root_{_grouped(degree)}({radicand})" if degree else f"√({radicand})"


def _delimited(element: Element, depth: int) -> str:
    begin, end = _property(element, "begChr", "("), _property(element, "endChr", ")")
    inner = [linear(child, depth) for child in element if _name(child) == "e"]
    return begin + _property(element, "sepChr", "|").join(inner) + end


def _nary(element: Element, depth: int) -> str:
    sign = _property(element, "chr", "∫")
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    return f"{_scripts(sign, below, above)} {_part(element, 'e', depth)}"


def _matrix(element: Element, depth: int) -> str:
    rows = [child for child in element if _name(child) in ("mr", "mtr", "mlabeledtr")]
    cells = [[linear(cell, depth).strip() for cell in row] for row in rows]
    return "[" + "; ".join(", ".join(filter(None, row)) for row in cells) + "]"


def _lines(element: Element, depth: int) -> str:
    return "; ".join(linear(child, depth) for child in element if _name(child) == "e")


def _function(element: Element, depth: int) -> str:
    name, argument = _part(element, "fName", depth), _part(element, "e", depth)
    return f"{name}{argument}" if argument[:1] == "(" else f"{name} {argument}"


def _accent(element: Element, depth: int) -> str:
    mark = _property(element, "chr", "\u0302" if _name(element) == "acc" else "\u0305")
    return _part(element, "e", depth) + mark


def _multiscripts(element: Element, depth: int) -> str:
    """MathML: base, pairs of below and above, then those that stand before the base."""
    names = [_name(child) for child in element]
    cut = names.index("mprescripts") if "mprescripts" in names else len(names)
    texts = [*_children(element, depth), ""]
    pairs = [(texts[at], texts[at + 1]) for at in range(1, cut, 2)]
    before = [(texts[at], texts[at + 1]) for at in range(cut + 1, len(texts) - 1, 2)]
    text = "".join(_scripts("", *pair) for pair in before) + texts[0]
    return text + "".join(_scripts("", *pair) for pair in pairs)


def _of(*names: str) -> Callable[[Element, int], list[str]]:
    return lambda element, depth: [_part(element, name, depth) for name in names]


def _first(count: int) -> Callable[[Element, int], list[str]]:
    return lambda element, depth: (_children(element, depth) + [""] * count)[:count]


def _fenced(element: Element, depth: int) -> str:
    inner = element.get("separators", ",")[:1].join(_children(element, depth))
    return element.get("open", "(") + inner + element.get("close", ")")


def _above_below(element: Element, depth: int) -> str:
    base, below, above = _first(3)(element, depth)
    return _scripts(base, "", below) if _name(element) == "mover" else _scripts(base, below, above)


_Writer = Callable[[Element, int], str]
_WRITERS: dict[str, _Writer] = {
    "f": lambda e, d: _fraction(_of("num", "den")(e, d), _property(e, "type", "bar")),
    "sSup": lambda e, d: _scripts(_part(e, "e", d), "", _part(e, "sup", d)),
    "sSub": lambda e, d: _scripts(*_of("e", "sub")(e, d)),
    "sSubSup": lambda e, d: _scripts(*_of("e", "sub", "sup")(e, d)),
    "sPre": lambda e, d: _scripts("", *_of("sub", "sup")(e, d)) + _part(e, "e", d),
    "rad": lambda e, d: _root(*_of("e", "deg")(e, d)),
    "nary": _nary,
    "d": _delimited,
    "func": _function,
    "limLow": lambda e, d: _scripts(*_of("e", "lim")(e, d)),
    "limUpp": lambda e, d: _scripts(_part(e, "e", d), "", _part(e, "lim", d)),
    "m": _matrix,
    "eqArr": _lines,
    "acc": _accent,
    "bar": _accent,
    "mfrac": lambda e, d: _fraction(_first(2)(e, d), e.get("linethickness", "bar")),
    "msup": lambda e, d: _scripts(_first(2)(e, d)[0], "", _first(2)(e, d)[1]),
    "msub": lambda e, d: _scripts(*_first(2)(e, d)),
    "msubsup": lambda e, d: _scripts(*_first(3)(e, d)),
    "munder": _above_below,
    "mover": _above_below,
    "munderover": _above_below,
    "msqrt": lambda e, d: _root(_glued(_children(e, d))),
    "mroot": lambda e, d: _root(*_first(2)(e, d)),
    "mtable": _matrix,
    "mfenced": _fenced,
    "mmultiscripts": _multiscripts,
    "semantics": lambda e, d: _first(1)(e, d)[0],
    "mspace": lambda e, d: " ",
    "br": lambda e, d: " ",
}
