"""PDF pages with columns, tables and lists: what is read row by row, and what is not."""

from __future__ import annotations

import pytest

from .laid_out import put, read, text

LEFT = [
    "The mill at Arden was built in 1702",
    "by the brothers Holm. It ground rye",
    "and barley until the flood of 1788,",
    "when the wheel was swept away and",
    "the owners moved to the coast.",
]


RIGHT = [
    "The church at Arden was finished in",
    "1650 after a long quarrel about the",
    "tower. Its bell was cast in Lund and",
    "weighs two tonnes. It was rung for",
    "the last time in the year 1944.",
]


def two_columns(*, across: bool, shift: float = 0, top: float = 700) -> list[str]:
    left = [put(60, top - 13 * i, line) for i, line in enumerate(LEFT)]
    right = [put(310, top - shift - 13 * i, line) for i, line in enumerate(RIGHT)]
    if across:
        return [part for pair in zip(left, right, strict=True) for part in pair]
    return [*left, *right]


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shift", [0, 2, 6])
def test_columns_are_read_one_after_the_other(across: bool, shift: float) -> None:
    found = text(*two_columns(across=across, shift=shift))
    assert "The mill at Arden was built in 1702 by the brothers Holm." in found
    assert "finished in 1650 after a long quarrel" in found
    assert found.index("coast.") < found.index("The church")


@pytest.mark.parametrize("across", [True, False])
def test_headings_over_both_columns_stay_where_they_are(across: bool) -> None:
    page = [
        put(60, 740, "A short history of Arden, its mill and its church, in two columns of text"),
        *two_columns(across=across),
        put(
            60, 620, "The second part tells of the coast, to which the owners of the mill moved on"
        ),
        *two_columns(across=across, top=600),
    ]
    found = text(*page)
    order = [
        "A short history",
        "The mill",
        "The church",
        "The second part",
        "The mill",
        "The church",
    ]
    at = 0
    for words in order:
        at = found.index(words, at) + 1


def test_three_columns() -> None:
    columns = [
        [f"{name} line {i} tells a bit" for i in ("one", "two", "three", "four", "five", "six")]
        for name in ("Alpha", "Beta", "Gamma")
    ]
    page = [
        put(50 + 180 * c, 700 - 12 * i, column[i])
        for i in range(6)
        for c, column in enumerate(columns)
    ]
    found = " ".join(text(*page).split())
    assert found == " ".join(line for column in columns for line in column)


@pytest.mark.parametrize(("left", "below"), [(400, 700), (400, 693), (40, 700)])
def test_a_few_lines_beside_running_text_are_no_cells(left: int, below: int) -> None:
    story = [
        "The mill at Arden was built in 1702 by",
        "the brothers Holm and ground rye until",
        "the flood of 1788, when its wheel was",
        "swept away and the owners moved off to",
        "the coast with all their goods and two",
        "of the five horses that they had owned",
        "for the years of their work in Arden.",
    ]
    box = ["Opening hours", "Monday 9 to 12", "Tuesday 10 to 5", "closed in May"]
    page = [put(160, 700 - 14 * i, line) for i, line in enumerate(story)]
    page += [put(left, below - 12 * i, line, size=9) for i, line in enumerate(box)]
    found = " ".join(text(*page).split())
    assert " ".join(story) in found and " ".join(box) in found


def test_a_table_of_words_is_read_row_by_row() -> None:
    rows = [("Country", "Capital", "Language"), ("Austria", "Vienna", "German")]
    rows += [("Denmark", "Copenhagen", "Danish"), ("Finland", "Helsinki", "Finnish")]
    page = [
        put(60 + 150 * c, 700 - 14 * r, cell)
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
    ]
    assert text(*page).split("\n") == ["\t".join(row) for row in rows]


def test_a_table_of_sentences_is_no_two_columns() -> None:
    """Its first column is no running text, so the others aren't columns of the page."""
    rows = [
        ("code", "meaning of the number in words", "what to do"),
        ("0", "the command did what was asked", "nothing at all"),
        ("2", "the command line or a setting is wrong", "read the line, or --help"),
        ("3", "a document cannot be read by it", "check the file; run OCR"),
        ("4", "a model or adapter is missing here", "pull it, or ingest again"),
        ("5", "a memory file is corrupt or too old", "copy it again, or ingest"),
        ("6", "out of memory while it was reading", "a smaller model or document"),
    ]
    page = [
        put((60, 130, 360)[c], 700 - 14 * r, cell)
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
    ]
    assert text(*page).split("\n") == ["\t".join(row) for row in rows]


def test_what_may_be_two_columns_is_told() -> None:
    left = [
        "A pump of iron",
        "A ladder of oak wood",
        "A boat",
        "A net for the herring",
        "A rope, new",
    ]
    right = [
        "Repaired in May",
        "Sold to the town of Lund",
        "Lost at sea",
        "Mended twice",
        "Burnt in 1788",
    ]
    page = [
        put(60 + 200 * c, 700 - 14 * r, cell)
        for r, row in enumerate(zip(left, right, strict=True))
        for c, cell in enumerate(row)
    ]
    (found,), notes = read("\n".join(page))
    assert "A boat\tLost at sea" in found
    assert notes == ["page 1 looks like two columns, read across"]


TABLE = [
    ["Orchard", "2019", "2020", "2021"],
    ["Elm Hill", "14", "18", "11"],
    ["Fox Dale", "31", "27", "36"],
    ["Grey Bank", "22", "", "25"],
    ["Low Field", "9", "12", "13"],
]


@pytest.mark.parametrize("end", ["", "T*"])
@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("by_column", [True, False])
def test_table_rows(end: str, words: bool, by_column: bool) -> None:
    """Cell by cell as reportlab writes them, word by word as drawing programs do."""
    cells = []
    for r, row in enumerate(TABLE):
        for c, cell in enumerate(row):
            x, y = (216, 281, 316, 350)[c], 699 - 18 * r
            for word in cell.split(" ") if words else [cell]:
                part = put(x, y, word, more="12 TL").replace(" ET", f" {end} ET")
                cells.append((c if by_column else 0, len(cells), part))
                x += 6.2 * len(word) + 2.8
    page = [part for _, _, part in sorted(cells)]
    assert text(*page).split("\n") == ["\t".join(row) for row in TABLE]


def test_numbers_to_the_right() -> None:
    page = [
        put(60, 700, "Item"), put(300, 700, "Price"), put(360, 700, "Paid"),
        put(60, 680, "A pump of iron"), put(306, 680, "1,250"), put(360, 680, "yes"),
        put(60, 660, "A ladder"), put(317, 660, "40"), put(360, 660, "no"),
    ]  # fmt: skip
    assert text(*page).split("\n") == [
        "Item\tPrice\tPaid",
        "A pump of iron\t1,250\tyes",
        "A ladder\t40\tno",
    ]


def test_lists_are_no_tables() -> None:
    page = []
    for i, words in enumerate(("Feed the cat at noon", "Sweep the stairs", "Lock the door")):
        page += [put(60, 700 - 14 * i, f"{i + 1}."), put(90, 700 - 14 * i, words)]
    assert text(*page) == "1. Feed the cat at noon\n2. Sweep the stairs\n3. Lock the door"
