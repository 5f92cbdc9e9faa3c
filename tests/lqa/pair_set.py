"""200 good and 200 spoiled question-answer pairs, each with the filter that must notice.

The good ones are questions that people wrote about whole Wikipedia articles (SQuAD 2.0, read from
LCIRC_DATA), answerable and not, with the sentence around the answer as evidence. The spoiled ones
are made from others of them by hand-written rules, 25 of each kind. The questions that anybody
can answer without the article were picked by hand.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lcirc_cli.lqa.pairs.scoring import contains, token_f1, words
from lcirc_cli.lqa.pairs.view import DocumentView
from lcirc_cli.lqa.records import Pair, SourceDocument

GOOD_ANSWERABLE, GOOD_UNANSWERABLE, SPOILED_EACH = 160, 40, 25

WELL_KNOWN = (
    "In what country is Normandy located?",
    "Who was the duke in the battle of Hastings?",
    "When was the Battle of Hastings?",
    "In the Rankine cycle, what does water turn into when heated?",
    "Who patented a steam engine in 1781?",
    "What is the typical working fluid in a steam engine?",
    "What do nuclear power plants heat to create electricity?",
    "What individual is the school named after?",
    "Who started the Yuan dynasty?",
    "What dynasty came after the Yuan?",
    "Who was Kublai Khan's grandfather?",
    "Who described Kublai's China to Europe?",
    "What modern city did Khanbaliq become?",
    "By what process can active immunity be generated in an artificial manner?",
    "Who used imperialism during their rule of the Mongol Empire?",
    "Who did the Ottoman empire ally with in WW I?",
    "What is the largest city of Poland?",
    "On what river does Warsaw stand?",
    "Who develped the theory of relativity?",
    "Who expounded the Three Laws of Motion?",
    "Who formed the universal theory of gravitation?",
    "Who identified gravity as a force?",
    "Who came up with the theory of relativity?",
    "Who figured out that his law of gravity had to be universal?",
    "Who became king in 1643?",
)
FOREIGN = (
    "Welche Stadt war im Mittelalter der Sitz des Herzogs?",
    "Wer hat die Schlacht am Fluss gewonnen und warum?",
    "Wie viele Soldaten kamen mit dem König über das Meer?",
    "Quelle ville était le siège du duc au moyen âge ?",
    "Combien de soldats ont traversé la mer avec le roi ?",
    "¿Cuántos soldados cruzaron el mar con el rey?",
    "¿Qué ciudad fue la capital del ducado en la edad media?",
)


@dataclass(frozen=True)
class Labelled:
    """A pair, what was done to it, and which filter must drop it ("" = none)."""

    pair: Pair
    document: SourceDocument
    spoil: str
    filter: str


@dataclass(frozen=True)
class Source:
    """A question as people wrote it, with its document."""

    pair: Pair
    document: SourceDocument


def load(data: Path) -> list[Source]:
    """All questions of the articles, answerable ones with the sentence as evidence."""
    folder = data / "dev" / "squad2_articles"
    documents, views = {}, {}
    for row in _rows(folder / "documents.jsonl.gz"):
        title = row["title"].replace("_", " ")
        found = SourceDocument(row["id"], title, row["text"], language="en")
        documents[found.id], views[found.id] = found, DocumentView(found)
    sources = []
    for index, row in enumerate(_rows(folder / "qa.jsonl.gz")):
        document = documents[row["document_id"]]
        pair = Pair(document.id, index, "unanswerable", row["question"])
        if row["answers"]:
            quote = views[document.id].widened(tuple(row["evidence"][0]))
            start = document.text.rfind(quote, 0, row["evidence"][0][0] + len(quote))
            pair = replace(
                pair,
                kind="number" if re.fullmatch(r"[\d,.]+", row["answers"][0]) else "span",
                answers=(row["answers"][0],),
                evidence=((start, start + len(quote)),),
                quotes=(quote,),
            )
        sources.append(Source(pair, document))
    return sources


def labelled(data: Path, *, seed: int = 0) -> list[Labelled]:
    """The 400 pairs; the same ones for the same seed. A copy comes after its original."""
    draw = random.Random(seed)
    sources = load(data)
    known = dict.fromkeys(WELL_KNOWN)
    closed = [s for s in sources if s.pair.question in known and s.pair.answers]
    closed = list({s.pair.question: s for s in closed}.values())
    rest = [s for s in sources if s.pair.question not in known]
    draw.shuffle(rest)
    answerable = iter(_distinct([s for s in rest if s.pair.answers]))
    unanswerable = iter(_distinct([s for s in rest if not s.pair.answers]))
    good = [next(answerable) for _ in range(GOOD_ANSWERABLE)]
    good += [next(unanswerable) for _ in range(GOOD_UNANSWERABLE)]
    found = [Labelled(s.pair, s.document, "", "") for s in good]
    everyone = [s for s in sources if s.pair.answers]
    makers: dict[str, tuple[str, Callable[[Source], Pair | None]]] = {
        "another answer": ("supported", lambda s: _another_answer(s, everyone, draw)),
        "another part of the quote": ("round_trip", lambda s: _other_part(s, draw)),
        "quote changed": ("quote", lambda s: _changed_quote(s, draw)),
        "quote from elsewhere": ("supported", lambda s: _other_quote(s, draw)),
        "called unanswerable": ("unanswerable", _called_unanswerable),
        "bad form": ("form", lambda s: _bad_form(s, draw)),
    }
    for spoil, (filter, make) in makers.items():
        made = (_labelled(s, make(s), spoil, filter) for s in answerable)
        found += [entry for entry, _ in zip(_some(made), range(SPOILED_EACH), strict=False)]
    found += [Labelled(s.pair, s.document, "well known", "closed_book") for s in closed]
    originals = draw.sample(good[:GOOD_ANSWERABLE], SPOILED_EACH)
    for number, source in enumerate(originals):
        copy = replace(source.pair, index=10_000 + number, question=_reworded(source.pair, number))
        found.append(Labelled(copy, source.document, "asked again", "near_duplicate"))
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _distinct(sources: list[Source]) -> Iterator[Source]:
    """Without the questions that people wrote twice about the same article."""
    kept: dict[str, list[str]] = {}
    for source in sources:
        others = kept.setdefault(source.document.id, [])
        if all(token_f1(source.pair.question, other) < 0.6 for other in others):
            others.append(source.pair.question)
            yield source


def _labelled(source: Source, pair: Pair | None, spoil: str, filter: str) -> Labelled | None:
    return Labelled(pair, source.document, spoil, filter) if pair is not None else None


def _some(entries: Iterator[Labelled | None]) -> Iterator[Labelled]:
    return (entry for entry in entries if entry is not None)


def _another_answer(source: Source, everyone: list[Source], draw: random.Random) -> Pair | None:
    """The answer to another question about the article, which the quote doesn't hold."""
    own = source.pair
    others = [
        other.pair.answers
        for other in everyone
        if other.document.id == source.document.id
        and other.pair.kind == own.kind
        and not contains(own.quotes[0], other.pair.answers[0])
        and token_f1(other.pair.answers[0], own.answers[0]) == 0
    ]
    return replace(own, answers=draw.choice(others)) if others else None


