"""Multiple choice: wrong options come from the same document, and everything repeats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.choices import MOST, draw_options, ways
from lcirc_cli.training.data.corpus import Corpus, Question, load_corpus
from lcirc_cli.training.data.windows import WindowMaker

from .conftest import make_sampler


@pytest.fixture
def corpus(tmp_path: Path, tiny_backbone: Callable[..., Any]) -> tuple[Corpus, Any]:
    """Two documents; five questions about each, their answers found nowhere else."""
    folder = tmp_path / "choices"
    folder.mkdir()
    documents, questions = [], []
    for number in range(2):
        names = [f"name{number}{letter}" for letter in "abcde"]
        text = " ".join(f"Room {i} is called {name}." for i, name in enumerate(names))
        documents.append({"id": f"d{number}", "text": text})
        questions += [
            {
                "document_id": f"d{number}",
                "question": f"What is room {i} called?",
                "answers": [name],
                "evidence": [[text.index(name), text.index(name) + len(name)]],
            }
            for i, name in enumerate(names)
        ]
    for file, rows in (("documents", documents), ("qa", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{file}.jsonl").write_text(lines)
    backbone = tiny_backbone()
    return load_corpus([folder], backbone), backbone


def test_wrong_options_are_answers_about_the_same_document(corpus: tuple[Corpus, Any]) -> None:
    settings: dict[str, Any] = {"unanswerable": 0.2, "multiple_choice": 1.0, "questions": 4}
    sampler = make_sampler(corpus[0], seed=1, **settings)
    places = set()
    for step in range(20):
        sample = sampler.sample(step, 0)
        (document,) = {part.document for part in sample.parts}
        for asked in sample.asked:
            if asked.answer is None:
                assert asked.options == ()
                continue
            assert len(asked.options) == len(set(asked.options)) == MOST
            assert all(option.startswith(f"name{document}") for option in asked.options)
            places.add(asked.options.index(asked.answer))
        assert sampler.sample(step, 0) == sample
    assert places == set(range(MOST))


def test_the_share_is_kept_and_nothing_else_moves(corpus: tuple[Corpus, Any]) -> None:
    def drawn(share: float) -> list[Any]:
        settings: dict[str, Any] = {"unanswerable": 0.0, "multiple_choice": share, "questions": 1}
        sampler = make_sampler(corpus[0], seed=2, **settings)
        return [sampler.sample(step, 0).asked[0] for step in range(200)]

    some, none = drawn(0.3), drawn(0.0)
    assert 0.2 < np.mean([bool(asked.options) for asked in some]) < 0.4
    assert not any(asked.options for asked in none)
    assert [asked.question for asked in some] == [asked.question for asked in none]


def test_the_window_shows_options_and_the_question_steers_alone(
    corpus: tuple[Corpus, Any],
) -> None:
    documents, backbone = corpus
    settings = make_settings(None, {"multiple_choice": 1.0, "unanswerable": 0.0})
    sampler = make_sampler(documents, seed=0, unanswerable=0.0, multiple_choice=1.0)
    sample = sampler.sample(0, 0)
    maker = WindowMaker(backbone, documents, settings)
    prompts, answers = maker.make(sample, np.random.default_rng(0), form="plain")
    for asked, prompt, answer in zip(sample.asked, prompts, answers, strict=True):
        assert asked.question == asked.source.text
        shown = backbone.tokenizer.decode(prompt)
        letter = "ABCD"[asked.options.index(asked.answer)]
        assert f"\n{letter}. {asked.answer}\n" in shown
        said = backbone.tokenizer.decode(answer, skip_special_tokens=True)
        assert said.strip() == f"{letter}. {asked.answer}"


def test_options_of_the_data_are_used_where_there_are_any() -> None:
    question = Question(0, "q", ("two",), (), options=("one", "two", "three"))
    other = Question(0, "r", ("elsewhere",), ())
    options = draw_options(np.random.default_rng(0), question, "two", [question, other])
    assert sorted(options) == ["one", "three", "two"]
    shown, said = ways()[0].put("q?", "two", ("one", "two"))
    assert said == "B. two"
    assert shown.splitlines()[0] == "q?"


def test_a_question_without_wrong_options_stays_open() -> None:
    question = Question(0, "q", ("Two", "2"), ())
    same = Question(0, "r", ("two!",), ())
    refused = Question(0, "s", (), ())
    group = [question, same, refused]
    assert draw_options(np.random.default_rng(0), question, "Two", group) == ()


def test_numbers_stand_beside_numbers() -> None:
    group = [Question(0, f"q{i}", (str(1900 + i),), ()) for i in range(5)]
    group += [Question(0, f"w{i}", (f"word {'abcde'[i]}",), ()) for i in range(5)]
    for seed in range(10):
        options = draw_options(np.random.default_rng(seed), group[0], "1900", group)
        assert all(option.isdigit() for option in options)
