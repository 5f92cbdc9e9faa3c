"""Questions made so that the document does not answer them: changed, or without their evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lcirc_cli.training.data.corpus import Corpus, load_corpus

from .conftest import make_sampler, tokens_of


def _facts(folder: Path) -> Path:
    """Two documents; each says when four towns built something, a sentence each."""
    folder.mkdir()
    things = ("bridge", "mill", "church", "school")
    towns = [["Arlen", "Borune", "Cavell", "Dornach"], ["Eskdale", "Fenwick", "Garve", "Hollin"]]
    documents, questions = [], []
    for number, names in enumerate(towns):
        text = ""
        for index, (name, thing) in enumerate(zip(names, things, strict=True)):
            sentence = f"The town of {name} built a {thing} in {1800 + 10 * index + number}. "
            questions.append(
                {
                    "document_id": f"d{number}",
                    "question": f"When did the town of {name} build a {thing}?",
                    "answers": [str(1800 + 10 * index + number)],
                    "evidence": [[len(text), len(text) + len(sentence)]],
                }
            )
            text += sentence + "river stone winter market letter garden " * 6
        documents.append({"id": f"d{number}", "text": text})
    for kind, rows in (("documents", documents), ("qa", questions)):
        (folder / f"{kind}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_altered_questions_ask_for_what_the_evidence_does_not_hold(
    tmp_path: Path, tiny_backbone: Callable[..., Any]
) -> None:
    corpus = load_corpus([_facts(tmp_path / "facts")], tiny_backbone())
    settings: dict[str, Any] = {"questions": 4, "unanswerable": 1.0, "altered": 1.0}
    sampler = make_sampler(corpus, seed=0, **settings)
    changed: set[str] = set()
    for step in range(20):
        for asked in sampler.sample(step, 0).asked:
            assert asked.answer is None and asked.evidence == ()
            own = [question.text for question in corpus.questions[asked.source.document]]
            assert asked.question not in own
            words = [text.strip("?").split() for text in (asked.source.text, asked.question)]
            ((old, new),) = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
            kind = "name" if new[0].isupper() else "noun"
            assert kind == ("name" if old[0].isupper() else "noun")
            assert any(new in text for text in own) and new not in asked.source.text
            changed.add(kind)
    assert changed == {"name", "noun"}


def test_removed_evidence_is_gone_and_the_rest_stays_in_place(
    tmp_path: Path, tiny_backbone: Callable[..., Any]
) -> None:
    backbone = tiny_backbone()
    corpus = load_corpus([_facts(tmp_path / "facts")], backbone)
    settings: dict[str, Any] = {
        "questions": 4,
        "unanswerable": 0.0,
        "evidence_removed": 1.0,
        "lengths": (32, 32),
    }
    sampler = make_sampler(corpus, seed=0, **settings)
    gone = kept = 0
    for step in range(30):
        sample = sampler.sample(step, 0)
        ids = tokens_of(corpus, sample)
        text = backbone.tokenizer.decode(ids)
        for asked in sample.asked:
            (year,) = asked.source.answers
            if asked.answer is None:
                gone += 1
                assert year not in text
            else:
                kept += 1
                ((start, end),) = asked.evidence
                assert year in backbone.tokenizer.decode(ids[start:end])
    assert gone >= 30 and kept >= 30


def test_nothing_is_removed_where_the_answer_is_all_there_is(
    corpus: tuple[Corpus, Any],
) -> None:
    one_segment: dict[str, Any] = {"unanswerable": 0.0, "lengths": (10_000, 10_000)}
    for step in range(5):
        sample = make_sampler(corpus[0], seed=0, evidence_removed=1.0, **one_segment).sample(
            step, 0
        )
        (part,) = sample.parts
        assert part.end - part.start == len(corpus[0].documents[part.document].ids_N)
        assert sample.asked[0].answer is not None
