"""How style sheets number the lists of an HTML page.

Rules for one element, one class or both are taken, as pages for lists write them; rules that ask
where an element stands are not. Knows nothing about elements.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_STYLE = re.compile(
    r"\blist-style(?:-type)?\s*+:[^;{}]{0,200}?(?<![\w(/.-])"
    r"(decimal|(?:lower|upper)-(?:alpha|latin|roman)|none|disc|circle|square)\b"
)
_SELECTOR = re.compile(r"(ol|ul|menu|dir|li)?(?:\.([\w-]+))?")
_STYLES = {"decimal": "1", "lower-roman": "i", "upper-roman": "I"}
_STYLES |= {"lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A"}
_MOST_RULES = 10_000


def style_of(declarations: str) -> str | None:
    """The style that declarations give to a list: `numeral`'s, "" for bullets, None: no word."""
    found = None
    for declaration in declarations.lower().split(";"):
        if said := _STYLE.search(declaration):
            found = _STYLES.get(said[1], "")
    return found


class Sheet:
    """The style sheets of a page so far."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], str] = {}  # element and class, either may be ""

    def add(self, css: str) -> None:
        """Take a sheet; its later rules go before earlier ones."""
        css = _COMMENT.sub(" ", css)
        counted = "counter-increment" in css  # numbers that the page writes by itself
        for block in css.split("}"):
            selectors, _, declarations = block.rpartition("{")
            style = style_of(declarations)
            if style is None or (counted and not style) or len(self._rules) > _MOST_RULES:
                continue
            for selector in selectors.rpartition("{")[2].split(","):
                if (found := _SELECTOR.fullmatch(selector.strip())) and found[0]:
                    self._rules[found[1] or "", found[2] or ""] = style

    def style(self, name: str, classes: str) -> str | None:
        """What the sheets say of an element with these classes."""
        if not self._rules:
            return None
        own = classes.split()[:20]
        asked = [*((name, one) for one in own), *(("", one) for one in own), (name, "")]
        return next((self._rules[key] for key in asked if key in self._rules), None)
