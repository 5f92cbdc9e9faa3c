"""How style sheets number the lists of an HTML page, and which letters they raise or lower.

Rules for one element, one class or both are taken, as pages write them; rules that ask where an
element stands are not. Knows nothing about what elements mean.
"""

from __future__ import annotations

import re

from lcirc_cli.documents.html_tokens import Token, attribute

_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_STYLE = re.compile(
    r"\blist-style(?:-type)?\s*+:[^;{}]{0,200}?(?<![\w(/.-])"
    r"(decimal(?:-leading-zero)?|(?:lower|upper)-(?:alpha|latin|roman)|lower-greek|"
    r"(?:cjk-ideographic|cjk-earthly-branch|cjk-heavenly-stem|hiragana|katakana|"
    r"(?:simp|trad)-chinese-informal|japanese-informal|hebrew)|none|disc|circle|square)(?![\w-])"
)
_RAISED = re.compile(r"\bvertical-align\s*+:\s*+(super|sub|baseline)\b")
_SELECTOR = re.compile(r"([a-z][a-z0-9]{0,9})?(?:\.([\w-]+))?")
_STYLES = {"decimal": "1", "lower-roman": "i", "upper-roman": "I", "decimal-leading-zero": "01"}
_STYLES |= {"lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A"}
_STYLES |= {"lower-greek": "α", "hebrew": "א", "hiragana": "あ", "katakana": "ア"}
_STYLES |= {"cjk-heavenly-stem": "甲", "cjk-earthly-branch": "子", "cjk-ideographic": "一"}
_STYLES |= {f"{kind}-informal": "一" for kind in ("simp-chinese", "trad-chinese", "japanese")}
_MOST_RULES = 10_000


def style_of(declarations: str) -> str | None:
    """The style that declarations give to a list: `numeral`'s, "" for bullets, None: no word."""
    found = None
    for declaration in declarations.lower().split(";"):
        if said := _STYLE.search(declaration):
            found = _STYLES.get(said[1], "")
    return found


class Sheet:
    """The style sheets of a page so far; `shared` are those that it has from elsewhere."""

    def __init__(self, shared: Sheet | None = None) -> None:
        # Element and class, either may be "" -> what is said of lists, and of raised letters.
        self._rules: dict[tuple[str, str], str] = dict(shared._rules) if shared else {}
        self._raised: dict[tuple[str, str], str] = dict(shared._raised) if shared else {}

    def add(self, css: str) -> None:
        """Take a sheet; its later rules go before earlier ones."""
        css = _COMMENT.sub(" ", css)
        counted = "counter-increment" in css  # numbers that the page writes by itself
        for block in css.split("}"):
            selectors, _, declarations = block.rpartition("{")
            style, raised = style_of(declarations), _raised_by(declarations)
            if style is not None and not (counted and not style):
                _enter(self._rules, selectors, style)
            if raised:
                _enter(self._raised, selectors, raised)

    def style(self, name: str, classes: str) -> str | None:
        """How the sheets number a list or item with these classes."""
        return _said(self._rules, name, classes)

    def raised(self, token: Token, name: str) -> str | None:
        """Whether an element's letters are raised ("sup") or lowered ("sub"), or neither (None)."""
        found = None
        if "style" in token.attributes:
            found = _raised_by(attribute(token, "style") or "")
        if found is None and self._raised:
            found = _said(self._raised, name, attribute(token, "class") or "")
        return found if found in ("sup", "sub") else None


def _raised_by(declarations: str) -> str | None:
    said = _RAISED.findall(declarations.lower())
    return said[-1].removesuffix("er") if said else None


def _enter(rules: dict[tuple[str, str], str], selectors: str, said: str) -> None:
    for selector in selectors.rpartition("{")[2].split(","):
        found = _SELECTOR.fullmatch(selector.strip())
        if found and found[0] and len(rules) <= _MOST_RULES:
            rules[found[1] or "", found[2] or ""] = said


def _said(rules: dict[tuple[str, str], str], name: str, classes: str) -> str | None:
    if not rules:
        return None
    own = classes.split()[:20]
    asked = [*((name, one) for one in own), *(("", one) for one in own), (name, "")]
    return next((rules[key] for key in asked if key in rules), None)
