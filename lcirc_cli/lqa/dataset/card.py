"""The data card, README.md of the data set: what is in it, how it was made, what was dropped.

Knows nothing about how the numbers came about.
"""

from __future__ import annotations

from typing import Any

from lcirc_cli.lqa.dataset.statistics import DEPTH_BINS, Statistics, even_p_value
from lcirc_cli.lqa.pairs.examiner import REASONS
from lcirc_cli.lqa.settings import KINDS, LOCAL

_LEAST_IN_BIN = 5  # expected in a bin, below which chi-square says nothing


def card(numbers: Statistics, about: dict[str, Any]) -> str:
    """The card in Markdown, with the header that the Hub reads.

    Args:
        about: what the manifest says, without the files.
    """
    splits = numbers.group("documents")
    sections = [
        _header(splits, numbers, about),
        "# Questions about long documents\n",
        _introduction(numbers, about),
        _contents(numbers, splits),
        _kinds(numbers),
        _evidence(numbers),
        _filters(numbers),
        _dropped(numbers),
        _made(about),
    ]
    return "\n".join(section for section in sections if section)


def _header(splits: dict[str, int], numbers: Statistics, about: dict[str, Any]) -> str:
    lines = ["---", "task_categories:", "- question-answering"]
    language = about["settings"]["documents"]["language"]
    if language != "any":
        lines += ["language:", f"- {language}"]
    lines += ["configs:"] if splits else []
    for kind in ("qa", "documents") if splits else ():
        lines += [f"- config_name: {kind}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {split}/{kind}.jsonl.gz"]
    return "\n".join([*lines, "---", ""])


def _introduction(numbers: Statistics, about: dict[str, Any]) -> str:
    return (
        f"{numbers.total('accepted'):,} question-answer pairs about {numbers.total('documents'):,} "
        "documents, each pair with the place of its evidence in characters of the document's "
        f"text. Made by {about['made_by']} with the model {_model(about)}; every pair "
        "passed the filters below, and those that did not are in `rejected/` with the reason.\n"
    )


def _contents(numbers: Statistics, splits: dict[str, int]) -> str:
    rows = [(split, f"{count:,}") for split, count in splits.items()]
    if not splits:
        return "## Documents\n\nThere is none, as no pair was accepted.\n"
    mean = numbers.counts["document_tokens"] / numbers.total("documents")
    text = (
        "## Documents\n",
        _table(("split", "documents"), rows),
        f"The mean length is {mean:,.0f} tokens.",
        "All pairs of a document are in one split.",
        "" if "validation" in splits else "No document fell into the validation split.",
        "",
        "![Length of the documents](plots/length.png)\n",
    )
    return "\n".join(text)


def _kinds(numbers: Statistics) -> str:
    planned, accepted = numbers.group("planned"), numbers.group("accepted")
    rows = [
        (kind, f"{planned.get(kind, 0):,}", f"{accepted.get(kind, 0):,}")
        for kind in KINDS
        if planned.get(kind)
    ]
    answers = numbers.group("yes_no")
    balance = (
        f"Of the yes/no questions {answers.get('yes', 0):,} have the answer yes and "
        f"{answers.get('no', 0):,} the answer no.\n"
        if answers
        else ""
    )
    table = _table(("kind", "planned", "accepted"), rows)
    return "\n".join(["## Pairs\n", table, balance, "![Kinds](plots/kinds.png)\n"])


def _evidence(numbers: Statistics) -> str:
    hops = numbers.group("hops")
    if not hops:
        return ""
    rows = [(pieces, f"{count:,}") for pieces, count in hops.items()]
    return "\n".join(
        [
            "## Evidence\n",
            _table(("pieces of evidence", "pairs"), rows),
            _depth(numbers),
            "",
            "![Depth of the evidence](plots/depth.png)\n",
        ]
    )


def _depth(numbers: Statistics) -> str:
    """Whether the single pieces lie evenly, as far as their number allows to say so."""
    depth = numbers.group("depth")
    bins = [depth.get(str(bin), 0) for bin in range(DEPTH_BINS)]
    if sum(bins) < _LEAST_IN_BIN * DEPTH_BINS:
        return (
            f"{sum(bins):,} single pieces are too few to say whether they lie evenly over the "
            "depth of the documents."
        )
    chance = even_p_value(bins)
    if chance > 0.01:
        return (
            "Single pieces lie at every depth of the documents; that they are spread evenly is "
            f"not refuted at p = {chance:.2f} (chi-square, ten bins)."
        )
    return (
        "Single pieces do not lie evenly over the depth of the documents "
        f"(chi-square over ten bins, p = {chance:.2g})."
    )


def _filters(numbers: Statistics) -> str:
    reasons = numbers.reasons()
    planned = max(1, numbers.total("planned"))
    rows = [
        (f"`{reason}`", explained, f"{count:,}", _share(count, planned))
        for reason, explained in REASONS.items()
        if (count := reasons.get(reason))
    ]
    accepted = numbers.total("accepted")
    rows.append(("accepted", "", f"{accepted:,}", _share(accepted, planned)))
    table = _table(("filter", "dropped where", "pairs", "of planned"), rows)
    return "\n".join(["## Filters\n", table, "![Pairs left](plots/filters.png)\n"])


def _dropped(numbers: Statistics) -> str:
    rows = [(f"`{reason}`", f"{count:,}") for reason, count in numbers.group("dropped").items()]
    if not rows:
        return ""
    return "\n".join(["## Documents left out\n", _table(("reason", "documents"), rows)])


def _made(about: dict[str, Any]) -> str:
    documents, pairs = about["settings"]["documents"], about["settings"]["pairs"]
    rows = [
        ("model", _model(about)),
        ("prompts", f"`{about['prompts']}`"),
        ("seed", str(pairs["seed"])),
        ("pairs planned for a document", str(pairs["pairs_per_document"])),
        ("least tokens of a document", f"{documents['min_tokens']:,} (`{documents['model']}`)"),
        ("inputs", ", ".join(f"`{name}`" for name in documents["inputs"])),
        ("decontaminated against", ", ".join(map(str, documents["decontaminate"])) or "nothing"),
    ]
    return "\n".join(["## How it was made\n", _table(("", ""), rows)])


def _model(about: dict[str, Any]) -> str:
    """The name on the endpoint, or the backbone that made the pairs in lcirc's own process."""
    if about["generator"] == LOCAL:
        return f"`{about['settings']['documents']['model']}` (`--generator local`)"
    return f"`{about['generator']}`"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
