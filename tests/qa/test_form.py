"""Training and the benchmark refuse the same rows of documents + qa, in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.tasks import TaskOptions, open_task
from lcirc_cli.errors import DocumentError
from lcirc_cli.qa.form import read_folder
from lcirc_cli.training.data.corpus import count_local, load_corpus

TEXT = "The keeper of the lamp is Ada. The mill burned in 1702."


def _row(**fields: Any) -> dict[str, Any]:
    row = {"document_id": "d", "question": "Who?", "answers": ["Ada"], "evidence": [[26, 29]]}
    return {**row, **fields}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One document, and a question about it."""
    (tmp_path / "documents.jsonl").write_text(json.dumps({"id": "d", "text": TEXT}) + "\n")
    (tmp_path / "qa.jsonl").write_text(json.dumps(_row()) + "\n")
    return tmp_path


def _by_training(folder: Path, backbone: Any) -> list[Any]:
    return [question for group in load_corpus([folder], backbone).questions for question in group]


def _by_bench(folder: Path) -> list[Sample]:
    found = list(open_task(f"qa:{folder}", TaskOptions()).samples())
    assert all(isinstance(each, Sample) for each in found)
    return found  # type: ignore[return-value]


REFUSED = {
    "no JSON": ("qa", "{", "not valid JSON"),
    "nested too deep": ("qa", "[" * 100_000, "not valid JSON"),
    "no object": ("documents", "[]", "JSON object"),
    "a document twice": ("documents", {"id": "d", "text": "again"}, "second document.*'d'"),
    "an empty document": ("documents", {"id": "e", "text": " \n"}, "'e' is empty"),
    "half a character": ("documents", {"id": "e", "text": "\ud83d"}, "half a character"),
    "no such document": ("qa", _row(document_id="x"), "no document 'x'"),
    "an empty question": ("qa", _row(question=" "), "question is empty"),
    "half a character asked": ("qa", _row(question="\ud83d?"), "half a character"),
    "an empty answer": ("qa", _row(answers=[" "]), '"answers" .* none of them empty'),
    "an empty option": ("qa", _row(options=["Ada", ""]), '"options" .* none of them empty'),
    "options of another kind": ("qa", _row(options=""), '"options" must be'),
    "no right option": ("qa", _row(options=["Bea", "Cas"]), "among the options"),
    "no evidence named": ("qa", {k: v for k, v in _row().items() if k != "evidence"}, "evidence"),
    "truth for a number": ("qa", _row(evidence=[[False, True]]), "character offsets"),
    "another quote": ("qa", _row(quote="Bea"), "quote"),
    "a turn alone": ("qa", _row(history=[{"role": "user", "text": "?"}]), '"history" must be'),
    "a type that is no text": ("qa", _row(type=3), '"type" must be a text'),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_all_refuse_the_same_rows(
    kind: str, folder: Path, tiny_backbone: Callable[..., Any]
) -> None:
    name, row, said = REFUSED[kind]
    with (folder / f"{name}.jsonl").open("a") as file:
        file.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
    told = set()
    for read in (
        lambda: _by_training(folder, tiny_backbone()),
        lambda: _by_bench(folder),
        lambda: count_local([folder]),
    ):
        with pytest.raises(DocumentError, match=said) as caught:
            read()
        told.add(str(caught.value))
    assert len(told) == 1 and told.pop().startswith(f"{folder / name}.jsonl, line 2: ")


def test_what_all_read(folder: Path, tiny_backbone: Callable[..., Any]) -> None:
    """Blank lines, questions without evidence, options, earlier turns, types."""
    turns = [{"role": "user", "text": " Who rang? "}, {"role": "assistant", "text": "Ada."}]
    rows = [
        _row(question=" When? ", answers=["1702 "], evidence=[], type="span"),
        _row(answers=["Ada"], options=["Ada ", "Bea"], history=turns, quote="Ada"),
        {"document_id": "d", "question": "Why?", "answers": []},
    ]
    with (folder / "qa.jsonl").open("a") as file:
        file.write("\n" + "\n \n".join(map(json.dumps, rows)) + "\n")
    trained, asked = _by_training(folder, tiny_backbone()), _by_bench(folder)
    assert [each.id for each in asked] == ["1", "3", "5", "7"]
    assert [each.text for each in trained] == ["Who?", "When?", "Who?", "Why?"]
    assert asked[1].question == " When? " and asked[1].answers == ("1702 ",)
    assert trained[1].answers == ("1702",) and trained[1].kind == "span"
    assert trained[2].history == (("Who rang?", "Ada."),) and asked[2].evidence == ((26, 29),)
    assert count_local([folder]) == (1, 4, len(TEXT))


def test_a_folder_without_a_document_is_refused(folder: Path) -> None:
    (folder / "documents.jsonl").write_text("\n")
    with pytest.raises(DocumentError, match=r"documents\.jsonl holds no document"):
        read_folder(folder)