def _other_part(source: Source, draw: random.Random) -> Pair | None:
    """Two words of the quote that are no part of the answer."""
    own = source.pair
    gold = set(words(own.answers[0]))
    found = [
        match.group()
        for match in re.finditer(r"\b[A-Za-z]{4,} [A-Za-z]{4,}\b", own.quotes[0])
        if not gold & set(words(match.group()))
    ]
    return replace(own, kind="span", answers=(draw.choice(found),)) if found else None


def _changed_quote(source: Source, draw: random.Random) -> Pair | None:
    """One word of the quote exchanged, as if the model had copied carelessly."""
    parts = source.pair.quotes[0].split(" ")
    places = [index for index, part in enumerate(parts) if len(part) > 4 and part.isalpha()]
    if not places:
        return None
    parts[draw.choice(places)] = "approximately"
    return replace(source.pair, quotes=(" ".join(parts),))


def _other_quote(source: Source, draw: random.Random) -> Pair | None:
    """A sentence from another place of the article, without the answer."""
    view = DocumentView(source.document)
    for _ in range(20):
        at = draw.randrange(len(source.document.text) - 1)
        quote = view.widened((at, at + 1))
        if 60 < len(quote) < 400 and not set(words(source.pair.answers[0])) & set(words(quote)):
            start = source.document.text.index(quote)
            return replace(source.pair, quotes=(quote,), evidence=((start, start + len(quote)),))
    return None


def _called_unanswerable(source: Source) -> Pair:
    return replace(source.pair, kind="unanswerable", answers=(), quotes=(), evidence=())


def _bad_form(source: Source, draw: random.Random) -> Pair:
    own = source.pair
    return draw.choice(
        [
            replace(own, question=draw.choice(FOREIGN)),
            replace(own, question=f"According to the passage, {own.question}"),
            replace(own, question=f"{own.question} " * 12),
            replace(own, question=" ".join(own.question.split()[:2]) + "?"),
            replace(own, answers=(f"{own.answers[0]} " * 40,)),
        ]
    )


def _reworded(pair: Pair, number: int) -> str:
    """The same question in slightly other words."""
    text = pair.question.rstrip("?. ")
    first = text[0].lower() + text[1:]
    return (
        f"{text}",
        f"{text} exactly?",
        f"So {first}?",
        f"And {first} ?",
        f"{text.replace(' the ', ' ')}?",
    )[number % 5]


class Oracle:
    """A scripted judge that knows how each question of the set was made. A `ChatModel`."""

    name = "oracle"
    varies = False

    def __init__(self, sources: list[Source]) -> None:
        from collections import Counter

        self.troubles: Counter[str] = Counter()
        self._answers: dict[str, list[str]] = {}
        for source in sources:
            if source.pair.answers:
                self._answers.setdefault(_key(source.pair.question), []).append(
                    source.pair.answers[0]
                )

    async def aclose(self) -> None:
        """Nothing to do."""

    async def complete(self, request: Any) -> Any:
        """The verdict of somebody who has read the article."""
        from lcirc_cli.endpoints.chat import Reply

        question = re.search(r"^QUESTION\n(.*)$", request.user, re.MULTILINE)
        assert question is not None
        value = self._verdict(request, question.group(1))
        return Reply(json.dumps(value))

    def _verdict(self, request: Any, question: str) -> dict[str, Any]:
        golds = self._answers.get(_key(question), [])
        if request.purpose == "closed_book":
            known = question in WELL_KNOWN
            return {"known": known, "answer": golds[0] if known else ""}
        if request.purpose == "unanswerable":
            return {"answerable": bool(golds), "answer": (golds or [""])[0], "quote": ""}
        evidence = request.user.split("EVIDENCE\n")[1].split("\n\nQUESTION")[0]
        shown = [gold for gold in golds if contains(evidence, gold)]
        if request.purpose == "supported":
            answer = request.user.split("ANSWER\n")[1].split("\n")[0]
            return {"supported": any(token_f1(answer, gold) > 0.6 for gold in shown)}
        return {"answerable": bool(shown), "answer": (shown or [""])[0]}


def _key(question: str) -> str:
    """Questions that `_reworded` makes from one another have the same key."""
    dropped = {"so", "and", "exactly", "the", "according", "to", "passage"}
    return " ".join(word for word in words(question) if word not in dropped)
