"""The item of a numbered list that a question names is shown alone."""

from __future__ import annotations

import pytest

from lcirc_cli.evidence.list_items import with_named_items

RULES = (
    "Rules\n\n1. Wipe your boots.\n2) Ring the bell once.\n(3) Feed the cat at noon.\n\nAfterwards."
)
CONTRACT = (
    "4. Payment\n4.1 The buyer pays.\nWithin thirty days.\n4.2 Interest is 5 %.\n4.2.1 Monthly.\n"
    "4.3 No set-off.\n\n5. Term\nTen years.\n\nNot longer.\n\n6. Law\nEnglish.\n\nOf today."
)


@pytest.mark.parametrize(
    ("text", "question", "shown"),
    [
        (RULES, "What does rule 2 say?", "Rules\n\nRule 2: Ring the bell once.\n\nAfterwards."),
        (
            RULES,
            "What is rule 2 of the first edition?",
            "Rules\n\nRule 2: Ring the bell once.\n\nAfterwards.",
        ),
        (RULES, "what is Rule No. 3?", "Rules\n\nRule 3: Feed the cat at noon.\n\nAfterwards."),
        (
            RULES,
            "Which rule is about the cat?",
            "Rules\n\nRule 3: Feed the cat at noon.\n\nAfterwards.",
        ),
        (CONTRACT, "What does clause 4.2 say?", "Clause 4.2: Interest is 5 %.\n4.2.1 Monthly."),
        (
            CONTRACT,
            "Which clause deals with interest?",
            "Clause 4.2: Interest is 5 %.\n4.2.1 Monthly.",
        ),
        (CONTRACT, "What is in section 5?", "Section 5: Term\nTen years.\n\nNot longer."),
        (CONTRACT, "What does article 6 say?", "Article 6: Law\nEnglish.\n\nOf today."),
        ("a. Keys.\nb. Wells.\nc. Dogs.", "What does item (b) require?", "Item b: Wells."),
        ("Rule 7: Oars.\nRule 8: Sails.", "What does rule 8 say?", "Rule 8: Sails."),
        ("Article 1 – Name\nArticle 2 – Seat", "What is article 2?", "Article 2: Seat"),
    ],
)
def test_the_item_that_is_named(text: str, question: str, shown: str) -> None:
    (found,) = with_named_items([text], question)
    assert found == shown


@pytest.mark.parametrize(
    "question",
    [
        "What does rule 9 say?",  # there is none
        "What happens at noon?",  # no item is named
        "Which rule is about horses?",
        "Is this a section a person reads?",  # a letter, but no label
        "How many rules are there?",
        "What comes after rule 2?",
        "Is rule 2 the first rule?",
        "What do rule 2 and the last two say?",
        "Does rule 2 come first?",
        "What do rules 1 and 2 say?",
        "What do rules 1-3 say?",
        "What rules are there about the cat?",
    ],
)
def test_a_list_stays_where_no_item_of_it_is_named(question: str) -> None:
    assert with_named_items([RULES], question) == [RULES]


def test_an_item_that_two_lists_have_changes_nothing() -> None:
    texts = [RULES, "Costs\n\n1. Ten.\n2. Twenty."]
    assert with_named_items(texts, "What does rule 2 say?") == texts
    assert with_named_items(texts, "What does rule 3 say?")[1] == texts[1]


def test_numbers_that_begin_lines_by_chance_are_no_list() -> None:
    text = "He was born on March\n3. April came, and on\n17. May he left; see rule 3."
    assert with_named_items([text], "What does rule 3 say?") == [text]
