"""A page to read some pairs beside their evidence, to judge a data set with one's own eyes.

One HTML file without scripts or anything from elsewhere. What documents and models wrote is
escaped.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from html import escape
from typing import Any

from lcirc_cli.lqa import chance

_AROUND = 500  # characters shown on either side of a piece of evidence

_STYLE = """
body { font: 16px/1.5 Georgia, serif; max-width: 54em; margin: 2em auto; padding: 0 1em; }
section { border-top: 1px solid #999; padding: 1em 0; }
h2 { font-size: 1.1em; margin: 0 0 .3em; }
.about { color: #555; font: 13px/1.4 sans-serif; }
.answer { font-weight: bold; }
blockquote { white-space: pre-wrap; margin: .8em 0; padding: .2em 1em;
  border-left: 3px solid #ccc; }
mark { background: #ffe9a8; }
li.right { font-weight: bold; }
.rejected h2 { color: #933; }
"""

Pair = tuple[dict[str, Any], dict[str, Any]]


def choose(pairs: Iterable[Pair], count: int, *, seed: int) -> list[Pair]:
    """`count` of the pairs by chance, the same ones for the same seed, in the order of their ids.

    Goes through the pairs once and holds no more than `count`.
    """

    def order(pair: Pair) -> tuple[float, str]:
        return chance.uniform(seed, "sample", pair[1]["id"]), str(pair[1]["id"])

    drawn = heapq.nsmallest(count, pairs, key=order)
    return sorted(drawn, key=lambda pair: str(pair[1]["id"]))


def page(pairs: Iterable[Pair], rejected: Iterable[dict[str, Any]]) -> str:
    """The page, with accepted pairs first and then some rejected ones with their reasons."""
    accepted = [_accepted(document, pair, i) for i, (document, pair) in enumerate(pairs, start=1)]
    dropped = [_rejected(pair) for pair in rejected]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Sample of the pairs</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{len(accepted)} accepted pairs</h1>",
        *(accepted or ["<p>No pair was accepted.</p>"]),
    ]
    if dropped:
        parts += [f"<h1>{len(dropped)} rejected pairs</h1>", *dropped]
    return "\n".join([*parts, "</body></html>", ""])


def _accepted(document: dict[str, Any], pair: dict[str, Any], number: int) -> str:
    length = max(1, len(document["text"]))
    title = document["title"] or document["id"]
    quotes = [_quote(document["text"], *span, length=length) for span in pair["evidence"]]
    return "\n".join(
        [
            "<section>",
            f"<h2>{number}. {escape(pair['question'])}</h2>",
            _answer(pair),
            f'<p class="about">{escape(pair["type"])} · {escape(str(title))} · '
            f"{escape(pair['id'])}</p>",
            *quotes,
            "</section>",
        ]
    )


def _answer(pair: dict[str, Any]) -> str:
    if pair.get("options"):
        entries = (
            f'<li class="right">{escape(option)}</li>'
            if option in pair["answers"]
            else f"<li>{escape(option)}</li>"
            for option in pair["options"]
        )
        return f"<ul>{''.join(entries)}</ul>"
    said = " / ".join(pair["answers"]) or "(the document does not say)"
    return f'<p class="answer">{escape(said)}</p>'


def _quote(text: str, start: int, end: int, *, length: int) -> str:
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return (
        f'<p class="about">at {100 * (start + end) / 2 / length:.0f} % of the document</p>'
        f"<blockquote>{escape(before)}<mark>{escape(text[start:end])}</mark>{escape(after)}"
        "</blockquote>"
    )


def _rejected(pair: dict[str, Any]) -> str:
    said = " / ".join(pair["answers"])
    quotes = pair.get("quotes") or [pair.get("quote", "")]
    shown = "".join(f"<blockquote>{escape(quote)}</blockquote>" for quote in quotes if quote)
    question = pair["question"] or pair.get("reply") or "(no reply)"
    return "\n".join(
        [
            '<section class="rejected">',
            f"<h2>{escape(question)}</h2>",
            f"<p>{escape(said)}</p>" if said else "",
            f'<p class="about">{escape(pair["type"])} · {escape(pair["reason"])}: '
            f"{escape(pair['detail'])}</p>",
            shown,
            "</section>",
        ]
    )
