"""The passage index: what it finds, what it makes of odd questions, ties, fusion."""

from __future__ import annotations

import numpy as np
import pytest

from lcirc_cli.evidence import PassageIndex, fuse, ranking
from lcirc_cli.evidence.terms import terms

from .memories import memory, sentences

ANIMALS = ["otter", "badger", "heron", "weasel", "falcon", "beaver", "hedgehog", "squirrel"]


@pytest.fixture(scope="module")
def index() -> PassageIndex:
    """Each animal has four sentences of its own, so that passages differ."""
    texts = [sentences(*[animal] * 4) for animal in ANIMALS]
    return PassageIndex(memory("\n\n".join(texts[:4]), "\n\n".join(texts[4:])))


@pytest.mark.parametrize("animal", ANIMALS)
def test_finds_the_passage(index: PassageIndex, animal: str) -> None:
    scores = index.scores(f"What did the {animal}s do?")
    assert scores.shape == (len(index.passages),)
    best = int(ranking(scores)[0])
    assert animal in index.text(best)
    others = [n for n in range(len(scores)) if abs(n - best) > 1]
    assert scores[others].max() == 0  # beside it a part of its score, elsewhere nothing


def test_neighbours_count_within_a_document_only(index: PassageIndex) -> None:
    last_of_first = [p.document for p in index.passages].index(1) - 1
    scores = index.scores("weasel")
    assert scores[last_of_first] > scores[last_of_first - 1] > 0
    assert scores[last_of_first + 1] == 0


@pytest.mark.parametrize("question", ["", "  ", "?!", "of the and", "zebra quagga", "🦓", "\0"])
def test_nothing_shared_is_all_zeros(index: PassageIndex, question: str) -> None:
    scores = index.scores(question)
    assert scores.shape == (len(index.passages),) and not scores.any()
    assert ranking(scores).tolist() == list(range(len(scores)))


@pytest.mark.parametrize("texts", [("",), ("   ",), ("the of and",), ("...",), ("", "")])
def test_memories_without_words(texts: tuple[str, ...]) -> None:
    index = PassageIndex(memory(*texts))
    assert index.scores("anything at all").shape == (len(index.passages),)
    assert not index.scores("anything at all").any()
    assert index.idf("anything") > 0


def test_equal_passages_keep_their_order() -> None:
    paragraph = sentences("otter", "badger", "heron", words=33)
    index = PassageIndex(memory(*[paragraph] * 5))
    scores = index.scores("otter")
    assert len(set(scores.tolist())) == 1
    assert ranking(scores).tolist() == [0, 1, 2, 3, 4]


def test_the_same_every_time(index: PassageIndex) -> None:
    again = PassageIndex(index.texts)
    assert again.scores("the otter and the heron").tolist() == (
        index.scores("the otter and the heron").tolist()
    )


def test_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    PassageIndex(memory(sentences(*ANIMALS))).scores("otter")
    assert capfd.readouterr() == ("", "")


def test_pairs_tell_phrases_from_scattered_words() -> None:
    phrase = "The white house stood on a hill and everyone saw the tower there."
    scattered = "The house stood on a hill and everyone saw the white tower there."
    index = PassageIndex(memory(scattered, phrase))
    assert ranking(index.scores("Where is the white house?"))[0] == 1


def test_a_table_of_contents_comes_after_the_chapter() -> None:
    table = "\n".join(f"{n} {a.title()} ... {n * 7}" for n, a in enumerate(ANIMALS, start=1))
    chapter = "Nobody has seen where the heron sleeps, although many have looked for it at night."
    index = PassageIndex(memory(table, chapter))
    assert ranking(index.scores("heron"))[0] == 1
    assert index.scores("heron")[0] > 0  # and is still found where nothing else is


