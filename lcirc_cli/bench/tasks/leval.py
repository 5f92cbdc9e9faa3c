"""L-Eval: documents with several instructions each (instructions, outputs, input, evaluation).

Official: a system prompt a task, the document's head in words, 512 new tokens; multiple choice
by letters, sci_fi asked twice, open questions by F1 or ROUGE with the reference's length in the
prompt. Questions that L-Eval leaves to a judge (evaluation "human" or "LLM") are answered and
shown, and its script's own score leaves them out. Source: OpenLMLab/LEval at cd34b05.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.prompts import load
from lcirc_cli.qa.rows import Record, read_records

from ..metrics.exams import gold_judgements
from ..sample import Prompt, Sample
from .files import HubFile, locate
from .options import TaskOptions
from .template import paper_question, split_template

CLOSED = {
    "coursera": "leval_letters",
    "quality": "leval_letter",
    "tpo": "leval_letter",
    "sci_fi": "leval_judge",
}
OPEN = {
    "financial_qa": "leval_f1",
    "narrative_qa": "leval_f1",
    "natural_question": "leval_f1",
    "scientific_qa": "leval_f1",
    "legal_contract_qa": "leval_f1",
    "multidoc_qa": "leval_f1",
    "gov_report_summ": "leval_rouge",
    "meeting_summ": "leval_rouge",
    "news_summ": "leval_rouge",
    "paper_assistant": "leval_rouge",
    "patent_summ": "leval_rouge",
    "review_summ": "leval_rouge",
    "tv_show_summ": "leval_rouge",
}
_AUTOMATIC = ("exam", "f1", "rouge")
_MAX_NEW_TOKENS = 512
_PAPER_METRICS = {
    "leval_letters": "paper_letters",
    "leval_letter": "paper_letter",
    "leval_judge": "paper_judge",
    "leval_f1": "paper_f1_first_line",
}
PAPER_MAX_NEW_TOKENS = {
    "coursera": 10,
    "quality": 80,
    "tpo": 10,
    "sci_fi": 20,
    "financial_qa": 300,
    "narrative_qa": 50,
    "scientific_qa": 300,
    "natural_question": 110,
}
_REPOSITORY = "L4NLP/LEval"
_REVISION = "43b9dbf06c239360b183c76cb5d90ebe4f5e3070"


@dataclass(frozen=True)
class LEval:
    """One file of L-Eval."""

    name: str
    dataset: str
    file: Path
    paper: bool
    note = ""

    @property
    def metric(self) -> str:
        official = (CLOSED | OPEN)[self.dataset]
        return _PAPER_METRICS[official] if self.paper else official

    def samples(self) -> Iterator[Sample]:
        """Raises DocumentError at the first line that lacks something."""
        templates = json.loads(load(f"bench/{'paper_leval' if self.paper else 'leval'}.json"))
        for record in read_records(self.file):
            questions, golds = record.texts("instructions"), record.texts("outputs")
            if len(questions) != len(golds):
                raise record.error(f"{len(questions)} instructions but {len(golds)} outputs")
            for number, pair in enumerate(zip(questions, golds, strict=True)):
                yield self._sample(record, number, *pair, templates=templates)

    def _sample(
        self, record: Record, number: int, asked: str, gold: str, *, templates: Mapping[str, Any]
    ) -> Sample:
        self._check(record, gold)
        if self.paper:
            prompt, closed_book = self._paper_prompt(templates, asked, gold), None
            limit = PAPER_MAX_NEW_TOKENS[self.dataset]
        else:
            prompt, limit = self._prompt(templates, asked, gold), _MAX_NEW_TOKENS
            closed_book = _fact(templates, asked) if self.dataset == "sci_fi" else None
        return Sample(
            id=f"{record.line}.{number + 1}",
            document_id=str(record.line),
            document=record.text("input"),
            question=paper_question(prompt) if self.paper else asked,
            prompt=prompt,
            answers=(gold,),
            metric=self.metric,
            max_new_tokens=limit,
            truncation="paper_middle" if self.paper else "head_words",
            closed_book=closed_book,
            scored=self.paper or record.text("evaluation") in _AUTOMATIC,
        )

    def _check(self, record: Record, gold: str) -> None:
        if self.dataset == "sci_fi":
            try:
                gold_judgements(gold)
            except ValueError as error:
                raise record.error(str(error)) from error
        elif self.dataset in CLOSED and not gold.strip():
            raise record.error("an output is empty")

    def _prompt(self, templates: Mapping[str, Any], asked: str, gold: str) -> Prompt:
        closed = self.dataset in CLOSED
        kind = "closed" if closed else "open"
        system = templates["system"].get(self.dataset, templates["system"][kind])
        fields = {"inst": asked} if closed else {"inst": asked, "words": str(len(gold.split()))}
        prompt = split_template(templates[kind], document="document", fields=fields)
        reply = templates["closed_reply"] if closed else ""
        return Prompt(prompt.before, prompt.after, system=system, reply=reply, chat=True)

    def _paper_prompt(self, templates: Mapping[str, Any], asked: str, gold: str) -> Prompt:
        fields = {"inst": asked, "words": str(len(gold.split()))}
        return split_template(templates[self.dataset], document="document", fields=fields)


def _fact(templates: Mapping[str, Any], asked: str) -> str:
    """The closed-book question: the same, about the real world."""
    fact = templates["fact"]
    return asked.replace(fact["replace"], fact["by"]) + fact["end"]


def open_task(name: str, options: TaskOptions) -> LEval:
    """Raises DocumentError if the file is nowhere, UsageError if the paper has no such task."""
    paper = options.protocol == "paper"
    if paper and name not in PAPER_MAX_NEW_TOKENS:
        raise UsageError(f"the paper did not run leval/{name}: use --protocol official")
    folder = "Exam" if name in CLOSED else "Generation"
    hub = HubFile(_REPOSITORY, _REVISION, f"LEval/{folder}/{name}.jsonl")
    place, offline = options.data_dir, options.offline
    path = locate(hub, benchmark="leval", data_dir=place, offline=offline)
    return LEval(f"leval/{name}", name, path, paper)
