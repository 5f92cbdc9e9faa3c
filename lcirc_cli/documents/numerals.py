"""Numbers as lists write them: 7, g, VII, γ, 七, ⑦.

Knows nothing about formats.
"""

from __future__ import annotations

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_HEBREW = (
    *((400, "ת"), (300, "ש"), (200, "ר"), (100, "ק"), (90, "צ"), (80, "פ"), (70, "ע"), (60, "ס")),
    *((50, "נ"), (40, "מ"), (30, "ל"), (20, "כ"), (10, "י")),
    *((9, "ט"), (8, "ח"), (7, "ז"), (6, "ו"), (5, "ה"), (4, "ד"), (3, "ג"), (2, "ב"), (1, "א")),
)
_MAX_ROMAN = 3999
_MAX_HEBREW = 999
_MAX_LETTERS = 1_000_000
_MAX_CHINESE = 9999
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_HIRAGANA = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねの"
    "はひふへほまみむめもやゆよらりるれろわゐゑをん"
)
_LETTERS = {  # by the first letter; after the last one come two together
    "a": _LATIN,
    "A": _LATIN.upper(),
    "α": "αβγδεζηθικλμνξοπρστυφχψω",
    # As Word counts in Russian.
    "а": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "А": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
    "あ": _HIRAGANA,
    "ア": "".join(chr(ord(kana) + 0x60) for kana in _HIRAGANA),  # as katakana
    "가": "가나다라마바사아자차카타파하",
    "甲": "甲乙丙丁戊己庚辛壬癸",
    "子": "子丑寅卯辰巳午未申酉戌亥",
}
_SIGNS = {  # by the first sign; larger numbers are written in digits
    "①": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "⑴": "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇",
}
_FULL_WIDTH = "\uff11"
_CHINESE = "〇一二三四五六七八九"


def numeral(number: int, style: str) -> str:
    """`number` in a style, named by how it writes one: "1", "01", "a", "A", "i", "I", "α", "一"...

    Numbers that a style can't write, such as zero in letters, are written in digits.
    """
    if style == "01":
        return f"{number:02d}"
    if style == _FULL_WIDTH:
        return str(number).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    if style in _SIGNS and 0 < number <= len(_SIGNS[style]):
        return _SIGNS[style][number - 1]
    if style in _LETTERS and 0 < number <= _MAX_LETTERS:
        return _letters(number, _LETTERS[style])
    if style in ("i", "I") and 0 < number <= _MAX_ROMAN:
        written = _added(number, _ROMAN)
        return written.upper() if style == "I" else written
    if style == "א" and 0 < number <= _MAX_HEBREW:
        return _added(number, _HEBREW).replace("יה", "טו").replace("יו", "טז")  # 15 and 16
    if style == "一" and 0 < number <= _MAX_CHINESE:
        return _chinese(number)
    return str(number)


def _letters(number: int, letters: str) -> str:
    """a to z, then aa, ab, ..."""
    written = ""
    while number > 0:
        number, rest = divmod(number - 1, len(letters))
        written = letters[rest] + written
    return written


def _added(number: int, signs: tuple[tuple[int, str], ...]) -> str:
    written = ""
    for value, letters in signs:
        count, number = divmod(number, value)
        written += letters * count
    return written


def _chinese(number: int) -> str:
    """一, 十, 十一, 二十, 一百零五, as texts in Chinese count."""
    written, gap = "", False
    for value, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, value)
        if digit == 0:
            gap = bool(written)
            continue
        one = digit == 1 and value == 10 and not written  # ten is 十, not 一十
        written += ("零" if gap else "") + ("" if one else _CHINESE[digit]) + unit
        gap = False
    return written
