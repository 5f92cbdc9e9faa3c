"""Joins the lines of pages that were extracted from a PDF back into paragraphs.

A PDF knows no paragraphs: each printed line ends in a line break, and words are cut at its end. A
language model reads, and a person quotes, running text better. Joining is careful: lines of tables,
lists, code and headings stay apart, and in doubt a line break stays. Nothing but white space,
hyphens at line ends, dot leaders and ligatures changes. Knows nothing about PDF or documents.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_SOFT_HYPHEN_AT_END = re.compile("\u00ad[ \t]*\n[ \t]*")
_BLANKS = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u205f]+")
_DOT_LEADER = re.compile(
    r"\.(?: {0,3}\.){4,}"
)  # of a table of contents; costs tokens, says nothing
_LEADER_LINE = re.compile(r"\.\.\. ?[\dxvi]+(?:, \d+)*$", re.IGNORECASE)
_ITEM = re.compile(
    r"[•◦▪▸‣∙·●○■□*–—-] ?\S|\(?[0-9]{1,3}[.)] |\(?[a-zA-Z][.)] |\[[0-9]{1,3}\]"
    r"|\(?[ivxIVX]{1,5}[.)] |[0-9]{1,3}(?:\.[0-9]{1,3}){1,4}\.? |[0-9]{1,3} [A-Z]"
)
_CODE = re.compile(r"(?<!:)//|:=|==|[;{}]$|^[>$#%]|\(\)[;{]")
_CUT_WORD = re.compile(r"(\w+)[-\u2010]$")
_WORD = re.compile(r"\w+(?:[-\u2010]\w+)*")
_SENTENCE_END = tuple(".!?:;。！？")
_PAGE_SHARE = 0.6  # of the page's usual line length: shorter lines end on purpose,
_NARROW_SHARE = 0.3  # or, if the next one begins in lower case, lines that are shorter than this
_NEIGHBOUR_SHARE = 0.85  # of the lines around: a line that leaves more room ends on purpose
_LETTER_SHARE = 0.7  # of a line's visible characters: less is a table, a formula or code
_WINDOW = 3  # lines before and after that count as around


def reflow(pages: Sequence[str]) -> list[str]:
    """The pages of one document with lines joined into paragraphs, in time linear in the text.

    All pages are needed at once: whether `inter-` + `net` keeps its hyphen is decided by how the
    word is written in the rest of the document.
    """
    tidied = [_tidy(page) for page in pages]
    spellings = _spellings(tidied)
    return [_join_lines(lines, spellings) for lines in tidied]


def _tidy(page: str) -> list[str]:
    """The page's lines: single blanks, no ligatures, no dot leaders, at most one empty in a row."""
    page = _SOFT_HYPHEN_AT_END.sub("", page.translate(_LIGATURES)).replace("\u00ad", "")
    lines: list[str] = []
    for line in page.split("\n"):
        line = _DOT_LEADER.sub("...", _BLANKS.sub(" ", line)).strip()
        if line or (lines and lines[-1]):
            lines.append(line)
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _spellings(pages: Iterable[Sequence[str]]) -> dict[str, int]:
    """For words cut at line ends, `mixed-mode` or `com-pile`: how the document writes them.

    The count is above zero if it has the hyphen more often than not, below if less often.
    """
    cut = {
        f"{match[1]}-{after[0]}".lower()
        for lines in pages
        for line, following in itertools.pairwise(lines)
        if (match := _CUT_WORD.search(line)) and (after := _WORD.match(following))
    }
    joined = {word.replace("-", ""): word for word in cut}
    counts: Counter[str] = Counter()
    for lines in pages:
        for line in lines:
            for found in _WORD.finditer(line):
                word = found[0].lower().replace("\u2010", "-")
                if word in cut:
                    counts[word] += 1
                elif word in joined:
                    counts[joined[word]] -= 1
    return counts


def _join_lines(lines: Sequence[str], spellings: Mapping[str, int]) -> str:
    pieces: list[str] = []
    usual = _usual_length(lines)
    for at, line in enumerate(lines):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if not following or not _runs_on(lines, at, usual):
            pieces += [line, "\n"]
        elif match := _CUT_WORD.search(line):
            pieces.append(line if _keeps_hyphen(line, match, following, spellings) else line[:-1])
        else:
            pieces += [line, "" if _is_cjk(line[-1]) and _is_cjk(following[0]) else " "]
    return "".join(pieces).rstrip("\n")


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


def _keeps_hyphen(
    line: str, cut: re.Match[str], following: str, spellings: Mapping[str, int]
) -> bool:
    """Whether a hyphen at a line's end belongs to the word: `mixed-mode`, `non-English`."""
    after = _WORD.match(following)
    if after is None or not cut[1].isalpha():
        return True
    seen = spellings.get(f"{cut[1]}-{after[0]}".lower(), 0)
    if seen:
        return seen > 0
    return not following[0].islower() or line[: cut.start()].endswith("-")  # just-in-|time


def _is_cjk(character: str) -> bool:
    """Scripts that are written without blanks: Chinese, and Japanese kana."""
    return (
        "\u3000" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or ("\uff00" <= character <= "\uffef")
    )
