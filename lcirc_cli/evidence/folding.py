"""One spelling for what is written in several: wide and narrow forms, ligatures, accents that are
characters of their own, soft and line-end hyphens, typographic apostrophes, dotted acronyms.

Questions and passages are both folded before their words are compared. Offsets never come from a
folded text. Knows nothing about words.
"""

from __future__ import annotations

import re
import unicodedata

from lcirc_cli.evidence.sentences import UNSPACED

# Scripts whose words are compared by pairs of characters: those without spaces, and Korean, whose
# particles stick to the words.
PAIRED = UNSPACED + "\u3005-\u3007\uac00-\ud7a3"

_INVISIBLE = dict.fromkeys(
    [
        *(0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF),  # soft hyphen, zero widths
        *(*range(0x0591, 0x05BE), 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7),  # Hebrew points
        *(0x0640, *range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670),  # Arabic vowels
    ]
)
_APOSTROPHES = dict.fromkeys((0x2018, 0x2019, 0x201B, 0x02B9, *range(0x02BB, 0x02C0), 0xFF07), "'")
_HYPHENS = {0x2010: "-", 0x2011: "-"}
_CHARACTERS = {**_INVISIBLE, **_APOSTROPHES, **_HYPHENS}

_SOFT_LINE_END = re.compile(r"\u00ad[ \t]*\n\s*")
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
# 10⁸ is not 108, nor is 1½ 11⁄2.
_RAISED = re.compile(r"(?<=\d)(?=[²³¹⁰⁴-⁹₀-₉¼-¾⅐-⅞①-⑳])")
_UNSPACED_LINE_END = re.compile(rf"(?<=[{UNSPACED}])[ \t]*\n[ \t]*(?=[{UNSPACED}])")
# A hyphen at a line's end may be the word's own, so that its halves stay beside the whole.
_LINE_END = re.compile(r"-[ \t]*\n")
_CUT_WORD = re.compile(r"(?<![^\W\d_])([^\W\d_]+)-[ \t]*\n\s*([^\W\d_]+)")
_DOTTED = re.compile(r"[A-Zap](?<![\w.].)\.(?:[A-Zm]\.)+(?!\w)")  # U.S., p.m.


def fold(text: str) -> str:
    """The text in the one spelling; case is left, since it tells names."""
    if not text.isascii():
        text = _SOFT_LINE_END.sub("", text)
        text = _RAISED.sub(" ", _THOUSANDS.sub("", text)).translate(_CHARACTERS)
        text = _UNSPACED_LINE_END.sub("", unicodedata.normalize("NFKC", text))
    if _LINE_END.search(text):
        text = _CUT_WORD.sub(r"\1-\2 \1\2", text)
    return _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
