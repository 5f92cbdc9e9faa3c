"""Where an answer ends that the limit of tokens cuts."""

from __future__ import annotations

import pytest

from lcirc_cli.answering.cuts import whole_words


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ("the brewer Jon", "the brewer "),
        ("14 June 17", "14 June "),
        ("1", ""),  # better nothing than a number that is none
        ("costs 3.", "costs "),  # 3.50?
        ("It was Jonas Pell.", "It was Jonas Pell."),
        ('He said "no."', 'He said "no."'),
        ("the brewer ", "the brewer "),
        ("first line\n", "first line\n"),
        ("경첩\ufffd", ""),
        ("문의 경첩\ufffd\ufffd", "문의 "),
        ("工厂由李\ufffd", "工厂由李"),
        ("ประตูบาน", "ประตูบาน"),
        ("", ""),
    ],
)
def test_half_words_are_left_out(cut: str, kept: str) -> None:
    assert whole_words(cut) == kept
