"""Tasks: what samples hold, what broken data does, grids, joined documents, very long ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.plan import plan
from lcirc_cli.bench.sample import Sample, Task, TextSample
from lcirc_cli.bench.tasks import TaskOptions, names, open_task
from lcirc_cli.bench.tasks.perplexity import Perplexity
from lcirc_cli.errors import DocumentError, UsageError

from .conftest import write_lines

GOOD: dict[str, dict[str, Any]] = {
    "longbook_qa_eng": {"id": 1, "context": "c", "input": "q", "answer": ["a"], "options": []},
    "longbook_choice_eng": {
        "id": 1,
        "context": "c",
        "input": "q",
        "answer": ["x"],
        "options": ["x", "y", "z", "w"],
    },
    "qasper": {"input": "q", "context": "c", "answers": ["a"], "_id": "1"},
    "coursera": {"instructions": ["q"], "outputs": ["A"], "input": "c", "evaluation": "exam"},
    "sci_fi": {
        "instructions": ["q"],
        "outputs": ["True [fact: True]"],
        "input": "c",
        "evaluation": "exam",
    },
}
TASK = {
    "longbook_qa_eng": "infinitebench/en_qa",
    "longbook_choice_eng": "infinitebench/en_mc",
    "qasper": "longbench/qasper",
    "coursera": "leval/coursera",
    "sci_fi": "leval/sci_fi",
}
BROKEN = [
    ("longbook_qa_eng", {"context": None}),
    ("longbook_qa_eng", {"answer": []}),
    ("longbook_choice_eng", {"options": ["x"]}),
    ("longbook_choice_eng", {"answer": ["none of them"]}),
    ("qasper", {"answers": []}),
    ("qasper", {"answers": "a"}),
    ("coursera", {"outputs": ["A", "B"]}),
    ("coursera", {"outputs": [" "]}),
    ("sci_fi", {"outputs": ["True"]}),
    ("coursera", {"evaluation": None}),
    ("qasper", {"context": "half \ud83d a character"}),
    ("qasper", {"answers": ["\udc00"]}),
    ("longbook_qa_eng", {"context": "half \ud83d a character"}),
]


def _samples(task: str, folder: Path, **options: Any) -> list[Any]:
    return list(open_task(task, TaskOptions(data_dir=folder, **options)).samples())


@pytest.mark.parametrize(("file", "change"), BROKEN)
def test_a_bad_field_names_file_and_line(file: str, change: dict[str, Any], tmp_path: Path) -> None:
    write_lines(tmp_path / f"{file}.jsonl", [GOOD[file], GOOD[file] | change])
    with pytest.raises(DocumentError, match=rf"{file}\.jsonl, line 2"):
        _samples(TASK[file], tmp_path)


@pytest.mark.parametrize("file", GOOD)
def test_a_missing_field_names_file_and_line(file: str, tmp_path: Path) -> None:
    for field in set(GOOD[file]) - {"id", "_id", "options"}:
        row = {name: value for name, value in GOOD[file].items() if name != field}
        write_lines(tmp_path / f"{file}.jsonl", [GOOD[file], row])
        with pytest.raises(DocumentError, match=rf'line 2: .*"{field}"'):
            _samples(TASK[file], tmp_path)


@pytest.mark.parametrize("file", GOOD)
def test_an_empty_context_is_a_sample(file: str, tmp_path: Path) -> None:
    field = "context" if "context" in GOOD[file] else "input"
    write_lines(tmp_path / f"{file}.jsonl", [GOOD[file] | {field: ""}])
    (sample,) = _samples(TASK[file], tmp_path)
    assert sample.document == ""


def test_a_context_of_a_million_tokens(tmp_path: Path) -> None:
    text = "every single word counts " * 250_000
    write_lines(tmp_path / "qasper.jsonl", [GOOD["qasper"] | {"context": text}])
    (sample,) = _samples("longbench/qasper", tmp_path)
    assert sample.document == text


def test_the_answer_of_en_mc_is_text_and_letter(tmp_path: Path) -> None:
    good = GOOD["longbook_choice_eng"]
    rows = [good | {"answer": a} for a in ("z", ["z"], ["z", "C"])]
    write_lines(tmp_path / "longbook_choice_eng.jsonl", rows)
    assert {s.answers for s in _samples("infinitebench/en_mc", tmp_path)} == {("z", "C")}


def test_questions_for_a_judge_are_asked_but_not_scored_by_the_script(tmp_path: Path) -> None:
    rows = [
        {"instructions": ["q"], "outputs": ["some words"], "input": "c", "evaluation": kind}
        for kind in ("f1", "human", "LLM")
    ]
    write_lines(tmp_path / "financial_qa.jsonl", rows)
    assert [s.scored for s in _samples("leval/financial_qa", tmp_path)] == [True, False, False]
    paper = _samples("leval/financial_qa", tmp_path, protocol="paper")
    assert [s.scored for s in paper] == [True, True, True]


def test_every_listed_task_opens_or_says_what_is_missing(tmp_path: Path) -> None:
    for name in names():
        if ":" in name or name == "needle":
            continue
        with pytest.raises(DocumentError, match="--data-dir"):
            open_task(name, TaskOptions(data_dir=tmp_path))
    for name in ("longbench/none", "qa:", "perplexity", "leval", ""):
        with pytest.raises(UsageError, match="bench list"):
            open_task(name, TaskOptions())


def test_joined_documents_keep_their_evidence(qa_folder: Path) -> None:
    single = {s.id: s for s in _samples(f"qa:{qa_folder}", qa_folder)}
    joined = _samples(f"qa:{qa_folder}", qa_folder, join=2)
    assert len(joined) == len(single) == 6
    for sample in joined:
        assert sample.document_id.count("+") == 1  # all have two documents
        alone = single[sample.id]
        assert alone.document in sample.document
        for (start, end), (a, b) in zip(sample.evidence, alone.evidence, strict=True):
            assert sample.document[start:end] == alone.document[a:b]
    assert [s.document for s in joined] == [
        s.document for s in _samples(f"qa:{qa_folder}", qa_folder, join=2)
    ]
    other = _samples(f"qa:{qa_folder}", qa_folder, join=2, seed=5)
    assert {s.document_id for s in other} != {s.document_id for s in joined}


def test_questions_with_types_options_and_earlier_turns(qa_folder: Path) -> None:
    turns = [{"role": "user", "text": "Which ferry?"}, {"role": "assistant", "text": "The first."}]
    more: list[dict[str, Any]] = [
        {"question": "Is it blue?", "answers": ["Yes"], "options": ["Yes", "No"], "type": "yesno"},
        {"question": "What colour is it?", "answers": ["blue"], "history": turns, "type": "turn"},
    ]
    with (qa_folder / "qa.jsonl").open("a") as opened:
        for row in more:
            opened.write(json.dumps({"document_id": "d0", "evidence": [], **row}) + "\n")
    listed = _samples(f"qa:{qa_folder}", qa_folder)
    asked = _samples(f"qa:{qa_folder}", qa_folder, listed=False)
    assert listed[-2].question == "Is it blue?\nA. Yes\nB. No"
    assert asked[-2].question == "Is it blue?" and asked[-2].options == ("Yes", "No")
    assert asked[-1].history == (("Which ferry?", "The first."),)
    assert [s.facets["type"] for s in asked] == ["none"] * 6 + ["yesno", "turn"]


def test_one_type_is_no_facet(qa_folder: Path) -> None:
    assert all(not sample.facets for sample in _samples(f"qa:{qa_folder}", qa_folder))


@pytest.mark.parametrize(
    ("file", "row", "said"),
    [
        ("qa", {"document_id": "x", "question": "q", "answers": []}, "no document 'x'"),
        ("qa", {"document_id": "d0", "question": "q"}, '"answers"'),
        (
            "qa",
            {"document_id": "d0", "question": "q", "answers": ["a"], "evidence": [[5, 10**9]]},
            "evidence",
        ),
        ("qa", {"document_id": "d0", "question": "q", "answers": [], "evidence": 5}, "evidence"),
        ("documents", {"id": "d0", "text": "again"}, "twice"),
        ("documents", {"id": "d9"}, '"text"'),
    ],
)
def test_broken_questions_and_documents(
    file: str, row: dict[str, Any], said: str, qa_folder: Path
) -> None:
    with (qa_folder / f"{file}.jsonl").open("a") as opened:
        opened.write(json.dumps(row) + "\n")
    with pytest.raises(DocumentError, match=rf"{file}\.jsonl, line \d+: .*{said}"):
        _samples(f"qa:{qa_folder}", qa_folder)


def test_needles_stand_where_they_are_said_to_stand(tmp_path: Path) -> None:
    grid = _samples("needle", tmp_path, lengths=(500, 2000), facts=3)
    assert len(grid) == 2 * 5 * 3
    assert len({s.answers for s in grid}) == len(grid)
    for sample in grid:
        ((start, end),) = sample.evidence
        fact = sample.document[start:end]
        assert sample.answers[0] in fact and sample.document.count(sample.answers[0]) == 1
        depth = start / max(1, len(sample.document) - len(fact))
        assert depth == pytest.approx(float(sample.facets["depth"]), abs=0.06)
        words = len(sample.document.split()) * 4 / 3
        assert words == pytest.approx(float(sample.facets["length"]), rel=0.08)
    again = _samples("needle", tmp_path, lengths=(500, 2000), facts=3)
    assert grid == again
    assert grid != _samples("needle", tmp_path, lengths=(500, 2000), facts=3, seed=1)


def _perplexity(file: Path, *lengths: int) -> Task:
    def count(text: str) -> int:
        return len(text.split())

    options = TaskOptions(lengths=lengths, count_tokens=count)
    return open_task(f"perplexity:{file}", options)


def test_perplexity_scores_the_same_tokens_of_the_same_texts_at_every_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"long": 20_000, "longer": 40_000, "short": 10_000, "shorter": 100}
    rows = [{"id": name, "text": "w " * size} for name, size in sizes.items()]
    file = write_lines(tmp_path / "t.jsonl", rows)
    task = _perplexity(file, 4096, 8192, 16384)
    samples = list(task.samples())
    assert all(isinstance(s, TextSample) for s in samples)
    assert [(s.document_id, s.context_tokens) for s in samples] == [
        (name, length) for name in ("long", "longer") for length in (4096, 8192, 16384)
    ]
    assert {s.end_token for s in samples if isinstance(s, TextSample)} == {16384}
    assert "2 of 4 texts have less than 16,384 tokens: left out" in capsys.readouterr().err
    assert isinstance(task, Perplexity) and task.note.startswith("2 of 4 texts")
    plain = tmp_path / "t.txt"
    plain.write_text("w " * 9000)
    assert len(list(_perplexity(plain, 4096, 8192).samples())) == 2


def test_perplexity_says_which_lengths_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is no file"):
        open_task(f"perplexity:{tmp_path / 'none'}", TaskOptions())
    plain = tmp_path / "t.txt"
    plain.write_text("w " * 9000)
    with pytest.raises(DocumentError, match="has 16,384 tokens, the longest has 9,000"):
        list(_perplexity(plain, 8192, 16384).samples())
    with pytest.raises(UsageError, match="2,048 leaves no context"):
        _perplexity(plain, 2048, 8192)


def test_a_limit_draws_whole_texts(tmp_path: Path) -> None:
    rows = [{"id": str(i), "text": "w " * 9000} for i in range(9)]
    task = _perplexity(write_lines(tmp_path / "t.jsonl", rows), 4096, 8192)
    planned = plan(task, limit=3, seed=0)
    assert (len(planned.asked), len(planned.everything)) == (6, 18)
    drawn = Counter(sample.document_id for sample in planned.asked)
    assert set(drawn.values()) == {2} and len(drawn) == 3
    draws = {tuple(s.id for s in plan(task, limit=3, seed=seed).asked) for seed in range(9)}
    assert len(draws) > 1


def test_a_plan_draws_the_same_samples_and_keeps_their_order(qa_folder: Path) -> None:
    task = open_task(f"qa:{qa_folder}", TaskOptions())
    first = plan(task, limit=3, seed=0)
    assert [s.id for s in first.asked] == [s.id for s in plan(task, limit=3, seed=0).asked]
    assert {plan(task, limit=3, seed=seed).asked[0].id for seed in range(9)} != {first.asked[0].id}
    assert len(first.everything) == 6 and len(first.asked) == 3
    batches = list(plan(task, limit=None, seed=0).batches(4))
    assert [len(batch.samples) for batch in batches] == [2, 2, 2]
    for batch in batches:
        assert batch.other and batch.other != batch.samples[0].document


def test_a_task_without_samples_is_an_error(tmp_path: Path) -> None:
    write_lines(tmp_path / "qasper.jsonl", [])
    with pytest.raises(DocumentError, match="no sample"):
        plan(open_task("longbench/qasper", TaskOptions(data_dir=tmp_path)), limit=None, seed=0)


def test_real_files_give_as_many_samples_as_they_have_questions(data_dir: Path) -> None:
    expected = {
        "leval/coursera": 172,
        "leval/sci_fi": 64,
        "leval/financial_qa": 68,
        "longbench/hotpotqa": 13,
        "longbench/narrativeqa": 6,
    }
    for name, count in expected.items():
        samples = _samples(name, data_dir / "bench")
        assert len(samples) == count
        assert all(isinstance(sample, Sample) and sample.document for sample in samples)
