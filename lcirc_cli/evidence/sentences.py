"""Where sentences, headings and list lines begin and end in a text, without a model or a list
of languages: by punctuation, blank lines and a few conventions of plain text.

Works for scripts without spaces (CJK full stops), and for text without any sentence end, which is
cut by words. Every character that isn't a space lies in exactly one sentence. Linear in the
text's length, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Scripts written without spaces between words: kana, Han, Thai, Lao, Myanmar, Khmer.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
UNSPACED += "\uf900-\ufaff\U00020000-\U0003ffff"
MAX_WORDS = 120  # a longer sentence is cut into pieces ...
PIECE_WORDS = 40  # ... of about this many words
_WORD_CHARACTERS = 12  # a run of this many characters counts as a word, so that size is bounded
_HEADING_WORDS = 12

_CLOSE = "[\"'”’»)\\]」』）]"
_BULLET = r"#{1,6}\s|[-*•–]\s|\d{1,3}(?:\.\d{1,3})+\.?\s+[^\W\d_]|\d{1,3}[.)]\s"
# The look-behind makes a run of full stops count once: without it the scan would be quadratic.
_BREAK = re.compile(
    rf"(?P<stop>(?<![.!?…؟۔।॥])[.!?…؟۔।॥]++{_CLOSE}*+)\s++"
    rf"|(?P<wide>(?<![。！？｡])[。！？｡]++{_CLOSE}*+)\s*+"
    r"|(?P<blank>\n[^\S\n]*+\n)\s*+"
    rf"|\n(?={_BULLET})"
)
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
_UNIT = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]{{1,48}}")
_WORDS = """
    mr mrs ms dr prof st sr jr rev gen col capt lt sgt hon vs fig figs eq eqs sec ch vol pp ed eds
    al approx cf viz inc ltd co corp dept e.g i.e u.s
"""
_ABBREVIATIONS = frozenset(_WORDS.split())
_BEFORE_NUMBERS = frozenset(("p", "no", "nos", "art", "v"))  # these may also end a sentence


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, heading, list line or piece of a long sentence: text[start:end], no outer space.

    `opens` says what its beginning is: "heading", "paragraph", "sentence" or "piece" (inside a
    long sentence).
    """

    start: int
    end: int
    size: float  # in words; a character of an unspaced script counts as a word
    opens: str


def split_sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[Sentence]:
    """The sentences of text[start:end], in order."""
    limit = len(text) if end is None else end
    position, opens = start, "paragraph"
    for stop, after, following in _breaks(text, start, limit):
        closed = following != "sentence"
        yield from _sentence(text, position, stop, opens=opens, closed=closed)
        position, opens = after, following
    yield from _sentence(text, position, limit, opens=opens, closed=True)


def size_in_words(text: str, start: int, end: int) -> float:
    """How much text there is, in words; long runs without spaces count by their length."""
    part = text[start:end]
    unspaced = 0 if part.isascii() else len(_UNSPACED_CHARACTER.findall(part))
    words = len(part.split()) + (unspaced - 1 if unspaced else 0)
    return max(words, (len(part) - unspaced) / _WORD_CHARACTERS)


def _breaks(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """(end of a sentence, start of the next, what the next one's start is)."""
    for match in _BREAK.finditer(text, start, end):
        after = match.end()
        if after >= end:
            return
        if match["stop"] is not None:
            if text[after].islower() or _is_no_end(text, match):
                continue
            space = text[match.end("stop") : after]
            blank = space.count("\n") > 1
            yield match.end("stop"), after, "paragraph" if blank else "sentence"
        elif match["wide"] is not None:
            yield match.end("wide"), after, "sentence"
        elif match["blank"] is not None:
            # A sentence that goes on after a page's end: neither full stop nor capital.
            if not text[after].islower():
                yield match.start(), after, "paragraph"
        else:
            yield match.start(), after, "paragraph"


def _is_no_end(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop follows an abbreviation, an initial or a number that opens a line."""
    if match["stop"] != ".":
        return False
    at = match.start()
    word = text[max(0, at - 12) : at].split()[-1:]
    if not word:
        return False
    plain = word[0].lstrip("(\"'“‘[").lower()
    if plain in _ABBREVIATIONS:
        return True
    if plain in _BEFORE_NUMBERS:
        return text[match.end()].isdigit()
    if plain.isdigit():
        line = at - len(word[0])
        return line == 0 or text[line - 1] == "\n"
    # "J. Smith", but not "vitamin C. It".
    return len(plain) == 1 and text[at - 1].isupper() and plain not in "ic"


def _sentence(text: str, start: int, end: int, *, opens: str, closed: bool) -> Iterator[Sentence]:
    part = text[start:end]
    start, end = end - len(part.lstrip()), start + len(part.rstrip())
    if start >= end:
        return
    size = size_in_words(text, start, end)
    if size > MAX_WORDS:
        yield from _pieces(text, start, end, opens=opens)
        return
    if opens == "paragraph" and closed and _is_heading(text[start:end], size):
        opens = "heading"
    yield Sentence(start, end, size, opens)


def _is_heading(line: str, size: float) -> bool:
    if line.startswith("#"):
        return "\n" not in line
    if size > _HEADING_WORDS or line[0] in "-*•–" or line[-1] in ".!?:;,…。！？":
        return False
    return line[0].isupper() or line[0].isdigit()


def _pieces(text: str, start: int, end: int, *, opens: str) -> Iterator[Sentence]:
    """Cuts a long run of text between words, or between characters where there are no words."""
    size, first, last = 0.0, start, start
    for unit in _UNIT.finditer(text, start, end):
        step = max(1.0, (unit.end() - unit.start()) / _WORD_CHARACTERS)
        if size + step > PIECE_WORDS and size > 0:
            yield Sentence(first, last, size, opens)
            size, first, opens = 0.0, unit.start(), "piece"
        size, last = size + step, unit.end()
    yield Sentence(first, last, size, opens)
