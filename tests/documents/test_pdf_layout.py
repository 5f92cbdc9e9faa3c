"""PDF pages read by where their letters stand: raised characters, columns, tables, fake bold,
turned pages, right-to-left text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.documents.pdf_bidi import logical

from .laid_out import put, read, read_bytes, text


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
