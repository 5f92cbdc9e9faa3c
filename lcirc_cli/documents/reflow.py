"""Joins the lines of pages that were extracted from a PDF back into paragraphs.

A PDF knows no paragraphs: each printed line ends in a line break, and words are cut at its end. A
language model reads, and a person quotes, running text better. Joining is careful: lines of tables,
lists, code and headings stay apart, and in doubt a line break stays. Nothing but white space,
hyphens at line ends, dot leaders and ligatures changes. Knows nothing about PDF or documents.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_TABS = re.compile(" ?(\t+) ?")  # blanks are single by then
_SOFT_HYPHEN_AT_END = re.compile("\u00ad[ \t]*\n[ \t]*")
_BLANKS = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f]+")
_DOT_LEADER = re.compile(
    r"\.(?: {0,3}\.){4,}"
)  # of a table of contents; costs tokens, says nothing
_LEADER_LINE = re.compile(r"\.\.\. ?[\dxvi]+(?:, \d+)*$", re.IGNORECASE)
_ITEM = re.compile(
    r"[•◦▪▸‣∙·●○■□*–—-] ?\S|\(?[0-9]{1,3}[.)] |\(?[a-zA-Z][.)] |\[[0-9]{1,3}\]"
    r"|\(?[ivxIVX]{1,5}[.)] |[0-9]{1,3}(?:\.[0-9]{1,3}){1,4}\.? |[0-9]{1,3} [A-Z]"
)
_CODE = re.compile(r"(?<!:)//|:=|==|[;{}]$|^[>$#%]|\(\)[;{]")
_CUT_WORD = re.compile(r"(?<!\w)(\w++)[-\u2010]$")
_WORD = re.compile(r"\w+(?:[-\u2010]\w+)*")
_SENTENCE_END = tuple(".!?:;。！？")
_PAGE_SHARE = 0.6  # of the page's usual line length: shorter lines end on purpose,
_NARROW_SHARE = 0.3  # or, if the next one begins in lower case, lines that are shorter than this
_NEIGHBOUR_SHARE = 0.85  # of the lines around: a line that leaves more room ends on purpose
_LETTER_SHARE = 0.7  # of a line's visible characters: less is a table, a formula or code
_MAX_VOCABULARY = 1_000_000  # words of a document, and characters of one page, that are counted
_WINDOW = 3  # lines before and after that count as around


@dataclass(frozen=True)
class _Cut:
    """A hyphen at a line's end, until it is known whether the word has it elsewhere."""

    word: str  # with the hyphen, in lower case: `mixed-mode`, `com-pile`
    keep: bool  # where the document never writes the word in one line


class Reflow:
    """Joins the pages of one document, in time linear in the text.

    `add` does most of the work, so that it can go on while later pages are still being read.
    """

    def __init__(self) -> None:
        self._pages: list[list[str | _Cut]] = []
        self._words: Counter[str] = Counter()

    def add(self, page: str) -> None:
        """Take the next page."""
        lines = _tidy(page)
        if len(self._words) < _MAX_VOCABULARY:
            text = "\n".join(lines)[:_MAX_VOCABULARY].lower().replace("\u2010", "-")
            self._words.update(_WORD.findall(text))
        self._pages.append(_join_lines(lines))

    def pages(self) -> list[str]:
        """All pages; whether `inter-` + `net` keeps its hyphen, the whole document decides."""
        return ["".join(map(self._resolve, page)).rstrip("\n") for page in self._pages]

    def _resolve(self, piece: str | _Cut) -> str:
        if isinstance(piece, str):
            return piece
        balance = self._words[piece.word] - self._words[piece.word.replace("-", "")]
        keep = balance > 0 if balance else piece.keep
        return "-" if keep else ""


