"""The characters of TeX's fonts for mathematics, by their places in the font.

Such fonts have no table of characters in most files, and a place in them is no letter's code: the
prime stands where others have a 0, the slash through an equals sign where they have a 6.
"""

from __future__ import annotations

import re

NEGATION, CIRCLE = "\u0338", "\u25ef"  # painted over the character that follows
NOTHING = 0  # pieces of large braces, bars under them, wide accents

_FAMILY = re.compile(r"(?:^|\+)(CMSY|CMBSY|CMMI[B]?|CMEX|MSAM|MSBM)\d*$", re.IGNORECASE)


def _row(first: int, characters: str) -> dict[int, int]:
    return {first + i: 0 if c == " " else ord(c) for i, c in enumerate(characters)}


_SYMBOLS = {
    **_row(0x00, "−·×∗÷⋄±∓⊕⊖⊗⊘⊙◯∘•≍≡⊆⊇≤≥≼≽∼≈⊂⊃≪≫≺≻←→↑↓↔↗↘≃⇐⇒⇑⇓⇔↖↙∝′∞∈∋△▽"),
    0x36: ord(NEGATION),
    **_row(0x37, " ∀∃¬∅ℜℑ⊤ℵ"),
    **_row(0x5B, "∪∩⊎∧∨⊢⊣⌊⌋⌈⌉{}⟨⟩|‖↕⇕∖≀√∐∇∫⊔⊓⊑⊒§†‡¶♣♢♡♠"),
}
_LETTERS = {
    **_row(0x00, "ΓΔΘΛΞΠΣΥΦΨΩαβγδεζηθικλμνξπρστυφχψωεϑϖϱςϕ↼↽⇀⇁  ▷◁"),
    **_row(0x3A, ".,</>⋆∂"),
    **_row(0x5B, "♭♮♯⌣⌢ℓ"),
    **_row(0x7B, "ıȷ℘"),
}
LARGE = dict.fromkeys(range(0x80), NOTHING)
for _character, _places in {
    "(": (0x00, 0x10, 0x12, 0x20, 0x30), ")": (0x01, 0x11, 0x13, 0x21, 0x31),
    "[": (0x02, 0x14, 0x22, 0x32, 0x68), "]": (0x03, 0x15, 0x23, 0x33, 0x69),
    "{": (0x08, 0x1A, 0x28, 0x6E, 0x38), "}": (0x09, 0x1B, 0x29, 0x6F, 0x39),
    "⌊": (0x04, 0x16, 0x24, 0x6A), "⌋": (0x05, 0x17, 0x25, 0x6B),
    "⌈": (0x06, 0x18, 0x26, 0x6C), "⌉": (0x07, 0x19, 0x27, 0x6D),
    "⟨": (0x0A, 0x1C, 0x2A), "⟩": (0x0B, 0x1D, 0x2B), "|": (0x0C,), "‖": (0x0D,),
    "/": (0x0E, 0x1E, 0x2E), "\\": (0x0F, 0x1F, 0x2F),
    "∮": (0x48, 0x49), "⊙": (0x4A, 0x4B), "⊕": (0x4C, 0x4D), "⊗": (0x4E, 0x4F),
    "∑": (0x50, 0x58), "∏": (0x51, 0x59), "∫": (0x52, 0x5A), "⋃": (0x53, 0x5B),
    "⋂": (0x54, 0x5C), "⊎": (0x55, 0x5D), "⋀": (0x56, 0x5E), "⋁": (0x57, 0x5F),
    "∐": (0x60, 0x61), "√": (0x70, 0x71, 0x72, 0x73),
}.items():  # fmt: skip
    LARGE.update(dict.fromkeys(_places, ord(_character)))
_BLACKBOARD = {
    0x28: ord("⊊"), 0x29: ord("⊋"), 0x3F: ord("∅"), 0x5E: ord("⊬"), 0x7E: ord("ϰ"),
}  # fmt: skip
_MORE_SYMBOLS = {
    0x03: ord("□"), 0x04: ord("■"), 0x06: ord("◊"), 0x07: ord("⧫"), 0x36: ord("⩽"),
    0x3E: ord("⩾"), 0x2E: ord("≲"), 0x26: ord("≳"), 0x5D: ord("∡"), 0x5C: ord("∠"),
}  # fmt: skip
_TABLES = {
    "CMSY": _SYMBOLS, "CMBSY": _SYMBOLS, "CMMI": _LETTERS, "CMMIB": _LETTERS, "CMEX": LARGE,
    "MSAM": _MORE_SYMBOLS, "MSBM": _BLACKBOARD,
}  # fmt: skip


def table_of(font: str) -> dict[int, int] | None:
    """Code point by place in this font (`NOTHING`: leave it out); None for any other font."""
    match = _FAMILY.search(font)
    return _TABLES[match[1].upper()] if match else None
