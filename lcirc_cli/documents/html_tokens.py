"""Splits HTML into text, start tags and end tags, in time linear in its length.

The standard library's `html.parser` is not used: in Python 3.11 forty kilobytes of unclosed tags
keep it busy for a minute. Here every search either moves on or is remembered as hopeless. Damaged
markup is text. Knows nothing about what a tag means, except which ones hold no tags.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from lcirc_cli.documents.losses import REFERENCES

SILENT = frozenset({"script", "style", "iframe"})  # no browser shows what they hold
_RAW = SILENT | {"title", "textarea", "xmp"}  # their content holds no tags
_ZEROS = re.compile(r"(&#[xX]?)0{4,}(?=[0-9a-fA-F])")
_NO_CHARACTER = re.compile(  # too large a number: `unescape` may raise on it
    r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?"
)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,63})")
_MARKUP = re.compile(r"<(?:/?[a-zA-Z]|!--|!\[CDATA\[|[!?])")
_QUOTE_OR_END = re.compile(r"=\s*([\"'])|>")
_ATTRIBUTE = re.compile(r"""([a-zA-Z][\w:.-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")


@dataclass(frozen=True)
class Token:
    """A piece of text, a start tag, an end tag or a style sheet."""

    kind: str  # "text", "start", "end" or "sheet"
    value: str  # the text with its entities resolved, or the tag's name in lower case
    attributes: str = ""  # of a start tag, as written

    @property
    def empty(self) -> bool:
        """Whether a start tag ends itself, as XHTML writes elements without content."""
        return self.attributes.endswith("/")


def decode_references(text: str, losses: Counter[str]) -> str:
    """The characters that `&amp;` and the like mean; those that mean none become U+FFFD."""
    if "&" not in text:
        return text
    text = _ZEROS.sub(r"\1", text)
    decoded = unescape(_NO_CHARACTER.sub("\ufffd", text))
    if bad := decoded.count("\ufffd") - text.count("\ufffd"):
        losses[REFERENCES] += bad
    return decoded


def attribute(token: Token, name: str) -> str | None:
    """The value of an attribute of a start tag ("" if it has none), or None."""
    for found in _ATTRIBUTE.finditer(token.attributes):
        if found[1].lower() == name:
            return decode_references(found[2] or found[3] or found[4] or "", Counter())
    return None


def tokenize(html: str, losses: Counter[str] | None = None) -> Iterator[Token]:
    """The tokens of `html` in order, without comments, declarations and the content of scripts.

    `losses` counts references to characters that there aren't.
    """
    return _Tokenizer(html, Counter() if losses is None else losses).run()


class _Tokenizer:
    def __init__(self, html: str, losses: Counter[str]) -> None:
        self.html = html
        self.losses = losses
        self.hopeless: dict[str, int] = {}  # what was searched for in vain, and from where

    def run(self) -> Iterator[Token]:
        at = 0
        while match := _MARKUP.search(self.html, at):
            if match.start() > at:
                yield self._text(at, match.start())
            begin = match.start()
            if match[0] == "<![CDATA[":
                end = self._find("]]>", begin)
                yield self._text(match.end(), end if end >= 0 else len(self.html), raw=True)
                at = end + 3 if end >= 0 else len(self.html)
            elif match[0] in ("<!--", "<!", "<?"):
                mark = "-->" if match[0] == "<!--" else ">"
                end = self._find(mark, begin)
                at = end + len(mark) if end >= 0 else match.end()  # unclosed: what follows is text
            else:
                tokens, at = self._tag(begin)
                yield from tokens
        if at < len(self.html):
            yield self._text(at, len(self.html))

    def _text(self, begin: int, end: int, *, raw: bool = False) -> Token:
        text = self.html[begin:end]
        return Token("text", text if raw else decode_references(text, self.losses))

    def _find(self, mark: str, begin: int) -> int:
        """`str.find` that never searches twice in vain."""
        if self.hopeless.get(mark, len(self.html) + 1) <= begin:
            return -1
        found = self.html.find(mark, begin)
        if found < 0:
            self.hopeless[mark] = begin
        return found

    def _tag(self, begin: int) -> tuple[list[Token], int]:
        """The tag at `begin`, with the content that it makes raw, and where reading goes on."""
        end = self._tag_end(begin)
        tag = _TAG.match(self.html, begin)
        if end < 0 or tag is None:  # no `>` is left, so there are no more tags
            return [self._text(begin, len(self.html))], len(self.html)
        name = tag[2].lower()
        if tag[1]:
            return [Token("end", name)], end
        start = Token("start", name, self.html[tag.end() : end - 1])
        if name not in _RAW or start.empty:
            return [start], end
        closing = self._closing_tag(name, end)
        if closing < 0:
            return [start], end
        if name == "style":
            return [start, Token("sheet", self.html[end:closing])], closing
        content = [] if name in SILENT else [self._text(end, closing)]
        return [start, *content], closing

    def _tag_end(self, begin: int) -> int:
        """One past the `>` that closes the tag at `begin`, quotes heeded if they are closed."""
        first = self._find(">", begin)
        if first < 0:
            return -1
        at = begin
        while mark := _QUOTE_OR_END.search(self.html, at):
            if mark[1] is None:
                return mark.end()
            closing = self._find(mark[1], mark.end())
            if closing < 0:
                break
            at = closing + 1
        return first + 1

    def _closing_tag(self, name: str, begin: int) -> int:
        mark = f"</{name}"
        if self.hopeless.get(mark, len(self.html) + 1) <= begin:
            return -1
        pattern = re.compile(re.escape(mark) + r"(?=[\s/>])", re.IGNORECASE)
        found = pattern.search(self.html, begin)
        if found is None:
            self.hopeless[mark] = begin
            return -1
        return found.start()