def test_cjk_is_found_by_pairs_of_characters() -> None:
    index = PassageIndex(memory("猫は屋根の上で眠る。", "犬は庭で骨を掘る。"))
    assert ranking(index.scores("犬はどこにいる？"))[0] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("running", "runs"),
        ("stopped", "stop"),
        ("cities", "city"),
        ("makes", "making"),
        ("Café", "cafe"),
        ("cafe\u0301", "CAFÉ"),
        ("1,000", "1000"),
        ("classes", "class"),
        ("STRASSE", "straße"),
        ("happily", "happy"),
        ("ＷＩＤＥ　ｆｏｒｍｓ", "wide forms"),
        ("ﬁnance", "finance"),
        ("inter\u00adnational", "international"),
        ("inter\u00ad\nnational", "international"),
        ("O’Brien", "O'Brien"),
        ("Hawaiʻi", "Hawai'i"),
        ("km²", "km2"),
        ("ﾃﾚﾋﾞ", "テレビ"),
        ("東京\n都", "東京都"),
        ("サービ\u200bス", "サービス"),
        ("the U.S. army", "the US army"),
        ("at 5 p.m. sharp", "at 5 pm sharp"),
        ("Smørrebrød", "smorrebrod"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other) != []


@pytest.mark.parametrize(
    ("one", "other"),
    [("3.9.4", "3.9.5"), ("bus", "bu"), ("glass", "gla"), ("10⁸", "108"), ("1½", "11")],
)
def test_other_words_are_other_terms(one: str, other: str) -> None:
    assert terms(one) != terms(other)


def test_terms() -> None:
    assert terms("What did the king's otters do?") == ["king", "otter"]
    assert terms("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert terms("東京都") == ["東京", "京都", "東", "京", "都"] and terms("猫") == ["猫"]


def test_a_word_cut_at_a_line_end_is_found_whole() -> None:
    assert "international" in terms("an inter-\nnational treaty")
    assert {"well", "known"} <= set(terms("a well-\nknown treaty"))  # the hyphen may be its own


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("この美術館は1998年3月に開館した。", "3月"),
        ("この美術館は1998年3月に開館した。", "館"),
        ("본사는 서울에서 부산으로 옮겼다.", "서울은"),
        ("본사는 서울에서 부산으로 옮겼다.", "울"),
        ("พิพิธภัณฑ์เปิดในเดือนมีนาคม", "มีนาคม"),
        ("ຫໍສະໝຸດແຫ່ງຊາດລາວ", "ຫໍສະໝຸດ"),
        ("បណ្ណាល័យជាតិកម្ពុជា", "បណ្ណាល័យ"),
        ("图书馆在北京，用Linux服务器。", "Linux服务器"),
        ("图书馆在北京，用Linux服务器。", "京"),
    ],
)
def test_scripts_without_spaces_or_with_particles(text: str, query: str) -> None:
    index = PassageIndex(memory("An English text about 1997.", text))
    assert ranking(index.scores(query))[0] == 1 and index.scores(query)[1] > 0


def test_a_name_that_the_index_never_holds_tells_nothing(index: PassageIndex) -> None:
    assert index.idf("WHO") == 0.0 < index.idf("otter")
    assert not index.scores("the WHO").any()


def test_idf_is_highest_for_what_is_not_there(index: PassageIndex) -> None:
    assert index.idf("zebra") > index.idf("otter") > 0


# --- fusion ---------------------------------------------------------------------------------


def test_fusion_by_hand() -> None:
    first, second = np.array([3.0, 2.0, 1.0]), np.array([0.0, 5.0, 9.0])
    expected = [1 / 61 + 1 / 63, 2 / 62, 1 / 63 + 1 / 61]
    assert fuse([first, second]) == pytest.approx(expected, abs=1e-12)
    assert ranking(fuse([first, second])).tolist() == [0, 2, 1]


def test_a_ranking_that_knows_nothing_changes_nothing() -> None:
    scores = np.array([0.1, 7.0, 3.0, 3.0, -2.0])
    fused = fuse([scores, np.zeros(5)])
    assert ranking(fused).tolist() == ranking(scores).tolist()
    assert fused[2] == fused[3]


def test_fusion_of_one_keeps_the_order() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    assert ranking(fuse([scores])).tolist() == ranking(scores).tolist()


@pytest.mark.parametrize("rankings", [[], [np.zeros(3), np.zeros(4)]])
def test_fusion_refuses_what_does_not_match(rankings: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="same length"):
        fuse(rankings)
