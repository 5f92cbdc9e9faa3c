"""Tables in the window: the rows that a question names, with their header's words."""

from __future__ import annotations

import pytest

from lcirc_cli.evidence import table_rows
from lcirc_cli.evidence.index import PassageIndex
from tests.evidence.memories import memory

MARKDOWN = """Before it.

| Planet | Diameter (km) | Moons |
|---|---|---|
| Saturn | 120,536 | 146 |
| Uranus | 51,118 | 28 |
| Neptune | 49,528 | 16 |

Behind it: Saturn has rings."""


def with_named_rows(text: str, question: str, *, before: str = "") -> str:
    (shown,) = table_rows.with_named_rows([text], question, before=[before])
    return shown


def test_only_the_named_row_is_left() -> None:
    shown = with_named_rows(MARKDOWN, "What is known of Uranus?")
    assert shown == (
        "Before it.\n\nPlanet: Uranus; Diameter (km): 51,118; Moons: 28\n\n"
        "Behind it: Saturn has rings."
    )


def test_a_header_may_have_nothing_above_the_labels() -> None:
    table = "Price\tArea\tRooms\n01\t52.0\t111\t8\n02\t54.7\t128\t7\n03\t57.5\t101\t10\n"
    shown = with_named_rows(table, "What is the price of house 03?")
    assert shown == "03; Price: 57.5; Area: 101; Rooms: 10\n"
    uneven = table.replace("\t128", "")
    assert with_named_rows(uneven, "What is the price of house 03?") == uneven


def test_several_named_rows_are_left() -> None:
    shown = with_named_rows(MARKDOWN, "How many moons have Uranus and Neptune?")
    assert "Uranus;" in shown and "Neptune;" in shown and "120,536" not in shown


def test_a_row_is_named_by_any_cell() -> None:
    assert "Planet: Saturn;" in with_named_rows(MARKDOWN, "Which planet has 146 moons?")


@pytest.mark.parametrize(
    "question",
    [
        "How are the rings seen?",  # no row
        "Which planet has more moons than Uranus?",  # compares
        "Which is the largest planet, Saturn or another?",
        "",
    ],
)
def test_what_names_no_row_or_compares_leaves_the_table(question: str) -> None:
    assert with_named_rows(MARKDOWN, question) == MARKDOWN


def test_a_word_in_passing_names_no_row() -> None:
    covers = (
        "Thing\tLimit\tCondition\nBikes\t2,000\tlocked\n"
        "Jewels\t5,000\tstolen from a safe\nCash\t300\tat home\n"
    )
    question = "How much is paid for a stolen bicycle?"
    assert with_named_rows(covers, question) == covers
    # Where another text names what is asked for, the word beside it cuts this table too.
    texts = [covers, "Make\tBicycle lock\tYear\nOx\tchain\t2019\nBicycle\tbar\t2020\n"]
    shown = table_rows.with_named_rows(texts, question, before=["", ""])
    assert shown[0] == "Thing: Jewels; Limit: 5,000; Condition: stolen from a safe\n"


def test_a_code_names_its_row_in_any_column() -> None:
    faults = "Group\tCode\tMeaning\nPump\tP3\tblocked\nPump\tP4\tno current\nFan\tF10\tdirty\n"
    assert with_named_rows(faults, "My machine stopped and its screen reads P4, why?") == (
        "Group: Pump; Code: P4; Meaning: no current\n"
    )
    assert with_named_rows(faults, "My machine stopped and somebody says it is dirty") == faults


def test_words_of_every_row_name_none() -> None:
    rows = "Item\tKept for\tFine\nBook\t4 weeks\t2 euros\nFilm\t1 week\t5 euros\n"
    rows += "Game\t3 weeks\t3 euros\n"
    assert with_named_rows(rows, "For how many weeks, and for how many euros?") == rows
    assert (
        with_named_rows(rows, "What of a film?") == "Item: Film; Kept for: 1 week; Fine: 5 euros\n"
    )


def test_a_row_of_two_keys_is_named_by_both() -> None:
    rows = "Town\tYear\tBirths\nNorth\t2020\t41\nNorth\t2021\t44\n"
    rows += "South\t2020\t30\nSouth\t2021\t31\n"
    assert with_named_rows(rows, "How many births had North in 2020?") == (
        "Town: North; Year: 2020; Births: 41\n"
    )


def test_cells_may_stand_below_one_another() -> None:
    text = (
        "Offers were read out.\n\n"
        "    Firm               Price    Delivery     Guarantee\n"
        "    Ox & Field         1,240    3 weeks      2 years\n"
        "    Lower Pumps          385    1 week       3 years\n"
        "    Stone              1,170    8 weeks      1 year\n\n"
        "The second was taken."
    )
    assert with_named_rows(text, "What is the guarantee of Lower Pumps?") == (
        "Offers were read out.\n\n"
        "Firm: Lower Pumps; Price: 385; Delivery: 1 week; Guarantee: 3 years\n\n"
        "The second was taken."
    )


