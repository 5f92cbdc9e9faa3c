"""Random documents of each format end in clean text or in one line, and never break their child."""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcirc_cli.documents import Document, ReadLimits, WholeReader
from lcirc_cli.errors import DocumentError

from ..strangers.measured import FUZZ_MEGABYTES, FUZZ_SECONDS, measured
from .bad_inputs import docx, epub
from .word import part, word

LIMITS = ReadLimits(characters=1_000_000)

ODD = st.sampled_from(
    [
        *("\x00", "\x1b[31m", "\x1b]0;x\x07", "\x9b", "\u202e", "\ud800", "\ufeff", "\u2028", "\r"),
        *("&#27;", "&#x9b;", "&#99999999999;", "&amp", "&lt;", "&#xd800;", "&", "\u0301" * 9, "٣"),
        *("9" * 30, "-1", "0", "1e9", "ﬀ", "日本", "שלום", "\t", "\n", "\n\n", " ", "", "x" * 300),
    ]
)
WORDS = st.lists(ODD | st.sampled_from(["the", "treaty", "1823", "10", "m"]), max_size=6).map(
    " ".join
)
MARKDOWN = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("# ", "#", "   ## ", "```", "~~~~", "===", "---", "- ", "1. ", "| a | ", "> "),
                *("    ", "\t", "![a](data:image/png;base64,", "[a]: data:x/y,", '"', "A" * 500),
            ]
        ),
        WORDS,
    ).map("".join),
    max_size=20,
).map("\n".join)

_NAMES = (
    "html head title body h1 h2 p div br hr pre ul ol li dl dt dd table thead tr td th caption sup"
    " sub a q s del template nav svg text math mfrac msup mtable mtr mtd mo script style textarea"
    " xmp iframe input select option img object noscript span foreignobject b"
).split()
_VALUES = ("", "1", "0", "-5", "65534", "9" * 12, "a", "I", "presentation", "noteref", "pagebreak")
ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from(
            "colspan rowspan start value type reversed href alt width role srcdoc"
            " epub:type selected checked style charset x".split()
        ),
        st.sampled_from(_VALUES) | ODD,
        st.sampled_from(['{}="{}"', "{}='{}'", "{}={}", "{}", '{}="']),
    ).map(lambda it: it[2].format(*it[:2])),
    max_size=3,
).map(" ".join)
TAG = st.tuples(
    st.sampled_from(["<{} {}>", "<{} {}/>", "</{}>", "<{} {}", "<{}>"]),
    st.sampled_from(_NAMES),
    ATTRIBUTES,
).map(lambda it: it[0].format(*it[1:]))
HTML = st.lists(
    TAG | WORDS | st.sampled_from(["<!--", "-->", "<![CDATA[", "]]>", "<?x", "<!x>", "<", ">"]),
    max_size=40,
).map("".join)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32", "cp1252", "cp932", "gb18030"])
BYTES = st.binary(max_size=400)

_VALUE = (
    st.sampled_from(["0", "1", "-1", "9" * 12, "x", "decimal", "restart", "continue", ""]) | ODD
)
_WORD_NAMES = (
    "p r t tab br tbl tr tc tcPr gridSpan vMerge pPr pStyle numPr ilvl numId sdt sdtContent"
    " hyperlink ins del moveTo moveFrom footnoteReference endnoteReference commentRangeStart"
    " commentRangeEnd commentReference fldChar instrText fldSimple sym rPr vertAlign drawing"
    " object pict sectPr headerReference abstractNum num lvl start numFmt lvlText style outlineLvl"
    " footnote comment"
).split()
_MATH_NAMES = "oMath oMathPara f num den r t sSup e sup nary m mr d acc limLow rad deg".split()


def _clean(text: str) -> str:
    """`text` as XML can hold it."""
    allowed = (c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c < "\ue000"))
    return escape("".join(allowed).replace("\ufffe", ""), {'"': "&quot;"})