def _tidy(page: str) -> list[str]:
    """The page's lines: single blanks, no ligatures, no dot leaders, at most one empty in a row."""
    page = _SOFT_HYPHEN_AT_END.sub("", page.translate(_LIGATURES)).replace("\u00ad", "")
    lines: list[str] = []
    for line in page.split("\n"):
        line = _TABS.sub(r"\1", _DOT_LEADER.sub("...", _BLANKS.sub(" ", line))).strip()
        if line or (lines and lines[-1]):
            lines.append(line)
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _join_lines(lines: Sequence[str]) -> list[str | _Cut]:
    pieces: list[str | _Cut] = []
    usual = _usual_length(lines)
    for at, line in enumerate(lines):
        if at + 1 == len(lines) or not lines[at + 1] or not _runs_on(lines, at, usual):
            pieces += [line, "\n"]
        elif cut := _CUT_WORD.search(line):
            pieces += [line[:-1], _cut(line, cut, lines[at + 1])]
        else:
            glue = "" if _is_cjk(line[-1]) and _is_cjk(lines[at + 1][0]) else " "
            pieces += [line, glue]
    return pieces


def _usual_length(lines: Sequence[str]) -> int:
    """The length, in characters, that nine lines in ten stay below."""
    lengths = sorted(len(line) for line in lines if line)
    return lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0


def _runs_on(lines: Sequence[str], at: int, usual: int) -> bool:
    """Whether the paragraph of line `at` goes on in the next line, which is not empty."""
    line, following = lines[at], lines[at + 1]
    if not line or line.endswith((":", "：")) or _starts_afresh(following):
        return False
    if _CODE.search(line) or _CODE.search(following):
        return False
    if "\t" in line or "\t" in following:  # rows of a table, as the reader of pages writes them
        return False
    if line[-1].isdigit() and following[0].isdigit():  # rows of a table
        return False
    cut = bool(_CUT_WORD.search(line)) and following[0].islower()
    if not cut and not _is_prose(line):
        return False
    around = sorted(len(near) for near in lines[max(0, at - _WINDOW) : at + _WINDOW + 1])
    width = around[-2] if len(around) > 2 else around[-1]  # one over-long line must not count
    first_word = 1 if _is_cjk(following[0]) else len(following.split(" ", 1)[0])
    filled = len(line) + 1 + first_word
    page_share = _NARROW_SHARE if following[0].islower() else _PAGE_SHARE
    if filled < _NEIGHBOUR_SHARE * width or filled < page_share * usual:
        return False
    return not (_ends_a_thought(line) and _may_be_heading(following, width))


def _is_prose(line: str) -> bool:
    if _LEADER_LINE.search(line):
        return False
    blanks = line.count(" ")
    letters = sum(map(str.isalpha, line))
    return (blanks >= 3 or _is_cjk(line[-1])) and letters >= _LETTER_SHARE * (len(line) - blanks)


def _starts_afresh(line: str) -> bool:
    """A list item, a numbered heading, or something that no prose begins with."""
    if _ITEM.match(line) or len(line) < 2:
        return True
    return not (line[0].isalnum() or line[0] in "\"'“”‘’„«»([/§")


def _ends_a_thought(line: str) -> bool:
    return not (line[-1].isalpha() or line[-1] in ",-\u2010")


def _may_be_heading(line: str, width: int) -> bool:
    short = len(line) < _PAGE_SHARE * width
    return short and not line[0].islower() and not line.endswith(_SENTENCE_END)


def _cut(line: str, cut: re.Match[str], following: str) -> str | _Cut:
    after = _WORD.match(following)
    if after is None or not cut[1].isalpha():
        return "-"
    compound = line[: cut.start()].endswith("-")  # just-in-|time
    keep = compound or not following[0].islower()  # non-|English
    return _Cut(f"{cut[1]}-{after[0]}".lower(), keep)


def _is_cjk(character: str) -> bool:
    """Scripts that are written without blanks: Chinese, and Japanese kana."""
    return (
        "\u3000" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or ("\uff00" <= character <= "\uffef")
    )
