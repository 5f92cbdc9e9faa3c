"""How well each filter of make-lqa tells good pairs from spoiled ones, with a real judge.

    python tests/lqa/judge_filters.py --data DIR [--model smollm2] [--replies FILE] [--share 0.25]
    python tests/lqa/judge_filters.py --data DIR --endpoint URL --generator NAME

The 200 good and 200 spoiled pairs of `pair_set` go through every filter by itself; those that ask
the judge, and the row "all", can be given a share of them, the same share of each kind. A filter's
recall is the share it drops of the pairs that were spoiled in a way it is meant to notice; its
precision is counted over these and the good pairs, so it depends on there being one to eight or
more of the good ones for each. Prints a table and, last, one JSON line. Replies are kept in FILE: a
second start goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]

from pair_set import labelled  # noqa: E402

from lcirc_cli.endpoints.asking import Asker  # noqa: E402
from lcirc_cli.endpoints.replay import ReplayCache  # noqa: E402
from lcirc_cli.lqa.choice import choose_model  # noqa: E402
from lcirc_cli.lqa.pairs.examiner import FILTERS, Examiner, without_duplicates  # noqa: E402
from lcirc_cli.lqa.pairs.view import DocumentView  # noqa: E402
from lcirc_cli.lqa.records import Judged  # noqa: E402
from lcirc_cli.lqa.settings import EngineSettings, Thresholds  # noqa: E402

# What each filter is meant to notice, by the names of `pair_set`.
MEANT = {
    "quote": ("quote changed",),
    "form": ("bad form",),
    "supported": ("another answer", "quote from elsewhere"),
    "round_trip": ("another answer", "another part of the quote", "quote from elsewhere"),
    "closed_book": ("well known",),
    "unanswerable": ("called unanswerable",),
    "near_duplicate": ("asked again",),
}
FORM = ("length", "pointing", "language")
ASKING = ("supported", "round_trip", "closed_book", "unanswerable")
LIMITS = Thresholds()


def first_part(pairs: list[Any], share: float) -> list[int]:
    """The places of the first ones of each kind, copies with what they are copies of.

    Good answerable and good unanswerable ones are two kinds.
    """
    kinds = [(entry.spoil, not entry.spoil and not entry.pair.answers) for entry in pairs]
    room = {kind: round(share * count) for kind, count in Counter(kinds).items()}
    copies = [entry for entry in pairs if entry.spoil == "asked again"]
    copied = {_proof(entry) for entry in copies[: room["asked again", False]]}
    first = [not entry.spoil and _proof(entry) in copied for entry in pairs]
    kept = []
    for place in sorted(range(len(pairs)), key=lambda place: not first[place]):
        if room[kinds[place]]:
            room[kinds[place]] -= 1
            kept.append(place)
    return sorted(kept)


def _proof(entry: Any) -> tuple[Any, ...]:
    """What a copy has in common with its original: all but the question."""
    return entry.pair.document_id, entry.pair.evidence, entry.pair.answers


async def judge(pairs: list[Any], asker: Asker, asked: set[int]) -> list[set[str]]:
    """For each pair the filters that drop it, each asked whatever the others say where it counts.

    Args:
        asked: the places of the pairs that the judge is asked about.
    """
    views = {entry.document.id: DocumentView(entry.document) for entry in pairs}
    copies = set(duplicates(pairs))
    found: list[set[str]] = []
    for place, entry in enumerate(pairs):
        examiner = Examiner(views[entry.document.id], asker, LIMITS)
        dropped = {"near_duplicate"} if place in copies else set()
        for name in sorted(FILTERS, key=lambda name: _for_all(name, entry)):
            if name in ASKING and (place not in asked or (dropped and _for_all(name, entry))):
                continue
            if await examiner.verdict(name, entry.pair) is not None:
                dropped.add("form" if name in FORM else name)
        found.append(dropped)
        print(f"\r{place + 1}/{len(pairs)}", end="", file=sys.stderr, flush=True)
    return found


def _for_all(name: str, entry: Any) -> bool:
    """Whether a verdict counts in the row "all" alone, where the first one that drops is enough."""
    return bool(entry.spoil) and name in ASKING and entry.spoil not in MEANT[name]


def duplicates(pairs: list[Any]) -> list[int]:
    """The places of the pairs that ask what an earlier one of their document asks."""
    groups = defaultdict(list)
    for place, entry in enumerate(pairs):
        groups[entry.document.id].append((place, Judged(entry.pair)))
    return [
        place
        for group in groups.values()
        for (place, _), judged in zip(
            group,
            without_duplicates([entry for _, entry in group], LIMITS.near_duplicate),
            strict=True,
        )
        if judged.rejection is not None
    ]


def figures(pairs: list[Any], found: list[set[str]], asked: set[int]) -> dict[str, dict[str, Any]]:
    """For each filter, and for all together, what `rates` says."""
    everyone = [(entry.spoil, dropped) for entry, dropped in zip(pairs, found, strict=True)]
    part = [everyone[place] for place in sorted(asked)]
    table = {}
    for name, spoils in MEANT.items():
        judged = part if name in ASKING else everyone
        table[name] = rates(
            [name in dropped for spoil, dropped in judged if spoil in spoils],
            [name in dropped for spoil, dropped in judged if not spoil],
        )
    table["all"] = rates(
        [bool(dropped) for spoil, dropped in part if spoil],
        [bool(dropped) for spoil, dropped in part if not spoil],
    )
    table["all"]["by_spoil"] = dict(Counter(spoil for spoil, dropped in part if spoil and dropped))
    return table


def rates(meant: list[bool], good: list[bool]) -> dict[str, Any]:
    """How many should be dropped and were, and how many good ones were; True is a dropped pair."""
    right, wrong = sum(meant), sum(good)
    return {
        "meant": len(meant),
        "dropped": right,
        "recall": round(right / max(1, len(meant)), 3),
        "good": len(good),
        "good_dropped": wrong,
        "precision": round(right / (right + wrong), 3) if right + wrong else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds dev/squad2_articles")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--endpoint")
    parser.add_argument("--generator", default="local")
    parser.add_argument("--replies", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="ask about so much of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the set and its order")
    options = parser.parse_args()
    pairs = labelled(options.data, seed=options.seed)
    asked = set(first_part(pairs, options.share))
    engine = EngineSettings(endpoint=options.endpoint, offline=True)
    model = choose_model(options.generator, options.model, engine).open(engine)
    with tempfile.TemporaryDirectory() as folder:
        cache = ReplayCache(options.replies or Path(folder) / "replies.sqlite")
        asker = Asker(model, cache, in_flight=8, attempts=3)
        table = figures(pairs, asyncio.run(judge(pairs, asker, asked)), asked)
    print(file=sys.stderr)
    for name, row in table.items():
        print(
            f"{name:15} recall {row['recall']:.3f} ({row['dropped']}/{row['meant']})  "
            f"precision {row['precision']}  good dropped {row['good_dropped']}/{row['good']}"
        )
    told = {"judge": model.name, "seed": options.seed, "asked": len(asked), "pairs": len(pairs)}
    print(json.dumps({"what": "lqa_filters", **told, "filters": table}))


if __name__ == "__main__":
    main()
