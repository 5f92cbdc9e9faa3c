"""The numbers of Word's lists and headings, counted as Word counts them: 3., (a), 2.1, Article IV.

Knows nothing about paragraphs, except the numbers that they ask for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from lcirc_cli.documents.docx_styles import is_on, value
from lcirc_cli.documents.numerals import numeral

_LEVELS = 9
_STYLES = {"lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}
_STYLES |= {"decimalZero": "01", "decimalFullWidth": "\uff11", "decimalEnclosedParen": "⑴"}
_STYLES |= {"decimalEnclosedCircle": "①", "decimalEnclosedCircleChinese": "①"}
_STYLES |= {"russianLower": "а", "russianUpper": "А"}
_STYLES |= {"hebrew1": "א", "aiueoFullWidth": "ア", "aiueo": "ア", "ganada": "가"}
_STYLES |= {"ideographTraditional": "甲", "ideographZodiac": "子"}
_STYLES |= dict.fromkeys(
    "chineseCounting chineseCountingThousand taiwaneseCounting taiwaneseCountingThousand"
    " japaneseCounting".split(),
    "一",
)
_INTEGER = re.compile(r"-?\d{1,9}")
_MAX_TEXT = 80  # characters around the numbers
_MAX_LETTERS = 26 * 10  # more than j ten times is written in digits
_PLACE = re.compile(r"%([1-9])")
_BULLET = "-"


@dataclass(frozen=True)
class _Level:
    """How one level of a list is numbered."""

    format: str = "decimal"
    text: str = ""  # with %1 for the number of the first level
    start: int = 0
    restart: int | None = None  # the level, from 1, after which it begins again; 0 for never
    legal: bool = False  # all numbers in digits
    style: str | None = None  # whose paragraphs have this level


@dataclass
class _List:
    """Levels, and the numbers that were given last."""

    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Gives the next number to each paragraph that has one."""

    def __init__(self, root: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._of_number: dict[str, tuple[_List, dict[int, _Level], dict[int, int]]] = {}
        if root is None:
            return
        links: dict[str, str] = {}  # a list that is but the name of another -> its style
        styled: dict[str, _List] = {}
        for abstract in root.iter("w:abstractNum"):
            key = abstract.get("w:abstractNumId", "")
            self._lists[key] = _List(_levels(abstract))
            if link := value(abstract, "w:styleLink"):
                styled[link] = self._lists[key]
            if link := value(abstract, "w:numStyleLink"):
                links[key] = link
        for key, link in links.items():
            self._lists[key] = styled.get(link, self._lists[key])
        for number in root.iter("w:num"):
            found = self._lists.get(value(number, "w:abstractNumId") or "")
            if found is not None:
                self._of_number[number.get("w:numId", "")] = (found, *_overrides(number))

    def level(self, number: str, style: str | None) -> int:
        """The level that paragraphs of a style have in a list, where they name none."""
        levels = self._of_number[number][0].levels if number in self._of_number else {}
        return next((at for at, level in levels.items() if level.style == style and style), 0)

    def mark(self, number: str, at: int) -> str | None:
        """The mark of the next paragraph in list `number` on level `at`; None without a list."""
        if number not in self._of_number or not 0 <= at < _LEVELS:
            return None
        numbered, own_levels, starts = self._of_number[number]
        levels = {**numbered.levels, **own_levels}
        level = levels.get(at, _Level(text=f"%{at + 1}.", start=1))
        counts = numbered.counts
        if at in starts:  # the list begins anew, once
            counts[at] = starts.pop(at)
        else:
            counts[at] = counts[at] + 1 if at in counts else level.start
        for deeper in [deeper for deeper in counts if deeper > at]:
            restart = levels.get(deeper, _Level()).restart
            if restart is None or at < restart:
                del counts[deeper]
        if level.format == "bullet":
            return _BULLET
        return _PLACE.sub(lambda m: _written(int(m[1]) - 1, levels, counts, level), level.text)


def _written(at: int, levels: dict[int, _Level], counts: dict[int, int], asked: _Level) -> str:
    level = levels.get(at, _Level())
    number = counts.get(at, level.start)
    if level.format == "none":
        return ""
    if asked.legal:
        return str(number)
    if level.format == "ordinal":
        ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
    style = _STYLES.get(level.format, "1")
    if style in "aA" and 26 < number <= _MAX_LETTERS:  # Word goes on with aa, bb, cc
        return numeral((number - 1) % 26 + 1, style) * ((number - 1) // 26 + 1)
    return numeral(number, style)


def _levels(element: Element) -> dict[int, _Level]:
    return {
        _integer(level.get("w:ilvl")) or 0: _Level(
            format=value(level, "w:numFmt") or "decimal",
            text=(value(level, "w:lvlText") or "")[:_MAX_TEXT],
            start=_integer(value(level, "w:start")) or 0,
            restart=_integer(value(level, "w:lvlRestart")),
            legal=bool(is_on(level, "w:isLgl")),
            style=value(level, "w:pStyle"),
        )
        for level in element.iter("w:lvl")
    }


def _overrides(number: Element) -> tuple[dict[int, _Level], dict[int, int]]:
    """The levels that a list has for itself, and the numbers from which it begins."""
    levels: dict[int, _Level] = {}
    starts: dict[int, int] = {}
    for override in number.iter("w:lvlOverride"):
        at = _integer(override.get("w:ilvl")) or 0
        levels |= _levels(override)
        start = _integer(value(override, "w:startOverride"))
        if start is not None:
            starts[at] = start
    return levels, starts


def _integer(text: str | None) -> int | None:
    found = _INTEGER.fullmatch(text or "")
    return int(found[0]) if found else None
