"""Which questions a step sees, and that evidence stays where the text has it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcirc_cli.answering.windows import build_prompt, make_window
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.errors import DocumentError
from lcirc_cli.evidence import PassageIndex, Text, ranking
from lcirc_cli.training.data.corpus import Corpus, load_corpus, select, tokenise
from lcirc_cli.training.data.passages import sample_index, shown_texts
from lcirc_cli.training.data.samples import draw_segment_length

from .conftest import Planted, make_sampler, tokens_of, write_planted


@pytest.mark.parametrize(
    "settings",
    [
        {"unanswerable": 0.0},
        {"unanswerable": 0.0, "document_tokens": 96, "lengths": (16, 16)},
        {"unanswerable": 0.0, "join_tokens": 2000, "lengths": (8, 40)},
        {"unanswerable": 0.0, "document_tokens": 96, "join_tokens": 900, "lengths": (16, 16)},
    ],
)
def test_evidence_points_at_the_fact(corpus: tuple[Corpus, Any], settings: dict[str, Any]) -> None:
    documents, backbone = corpus
    sampler = make_sampler(documents, seed=3, **settings)
    for step in range(30):
        sample = sampler.sample(step, 0)
        ids = tokens_of(documents, sample)
        assert len(ids) >= settings.get("join_tokens", 0)
        for asked in sample.asked:
            (start, end), *_ = asked.evidence
            assert f"code is {asked.answer}" in backbone.tokenizer.decode(ids[start:end])


def test_order_depends_on_seed_step_and_slot_alone(corpus: tuple[Corpus, Any]) -> None:
    settings: dict[str, Any] = {"unanswerable": 0.3, "document_tokens": 96, "lengths": (16, 16)}
    first, second = (make_sampler(corpus[0], seed=1, **settings) for _ in range(2))
    forwards = [first.sample(step, slot) for step in range(5) for slot in range(3)]
    backwards = [second.sample(step, slot) for step in range(4, -1, -1) for slot in (2, 1, 0)]
    assert forwards == backwards[::-1]
    assert forwards != [
        make_sampler(corpus[0], seed=2, **settings).sample(s, t) for s in range(5) for t in range(3)
    ]


def test_questions_made_unanswerable_are_about_another_document(
    corpus: tuple[Corpus, Any],
) -> None:
    sampler = make_sampler(corpus[0], seed=0, unanswerable=1.0)
    for step in range(20):
        sample = sampler.sample(step, 0)
        assert [asked.answer for asked in sample.asked] == [None]
        assert sample.asked[0].source.document != sample.parts[0].document


def test_segment_lengths_are_drawn_in_proportion_to_their_length() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_segment_length(rng, 64, 4032) for _ in range(4000)])
    assert drawn.min() >= 64 and drawn.max() <= 4032
    # Mean of the length-weighted distribution: sum(n^2) / sum(n), about 2,689 (paper, A.1).
    assert drawn.mean() == pytest.approx(2689, rel=0.02)


def test_select_spreads_over_documents_and_repeats(tmp_path: Path, tiny_backbone: Any) -> None:
    planted = write_planted(tmp_path / "more", documents=8)
    whole = load_corpus([planted.folder], tiny_backbone())
    chosen = select(whole, limit=5, seed=0)
    assert [len(group) for group in chosen.questions] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert select(whole, limit=5, seed=0) == chosen


def test_long_texts_are_tokenised_as_a_whole(tiny_backbone: Callable[..., Any]) -> None:
    backbone = tiny_backbone()
    text = "one line of text\n" * 30_000  # over two pieces
    document = tokenise("x", text, backbone)
    assert document.ids_N.tolist() == backbone.tokenizer(text)["input_ids"]
    first, last = document.tokens_of(400_000, 400_020)
    part = backbone.tokenizer.decode(document.ids_N[first:last].tolist())
    assert text[400_000:400_020] in part


def test_the_line_of_bytes_that_are_no_text_is_named(
    planted: Planted, tiny_backbone: Callable[..., Any]
) -> None:
    path = planted.folder / "qa.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"document_id": "d\xff"}\n', *lines[2:]]))
    with pytest.raises(DocumentError, match=r"qa\.jsonl, line 3: not UTF-8"):
        load_corpus([planted.folder], tiny_backbone())


def test_a_damaged_gzip_file_is_named(planted: Planted, tiny_backbone: Callable[..., Any]) -> None:
    path = planted.folder / "documents.jsonl"
    data = bytearray(gzip.compress(path.read_bytes()))
    data[12:40] = bytes(28)
    path.with_suffix(".jsonl.gz").write_bytes(data)
    path.unlink()  # both would be ambiguous
    with pytest.raises(DocumentError, match=r"documents\.jsonl\.gz, line 1: damaged"):
        load_corpus([planted.folder], tiny_backbone())


def _answered(evidence: str) -> str:
    return f'{{"document_id": "d0", "question": "q", "answers": ["a"], "evidence": {evidence}}}'


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("qa", "{broken", r"qa\.jsonl, line 7"),
        ("qa", '{"document_id": "nowhere", "question": "q", "answers": []}', "no document"),
        ("qa", '{"document_id": "d0", "answers": []}', "question"),
        ("qa", '{"document_id": "d0", "question": "q"}', "answers"),
        ("qa", '{"document_id": "d0", "question": " ", "answers": []}', "question is empty"),
        ("qa", '{"document_id": "d0", "question": "q", "answers": ["a"]}', '"evidence" must be'),
        *(
            ("qa", _answered(evidence), message)
            for evidence, message in (
                ("[[0, 5000]]", r"\[0, 5000\] is outside its document, which has \d+ characters"),
                ("[[-1, 3]]", "outside"),
                ("[[5, 5]]", "outside"),
                ("[[0, 2.5]]", "offsets"),
                ("[0, 3]", "offsets"),
                ('[["0", "3"]]', "offsets"),
                ("null", "offsets"),
                ('[[0, 3]], "quote": "elsewhere"', "quote"),
                ('[[0, 3]], "options": ["b", "c"]', "among the options"),
                ('[[0, 3]], "options": [1, 2]', "list of texts"),
            )
        ),
        ("qa", '{"document_id": "d0", "question": "q", "answers": [" "]}', "none of them empty"),
        ("qa", '{"document_id": "d0", "question": "q", "answers": [5]}', "list of texts"),
        ("documents", '{"id": "x", "text": " \\n"}', "document 'x' is empty"),
        ("documents", '{"id": "d0", "text": "again"}', "second document with the id 'd0'"),
        ("documents", '{"id": "cut', r"documents\.jsonl, line 7"),
        ("documents", '{"id": "x"}', "text"),
        ("documents", "[]", "JSON object"),
    ],
)
def test_broken_rows_are_named(
    planted: Planted, tiny_backbone: Callable[..., Any], name: str, line: str, message: str
) -> None:
    with (planted.folder / f"{name}.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DocumentError, match=message) as caught:
        load_corpus([planted.folder], tiny_backbone())
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{planted.folder / name}.jsonl, line 7: ")


def test_unanswerable_questions_need_no_offsets(
    planted: Planted, tiny_backbone: Callable[..., Any]
) -> None:
    with (planted.folder / "qa.jsonl").open("a") as file:
        file.write('{"document_id": "d0", "question": "q", "answers": []}\n')
        file.write('{"document_id": "d0", "question": "q", "answers": ["a"], "evidence": []}\n')
    questions = load_corpus([planted.folder], tiny_backbone()).questions[0]
    assert [q.answers for q in questions[1:]] == [(), ("a",)]
    assert all(q.evidence == () for q in questions[1:])


def test_a_folder_without_documents_is_refused(
    tmp_path: Path, tiny_backbone: Callable[..., Any]
) -> None:
    with pytest.raises(DocumentError, match="documents.jsonl"):
        load_corpus([tmp_path], tiny_backbone())


@pytest.mark.parametrize("join_tokens", [0, 1500])
def test_training_windows_show_what_ask_shows(corpus: tuple[Corpus, Any], join_tokens: int) -> None:
    """The same passages for the same text, in the same order."""
    documents, backbone = corpus
    settings: dict[str, Any] = {"questions": 1, "unanswerable": 0.0, "join_tokens": join_tokens}
    sample = make_sampler(documents, seed=0, **settings).sample(0, 0)
    (asked,) = sample.asked
    sampled = sample_index(documents, sample)
    text = "".join(
        documents.documents[part.document].text_of(part.start, part.end) for part in sample.parts
    )
    index = PassageIndex([Text("whole", text, encode(backbone.tokenizer, text)[1])])
    ranked = [index.passages[number] for number in ranking(index.scores(asked.question))]
    for budget in (40, 200, 400):
        window = make_window(
            backbone,
            index,
            kind="evidence",
            question=asked.question,
            ranked=ranked,
            budget=budget,
            room=10_000,
        )
        shown = shown_texts(sampled, asked.question, budget=budget)
        assert window.prompt == build_prompt(backbone, question=asked.question, passages=shown)


def test_passages_that_touch_the_evidence_can_be_left_out(corpus: tuple[Corpus, Any]) -> None:
    documents, _ = corpus
    settings: dict[str, Any] = {"questions": 1, "unanswerable": 0.0, "join_tokens": 1500}
    sample = make_sampler(documents, seed=0, **settings).sample(0, 0)
    (asked,) = sample.asked
    index, fact = sample_index(documents, sample), f"code is {asked.answer}."
    assert any(fact in text for text in shown_texts(index, asked.question, budget=10_000))
    left = shown_texts(index, asked.question, budget=10_000, without=asked.evidence)
    assert left and not any(fact in text for text in left)