def test_typed_prose_with_wide_spaces_is_no_table() -> None:
    text = (
        "The  hall was let.  Nobody came to see it.  The\n"
        "secretary wrote it  down.  Then they  all went\n"
        "home, as it was  late.  It had  rained all day.\n"
    )
    assert with_named_rows(text, "Who wrote it down in the hall?") == text


def test_years_can_be_a_header() -> None:
    rows = "\t2022\t2023\t2024\nSales\t8,903\t9,671\t11,240\nWages\t2,310\t2,465\t2,733\n"
    assert with_named_rows(rows, "What were wages in these years?") == (
        "Wages; 2022: 2,310; 2023: 2,465; 2024: 2,733\n"
    )
    assert with_named_rows(rows, "What were wages in 2023?") == "Wages; 2023: 2,465\n"
    assert with_named_rows(rows, "How did wages rise from 2022 to 2024?") == (
        "Wages; 2022: 2,310; 2024: 2,733\n"
    )
    assert with_named_rows(rows, "What were wages in 2019?").count(":") == 3


def test_merged_cells_above_two_columns_are_joined_with_what_is_below() -> None:
    rows = (
        "Ticket\tAdults\tAdults\tChildren\tChildren\n"
        "Ticket\tTown\tAll zones\tTown\tAll zones\n"
        "Day\t7.50\t12.00\t3.70\t6.00\nMonth\t62.00\t98.00\t31.00\t49.00\n"
    )
    assert with_named_rows(rows, "What is a month for children?") == (
        "Ticket: Month; Adults, Town: 62.00; Adults, All zones: 98.00; Children, Town: 31.00; "
        "Children, All zones: 49.00\n"
    )


@pytest.mark.parametrize(
    "rows",
    [
        "Saturn\t120,536\t146\nUranus\t51,118\t28\nNeptune\t49,528\t16\n",  # no header
        "Name\tUranus\nMoons\t28\n",  # two columns are read as they stand
        "Planet\tMoons\tYear\nUranus\t28\nSaturn\t146\t29\n",  # a row of another width
        "Planet\t\tMoons\nUranus\tx\t28\nSaturn\ty\t146\n",  # a column without words
    ],
)
def test_a_table_whose_columns_cannot_be_told_stays(rows: str) -> None:
    assert with_named_rows(rows, "How many moons has Uranus?") == rows


def test_the_header_may_stand_before_the_text() -> None:
    header = "Intro.\nPlanet\tMoons\tYear\nSaturn\t146\t29\n"
    rows = "Uranus\t28\t84\nMars\t2\t1.9\n"
    question = "How many moons has Uranus?"
    assert with_named_rows(rows, question) == rows
    assert with_named_rows(rows, question, before=header) == "Planet: Uranus; Moons: 28; Year: 84\n"
    assert with_named_rows(rows, question, before=f"{header}\nBetween.\n") == rows
    endless = "Saturn\t146\t29\n" * 2000
    assert with_named_rows(rows, question, before=f"Planet\tMoons\tYear\n{endless}") == rows


def test_a_header_that_a_long_table_repeats_is_no_row() -> None:
    header = "Planet\tMoons\tYear\n"
    rows = f"{header}Uranus\t28\t84\n{header}Saturn\t146\t29\n"
    shown = with_named_rows(rows, "How many moons has the planet Saturn?")
    assert shown == "Planet: Saturn; Moons: 146; Year: 29\n"


def test_a_passage_is_shown_with_its_named_rows() -> None:
    index = PassageIndex(memory(MARKDOWN))
    assert index.shown(list(index.passages)) == [MARKDOWN]
    (shown,) = index.shown(list(index.passages), question="How many moons has Uranus?")
    assert "Planet: Uranus;" in shown and "Neptune" not in shown


def test_a_table_over_two_passages_is_one_and_cut_rows_are_whole() -> None:
    header = "| Mountain | Country | Height (m) | Season |\n|---|---|---|---|\n"
    rows = [f"| Peak {n} | Land {n} of the far north | {4000 + n} | May |\n" for n in range(40)]
    text = f"{header}{''.join(rows)}\nBehind it."
    index = PassageIndex(memory(text))
    first, second = index.passages[0], index.passages[1]
    assert text[first.end - 1] != "\n" and second.start < text.index("Behind")
    cut = text[: second.start].count("\n") - 2  # the row that the end of the first cuts
    (shown,) = index.shown([first, second], question=f"How high is Peak {cut}?")
    assert f"Peak {cut}; Country: Land {cut} of the far north; Height (m): {4000 + cut};" in shown
    assert "Peak 3;" not in shown and "Peak 3 " not in shown
    (alone,) = index.shown([second], question=f"How high is Peak {cut + 2}?")
    assert f"Mountain: Peak {cut + 2}; Country:" in alone


def test_a_table_of_a_hundred_thousand_rows_takes_no_time_in_its_square() -> None:
    rows = "A\tB\tC\n" + "".join(f"r{n}\t{n}\t{n + 1}\n" for n in range(100_000))
    assert with_named_rows(rows, "What is B of r77777?") == "A: r77777; B: 77777; C: 77778\n"
