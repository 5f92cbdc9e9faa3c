"""Prompts are byte for byte the benchmarks' own: golden files written from their templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.sample import Sample
from lcirc_cli.bench.systems import Workbench
from lcirc_cli.bench.systems.prompting import Prompter
from lcirc_cli.bench.tasks import TaskOptions, open_task
from lcirc_cli.errors import UsageError

from ..conftest import write_lines
from .asking import batches

GOLDEN = Path(__file__).parent / "golden"
DOCUMENT = "THE DOCUMENT\nhas {braces} and two lines."
QUESTION = "What is {it}?"
JUDGED = (
    "Is it so, True or False? Answer this question based on the world described in the document."
)
OPTIONS = ["Ada", "Ben", "Cy", "Di"]
NAMES = sorted(path.stem for path in GOLDEN.glob("*.txt") if "closed_book" not in path.stem)
FILES = {"en_qa": "longbook_qa_eng", "en_mc": "longbook_choice_eng"}


def _row(benchmark: str, dataset: str) -> dict[str, Any]:
    if benchmark == "infinitebench":
        choice = dataset == "en_mc"
        return {
            "id": 1,
            "context": DOCUMENT,
            "input": QUESTION,
            "answer": ["Ben"],
            "options": OPTIONS if choice else [],
        }
    if benchmark == "longbench":
        return {"input": QUESTION, "context": DOCUMENT, "answers": ["so"], "_id": "a"}
    judged = dataset == "sci_fi"
    open_ended = dataset.endswith(("_qa", "_question"))
    return {
        "instructions": [JUDGED if judged else QUESTION],
        "outputs": ["True [fact: False]" if judged else "three words here" if open_ended else "AB"],
        "input": DOCUMENT,
        "source": "x",
        "evaluation": "f1" if open_ended else "exam",
    }


def _sample(folder: Path, benchmark: str, dataset: str, protocol: str) -> Sample:
    file = f"{FILES.get(dataset, dataset)}.jsonl"
    write_lines(folder / benchmark / file, [_row(benchmark, dataset)])
    options = TaskOptions(data_dir=folder, protocol=protocol)  # type: ignore[arg-type]
    (sample,) = open_task(f"{benchmark}/{dataset}", options).samples()
    assert isinstance(sample, Sample)
    return sample


@pytest.mark.parametrize("name", NAMES)
def test_prompts_are_the_golden_files(name: str, tmp_path: Path) -> None:
    protocol, rest = ("paper", name[6:]) if name.startswith("paper_") else ("official", name)
    benchmark, _, dataset = rest.partition("_")
    sample = _sample(tmp_path, benchmark, dataset, protocol)
    assert sample.prompt is not None
    golden = (GOLDEN / f"{name}.txt").read_bytes()
    assert sample.prompt.plain(DOCUMENT).encode() == golden
    assert (golden[-1:] == b" ") == (protocol == "paper")


def test_all_tasks_of_the_issue_have_a_golden_file() -> None:
    assert len([name for name in NAMES if not name.startswith("paper_")]) == 16


def test_sci_fi_is_asked_a_second_time_without_the_document(tmp_path: Path) -> None:
    sample = _sample(tmp_path, "leval", "sci_fi", "official")
    golden = (GOLDEN / "leval_sci_fi_closed_book.txt").read_text()
    assert sample.closed_book == golden
    assert _sample(tmp_path, "leval", "sci_fi", "paper").closed_book is None


@pytest.mark.parametrize(
    ("task", "tokens"),
    [
        ("infinitebench/en_qa", 40),
        ("infinitebench/en_mc", 40),
        ("longbench/narrativeqa", 128),
        ("longbench/qasper", 128),
        ("longbench/multifieldqa_en", 64),
        ("longbench/hotpotqa", 32),
        ("longbench/2wikimqa", 32),
        ("longbench/musique", 32),
        ("leval/coursera", 512),
        ("leval/financial_qa", 512),
    ],
)
def test_lengths_of_the_answers(task: str, tokens: int, tmp_path: Path) -> None:
    assert _sample(tmp_path, *task.split("/"), "official").max_new_tokens == tokens


def test_the_paper_shortens_answers_and_cuts_questions(tmp_path: Path) -> None:
    sample = _sample(tmp_path, "leval", "coursera", "paper")
    assert sample.max_new_tokens == 10
    assert sample.question.startswith("Question: What is {it}?\nPlease")
    with pytest.raises(UsageError, match="official"):
        _sample(tmp_path, "leval", "gov_report_summ", "paper")


def test_the_chat_template_is_put_around_longbench_and_leval_only(
    tmp_path: Path, workbench: Workbench
) -> None:
    prompter, tokenizer = Prompter(workbench.backbone), workbench.backbone.tokenizer
    texts = {}
    for name in ("infinitebench/en_qa", "longbench/musique", "leval/coursera"):
        sample = _sample(tmp_path, *name.split("/"), "official")
        texts[name] = str(tokenizer.decode(prompter.fitted(sample, limit=10**6).ids))
    golden = {name: (GOLDEN / f"{name.replace('/', '_')}.txt").read_text() for name in texts}
    assert texts["infinitebench/en_qa"] == golden["infinitebench/en_qa"]
    assert texts["longbench/musique"] == (
        f"<|im_start|>user\n{golden['longbench/musique']}<|im_end|>\n<|im_start|>assistant\n"
    )
    system, _, rest = golden["leval/coursera"].partition("Document is")
    content = f"Document is{rest}".removesuffix("\nAnswer:")
    assert texts["leval/coursera"] == (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n"
        "<|im_start|>assistant\n\nAnswer:"
    )


def test_our_own_questions_get_the_prompt_of_ask(qa_folder: Path, workbench: Workbench) -> None:
    from lcirc_cli.answering.windows import build_prompt

    first = next(iter(open_task(f"qa:{qa_folder}", TaskOptions()).samples()))
    assert isinstance(first, Sample)
    found = Prompter(workbench.backbone).fitted(first, limit=1000)
    expected = build_prompt(workbench.backbone, question=first.question, passages=[first.document])
    assert found.ids == expected


def test_a_chat_template_without_a_system_turn(
    workbench: Workbench, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's text then begins the user's turn, as `lcirc ask` does it."""
    tokenizer = workbench.backbone.tokenizer
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{% endfor %}<model>"
    )
    monkeypatch.setattr(tokenizer, "chat_template", template)
    (sample,) = batches(data_folder, "leval/sci_fi")[0].samples
    assert sample.prompt is not None and sample.prompt.system
    ids = Prompter(workbench.backbone).shown(sample, ["text"], document_tokens=1).ids
    text = tokenizer.decode(ids)
    assert text.replace(" ", "").startswith(f"<user>{sample.prompt.system}".replace(" ", ""))
