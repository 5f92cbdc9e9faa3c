"""PDF pages read by where their letters stand: raised characters, columns, tables, fake bold,
turned pages, right-to-left text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.documents.pdf_bidi import logical
from lcirc_cli.documents.pdf_notes import PdfNotes
from lcirc_cli.documents.pdf_pdfium import PdfiumReader
from lcirc_cli.documents.reflow import Reflow

from .raw_pdf import objects, stream, write


def put(x: float, y: float, text: str, *, size: float = 10, more: str = "") -> str:
    """Page content that paints a text at a place."""
    text = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {more} 1 0 0 1 {x} {y} Tm ({text}) Tj ET"


def read(*pages: str, rotate: int = 0) -> tuple[list[str], list[str]]:
    """(texts, notes) of pages with this content; without a child process, which costs seconds."""
    made = objects([stream(page.encode("cp1252")) for page in pages])
    for i in range(len(pages)):
        made[4 + 2 * i] = made[4 + 2 * i].replace(b"/Parent", b"/Rotate %d /Parent" % rotate)
    return read_bytes(write(made))


def read_bytes(data: bytes) -> tuple[list[str], list[str]]:
    reader, reflow, notes = PdfiumReader(data, ""), Reflow(), PdfNotes()
    for number in range(1, reader.facts()["page_count"] + 1):
        answer = reader.page(number)
        reflow.add(answer["text"])
        notes.page({"page": number, **answer})
    return reflow.pages(), notes.lines()


def text(*parts: str) -> str:
    (page,), _ = read("\n".join(parts))
    return page


# --- raised and lowered ----------------------------------------------------------------------


def line_of(*parts: tuple[str, float, float], size: float = 12) -> str:
    """One line of (text, rise, size) parts, as word processors write it."""
    shown = " ".join(
        f"/F1 {part_size} Tf {rise} Ts ({text}) Tj".replace("()", "( )")
        for text, rise, part_size in parts
    )
    return f"BT 72 700 Td {shown} ET"


@pytest.mark.parametrize(
    ("before", "mark", "after", "right"),
    [
        ("held 3 x 10", "8", " cells", "held 3 x 10^8 cells"),
        ("a force of 2 x 10", "-3", " newtons", "a force of 2 x 10^-3 newtons"),
        ("the town had 250", "9", " people", "the town had 250 [9] people"),
        ("as the minutes say", "12", " and more", "as the minutes say [12] and more"),
        ("the end of it.", "3", " Then", "the end of it. [3] Then"),
        ("a floor of 40 m", "2", " in all", "a floor of 40 m^2 in all"),
        ("the 1", "st", " of May", "the 1st of May"),
        ("on the 22", "nd", " day", "on the 22nd day"),
        ("E = mc", "2", " for all", "E = mc^2 for all"),
        ("in 1890", "4, 5", " they", "in 1890 [4, 5] they"),
        ("so that sin", "2", " u = 1", "so that sin^2 u = 1"),
        ("as the minutes say", "[12]", " and more", "as the minutes say [12] and more"),
    ],
)
@pytest.mark.parametrize(("rise", "small"), [(5, 7), (4, 8), (3.5, 6.5)])
def test_raised_characters(
    before: str, mark: str, after: str, right: str, rise: float, small: float
) -> None:
    page = line_of((before, 0, 12), (mark, rise, small), (after, 0, 12))
    assert text(page) == right


def test_raised_characters_that_are_placed_one_by_one() -> None:
    """As TeX and drawing programs do: each piece has a place of its own, in any order."""
    page = [put(72, 700, "about 10"), put(125, 700, "metres"), put(109.5, 703.6, "6", size=7)]
    assert text(*page) == "about 10^6 metres"


def test_lowered_characters() -> None:
    page = line_of(
        ("H", 0, 12), ("2", -3, 8), ("O and x", 0, 12), ("max", -2.5, 8), (" rise", 0, 12)
    )
    assert text(page) == "H_2O and x_max rise"


def test_a_footnote_is_apart_from_the_running_text() -> None:
    page = [
        put(72, 700, "The committee met and talked of the harbour without any result at all, and"),
        put(72, 688, "after three years of talks the breakwater was finally paid for by"),
        put(72, 100, "7 See the minutes of the board, folder 12.", size=8),
        put(300, 60, "3"),
    ]
    assert text(*page).split("\n\n")[1:] == [
        "7 See the minutes of the board, folder 12.",
        "3",
    ]


def test_a_footnote_near_its_text_is_apart_too() -> None:
    page = [
        put(72, 136, "The committee met and talked of the harbour without any result at all, and"),
        put(72, 122, "the breakwater was paid for by the widow of the shipowner"),
        put(72, 106, "7 See the minutes of the board, folder 12.", size=8),
    ]
    assert "shipowner\n\n7 See the minutes" in text(*page)


# --- columns -----------------------------------------------------------------------------------

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


# --- tables ------------------------------------------------------------------------------------

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


# --- letters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0, 0), (0.3, 0), (0.2, 0.2), (0.8, -0.8)])
def test_fake_bold_and_shadows_are_read_once(shift: tuple[float, float]) -> None:
    words = "The balloon will sell all bills, 1,100 of them"
    page = [put(72, 700, words), put(72 + shift[0], 700 + shift[1], words), put(72, 680, "Next.")]
    assert text(*page).startswith(words + "\n") or text(*page) == f"{words} Next."


def test_letters_set_apart_are_words() -> None:
    spaced = "BT /F1 12 Tf 3 Tc 72 700 Td (ANNUAL REPORT) Tj ET"
    assert text(spaced) == "ANNUAL REPORT"


def test_words_without_spaces_between_them() -> None:
    page = "BT /F1 12 Tf 72 700 Td [(The) -250 (mill) -220 (of) -300 (A) 80 (V) 70 (A)] TJ ET"
    assert text(page) == "The mill of AVA"


def test_a_drop_capital() -> None:
    page = [
        put(60, 676, "T", size=42),
        put(88, 700, "he mill at Arden was built in 1702 by the two brothers Holm,"),
        put(88, 688, "who had come from the coast. It ground rye and barley until"),
        put(60, 664, "the flood of 1788, when the wheel was swept away and both of them"),
        put(60, 652, "moved to the coast again."),
    ]
    assert text(*page).startswith("The mill at Arden was built in 1702 by the two")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_pages(turn: int) -> None:
    """The page is shown turned, and its text is painted so that it is upright then."""
    matrix = {0: "1 0 0 1 72 700", 90: "0 1 -1 0 100 72", 180: "-1 0 0 -1 500 100"}
    matrix[270] = "0 -1 1 0 500 700"
    page = f"q {matrix[turn]} cm {put(0, 0, 'Upright words.')} {put(0, -14, 'More of them.')} Q"
    (found,), _ = read(page, rotate=turn)
    assert found.split() == "Upright words. More of them.".split()


def test_words_at_the_side_follow_the_text() -> None:
    page = [put(72, 700, "Upright words."), f"q 0 1 -1 0 40 300 cm {put(0, 0, 'At the side.')} Q"]
    assert text(*page) == "Upright words.\n\nAt the side."


def test_the_text_layer_of_a_scan_is_read() -> None:
    assert text(put(72, 700, "Found by OCR.", more="3 Tr")) == "Found by OCR."


def test_code_keeps_its_remarks() -> None:
    page = []
    for i, (code, remark) in enumerate((("v0 := load", "// primes"), ("v1 := add", "// one"))):
        page += [put(60, 700 - 12 * i, code), put(160, 700 - 12 * i, remark)]
    assert text(*page) == "v0 := load // primes\nv1 := add // one"


RTL_FONT = "DejaVuSans.ttf"


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("בשנת 1702 נבנתה הטחנה", "בשנת 1702 נבנתה הטחנה"),
        ("המחיר היה 1,250 שקל", "המחיר היה 1,250 שקל"),
        ("חברת Holm קנתה 12 סירות", "חברת Holm קנתה 12 סירות"),
    ],
)
def test_right_to_left_text_with_numbers(written: str, right: str) -> None:
    """Painted from the right; the file gives no order but that of the places."""
    fpdf = pytest.importorskip("fpdf")
    import matplotlib

    pdf = fpdf.FPDF()
    pdf.add_font("deja", fname=Path(matplotlib.get_data_path()) / "fonts/ttf" / RTL_FONT)
    pdf.set_font("deja", size=12)
    pdf.add_page()
    pdf.text(20, 20, logical(written))  # what is seen is what is read, turned round
    assert read_bytes(bytes(pdf.output()))[0] == [right]
