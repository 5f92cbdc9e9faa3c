"""The words' index that a memory file keeps: what it is made by has a number."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lcirc_cli.evidence import Text, words_of
from lcirc_cli.evidence.words import VERSION
from lcirc_cli.memory.words import CONTENTS

# Of the index of `words_sample.txt`, a page with headings, a table and formulas.
MADE_BY = {3: "9291894cc229d6e3c7d8399a5f4888f085cc4545f79e216f1fdf42cf22b136c4"}
SAMPLE = Path(__file__).with_name("words_sample.txt")


def made_from(text: str) -> str:
    starts = np.arange(0, len(text), 4)
    words = words_of([Text("sample", text, starts)])
    whole = words.passages.tobytes() + words.vocabulary + words.term_ids.tobytes()
    return hashlib.sha256(whole).hexdigest()


def test_other_rules_have_another_version() -> None:
    """An index in a file is used as long as the version is the same.

    Fails where terms or passages are made otherwise: raise VERSION in lcirc_cli/evidence/words.py,
    and write the new hash here.
    """
    assert MADE_BY[VERSION] == made_from(SAMPLE.read_text("utf-8"))


@pytest.mark.parametrize("leader", [" ........ ", "\t"])
def test_a_table_of_contents_is_marked(leader: str) -> None:
    table = "\n".join(
        f"{n}. A chapter of the book{leader}{n * 7}\nA part of it{leader}{n * 7 + 2}"
        for n in range(40)
    )
    text = f"{table}\n\n" + "The mill burned in the night and was built again. " * 30
    words = words_of([Text("book", text, np.arange(0, len(text), 4))])
    marks = words.passages[:, CONTENTS].tolist()
    assert marks[0] == 1 and marks[-1] == 0


def test_no_text_has_no_passages() -> None:
    words = words_of([Text("none", "", np.zeros(0, np.int64))])
    assert words.counts.tolist() == [0] and words.passages.shape == (0, 6)
    assert words.vocabulary == b"" and len(words.term_ids) == 0
