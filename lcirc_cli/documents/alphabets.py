"""Tells which one-byte encoding of another alphabet than Latin a text is in, by its letters.

In the right encoding nearly all bytes above 127 are letters of one alphabet, and most of them are
its common ones. Knows Cyrillic, Greek, Hebrew, Arabic and Thai; knows nothing about Latin letters
or about encodings of several bytes.
"""

from __future__ import annotations

import codecs
import math
from collections import Counter
from collections.abc import Mapping

# The letters of each, from the most common one; the rest of the alphabet stands behind them.
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґ"
_GREEK = "αοιετσνηυρπκμλςωδγχθφβξζψίάόέήύώϊϋΐΰ"
_HEBREW = "יוהלאמרתבשנםכעדקחפטגןזץצסךף"
_ARABIC = "اليمونترةبعدسفهكقحجأىشصطخضذئءغثزظؤإآ"
_THAI = "านรอก่เงยมลว้ัทสตคีดะิปบหแขไจชพโใึถซูผุำณ์ศธษฉืฟญฏภฐฑฒฆฮฬฎฌฤ็๊๋"
_ENCODINGS = {
    "cp1251": _CYRILLIC,
    "koi8_u": _CYRILLIC,  # KOI8-R but for the four Ukrainian letters
    "cp866": _CYRILLIC,
    "iso8859_5": _CYRILLIC,
    "cp1253": _GREEK,
    "iso8859_7": _GREEK,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "iso8859_6": _ARABIC,
    "cp874": _THAI,
}
_SHOWN = {"koi8_u": "koi8_r"}  # where the text has no letter that is only in the first
_LEAST_SHARE = 0.85  # of the bytes above 127, those that are letters: the rest are marks
_LEAST_LETTERS = 6
_CAPITAL = math.log(0.25)  # beside small letters
_ALL_CAPITALS = math.log(0.85)  # in a text of capitals alone
_NOT_ONE = math.log(0.002)
_SPACE = math.log(0.02)
_SURE_LETTERS, _SURE_FIT = 20, -0.2  # no line of Chinese or Korean that was tried fits as well
_LEAST_FIT = -0.5  # a text in the alphabet has about 0; one in another encoding mostly below -0.7


def _logarithms(letters: str) -> Mapping[str, float]:
    weights = [1 / (rank + 4) for rank in range(len(letters))]
    total = sum(weights)
    return {letter: math.log(w / total) for letter, w in zip(letters, weights, strict=True)}


_KNOWN = {encoding: _logarithms(letters) for encoding, letters in _ENCODINGS.items()}
_EXPECTED = {
    encoding: sum(math.exp(one) * one for one in known.values())
    for encoding, known in _KNOWN.items()
}


def alphabet_of(sample: bytes, *, sure: bool) -> str | None:
    """The codec of the encoding that fits the bytes above 127 best; None where none fits well.

    Args:
        sure: only one that texts in pairs of bytes don't fit too.
    """
    if sure and sum(byte > 127 for byte in sample) < _SURE_LETTERS:
        return None
    fits = {encoding: _fit(sample, encoding) for encoding in _ENCODINGS}
    best = max(fits, key=lambda encoding: fits[encoding])
    if fits[best] < (_SURE_FIT if sure else _LEAST_FIT):
        return None
    shown = _SHOWN.get(best, best)
    same = sample.decode(shown, "replace") == sample.decode(best, "replace")
    return shown if same else best


def _fit(sample: bytes, encoding: str) -> float:
    """How common its letters are (mean logarithm), beside a text's in that alphabet.

    -inf for what is no text in it.
    """
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return -math.inf
    counts = Counter(character for character in text if character > "\x7f")
    known = _KNOWN[encoding]
    letters = {one: count for one, count in counts.items() if one.lower() in known}
    of_all, total = sum(letters.values()), counts.total()
    if of_all < _LEAST_LETTERS or of_all < _LEAST_SHARE * total:
        return -math.inf
    capitals = sum(count for one, count in letters.items() if one not in known)
    capital = _ALL_CAPITALS if capitals == of_all else _CAPITAL
    fit = sum(
        count * (known[one.lower()] + (0.0 if one in known else capital))
        for one, count in letters.items()
    )
    marks = {one: count for one, count in counts.items() if one not in letters}
    fit += sum(count * (_NOT_ONE if one.isalpha() else _SPACE) for one, count in marks.items())
    return fit / total - _EXPECTED[encoding]