def _element(name: str, attributes: dict[str, str], inside: str) -> str:
    written = "".join(f' w:{key}="{_clean(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{inside}</{name}>"


ELEMENT = st.recursive(
    WORDS.map(lambda text: f"<w:r><w:t>{_clean(text)}</w:t></w:r>"),
    lambda inner: st.builds(
        _element,
        st.sampled_from([f"w:{name}" for name in _WORD_NAMES])
        | st.sampled_from([f"m:{name}" for name in _MATH_NAMES]),
        st.dictionaries(
            st.sampled_from("val id fldCharType char font numId author".split()), _VALUE, max_size=3
        ),
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=15,
)
PARTS = st.lists(ELEMENT, max_size=6).map("".join)


def _mangled(it: tuple[bytes, list[tuple[int, int]]]) -> bytes:
    """An archive with bytes changed, or cut."""
    data = bytearray(it[0])
    for at, byte in it[1]:
        data[at % len(data)] = byte
    return bytes(data[: len(data) - it[1][0][0] % 50]) if len(it[1]) == 3 else bytes(data)


def _book(chapters: list[str]) -> bytes:
    return epub({f"{n}.xhtml": text.encode("utf-8", "replace") for n, text in enumerate(chapters)})


def _word(body: str, other: str) -> bytes:
    named = {name: part(name, other) for name in ("numbering", "styles", "footnotes", "comments")}
    return word(f"{body}<w:p/>", **named)


BOOKS = st.lists(HTML, min_size=1, max_size=3).map(_book)
DOCX = PARTS.map(docx) | st.builds(_word, PARTS, PARTS)
CHANGES = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=8)
TARGETS: dict[str, tuple[str, st.SearchStrategy[bytes]]] = {
    "text": ("text", st.builds(lambda t, e: t.encode(e, "replace"), MARKDOWN, ENCODINGS) | BYTES),
    "markdown": ("markdown", MARKDOWN.map(lambda text: text.encode("utf-8", "surrogatepass"))),
    "html": ("html", st.builds(lambda t, e: t.encode(e, "replace"), HTML, ENCODINGS) | BYTES),
    "epub": ("zip", BOOKS),
    "docx": ("zip", DOCX),
    "archive": ("zip", st.tuples(BOOKS | DOCX, CHANGES).map(_mangled) | BYTES),
}


def look_at(document: Document) -> None:
    shown = document.text + "".join(page.section or "" for page in document.pages)
    assert not set(shown) & {*map(chr, range(9)), *map(chr, range(0x7F, 0xA0)), "\x1b", "\u202e"}
    shown.encode("utf-8")
    assert document.pages and document.pages[0].start == 0
    for page in document.pages:
        assert 0 <= page.start < page.end <= len(document.text)
    assert all(note.isprintable() for note in document.notes)


def fuzz(target: str, examples: int, *, seed: int | None = None) -> list[float]:
    """Read random documents in one child, and tell the seconds of each."""
    format, strategy = TARGETS[target]
    taken: list[float] = []

    def read(data: bytes) -> None:
        start = time.monotonic()
        try:
            look_at(reader.read(data, format=format, name="a", limits=LIMITS))
        except DocumentError as error:
            text = str(error)
            assert "can't be read (" not in text, text  # it broke its child
            assert text.startswith("a: ") and "\n" not in text and len(text) < 400
        taken.append(time.monotonic() - start)
        assert taken[-1] < FUZZ_SECONDS

    with WholeReader() as reader:
        run: Callable[[], None] = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=seed is None,
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(read))
        _, cost = measured(run)
    assert cost.megabytes < FUZZ_MEGABYTES  # of the child, in which they are read, too
    return taken


def test_a_damaged_name_is_not_quoted_whole() -> None:
    data = docx("<w:p/>").replace(b"word/document.xml", b"\x00" * 17, 1)
    long = epub({f"{'a' * 300}.xhtml": b"x"}).replace(b"a" * 300, b"b" * 300, 1)
    with WholeReader() as reader:
        for each in (data, long):
            with pytest.raises(DocumentError, match="^a: damaged") as caught:
                reader.read(each, format="zip", name="a", limits=LIMITS)
            assert len(str(caught.value)) < 300


@pytest.mark.parametrize("target", TARGETS)
def test_random_documents(target: str) -> None:
    fuzz(target, 25)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_many_random_documents(target: str) -> None:
    fuzz(target, 500)
