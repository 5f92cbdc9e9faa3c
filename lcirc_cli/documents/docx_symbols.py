"""Characters of Word's picture fonts: what `w:sym` shows, as Unicode.

Knows the letters and signs of the font Symbol and the boxes and marks of Wingdings.
"""

from __future__ import annotations

_SYMBOL = dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True))
_SYMBOL |= dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True))
_SYMBOL |= {
    0xA3: "≤",
    0xA5: "∞",
    0xAB: "↔",
    0xAC: "←",
    0xAD: "↑",
    0xAE: "→",
    0xAF: "↓",
    0xB0: "°",
    0xB1: "±",
    0xB3: "≥",
    0xB4: "×",
    0xB5: "∝",
    0xB6: "∂",
    0xB7: "•",
    0xB8: "÷",
    0xB9: "≠",
    0xBA: "≡",
    0xBB: "≈",
    0xC7: "∩",
    0xC8: "∪",
    0xCE: "∈",
    0xD1: "∇",
    0xD6: "√",
    0xD7: "·",
    0xDE: "⇒",
    0xE5: "∑",
    0xF2: "∫",
    0x22: "∀",
    0x24: "∃",
    0x2D: "−",
}
_WINGDINGS = {
    0x6F: "☐",
    0xA8: "☐",
    0x71: "❑",
    0xFE: "☑",
    0xFD: "☒",
    0x78: "☒",
    0x52: "☑",
    0xFC: "✓",
    0xFB: "✗",
    0xE0: "→",
    0xDF: "←",
    0xE8: "→",
    0xA7: "▪",
    0x6C: "●",
    0x6E: "■",
    0x9F: "•",
}
_FONTS = {"symbol": _SYMBOL, "wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS}


def symbol(font: str, code: str) -> str | None:
    """The character with the hexadecimal `code` of a font, or None if it isn't known."""
    try:
        number = int(code, 16) if len(code) <= 6 else -1
    except ValueError:
        return None
    low = number - 0xF000 if 0xF000 <= number <= 0xF0FF else number  # the area of picture fonts
    if low in (known := _FONTS.get(font.lower(), {})):
        return known[low]
    if font.lower() == "symbol" and 0x20 <= low < 0x40:
        return chr(low)
    private = 0xD800 <= number < 0xF900 or number >= 0xF0000
    return chr(number) if number >= 0x20 and not private else None
