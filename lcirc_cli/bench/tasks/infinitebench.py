"""InfiniteBench En.QA and En.MC, from `longbook_*_eng.jsonl` (id, context, input, answer, options).

Official: the templates for open models without a chat template, the middle cut out of what is
too long, 40 new tokens. Source: OpenBMB/InfiniteBench at 88b3daa.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.prompts import load
from lcirc_cli.qa.rows import Record, read_records

from ..metrics.choices import LETTERS
from ..sample import Sample
from .files import HubFile, locate
from .options import TaskOptions
from .template import paper_question, split_template

FILES = {"en_qa": "longbook_qa_eng", "en_mc": "longbook_choice_eng"}
_REPOSITORY = "xinrongzhang2022/InfiniteBench"
_REVISION = "25cee7d0d53e88f6d6d049e5e4567ffb4d8f8720"  # after the revision of En.QA (#21)
_MAX_NEW_TOKENS = 40


@dataclass(frozen=True)
class InfiniteBench:
    """One of the two tasks; `choice` is En.MC."""

    name: str
    file: Path
    choice: bool
    paper: bool
    note = ""

    @property
    def metric(self) -> str:
        if self.choice:
            return "paper_choice" if self.paper else "infinitebench_choice"
        return "qa_f1"

    def samples(self) -> Iterator[Sample]:
        """Raises DocumentError at the first line that lacks something."""
        folder = "paper_infinitebench" if self.paper else "infinitebench"
        key = FILES["en_mc" if self.choice else "en_qa"]
        template = json.loads(load(f"bench/{folder}.json"))[key]
        for record in read_records(self.file):
            yield self._sample(record, template)

    def _sample(self, record: Record, template: str) -> Sample:
        context, asked = record.text("context"), record.text("input")
        fields: dict[str, str] = {"question": asked}
        options: tuple[str, ...] = ()
        answers = _answers(record)
        if self.choice:
            options = record.texts("options")
            if len(options) != len(LETTERS):
                raise record.error(f'"options" must hold 4 texts, not {len(options)}')
            answers = _label(record, answers, options)
            fields |= {f"OPTION_{x}": text for x, text in zip(LETTERS, options, strict=True)}
        prompt = split_template(template, document="context", fields=fields)
        choices = "".join(f"\n{x}. {text}" for x, text in zip(LETTERS, options, strict=False))
        return Sample(
            id=str(record.data.get("id", record.line - 1)),
            document_id=hashlib.sha256(context.encode()).hexdigest()[:16],
            document=context,
            question=paper_question(prompt) if self.paper else asked + choices,
            prompt=prompt,
            answers=answers,
            options=options,
            metric=self.metric,
            max_new_tokens=_MAX_NEW_TOKENS,
            truncation="paper_middle" if self.paper else "middle_joined",
        )


def _answers(record: Record) -> tuple[str, ...]:
    """The field `answer` is a text or a list of texts in the published files."""
    value = record.data.get("answer")
    answers = (value,) if isinstance(value, str) else record.texts("answer")
    if not answers:
        raise record.error('"answer" is empty')
    return answers


def _label(record: Record, answers: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    """The right option's text and its letter, as the scorer wants them."""
    if len(answers) > 1 and answers[1] in LETTERS:
        return answers[:2]
    if answers[0] not in options:
        raise record.error("the answer is none of the options")
    return answers[0], LETTERS[options.index(answers[0])]


def open_task(name: str, options: TaskOptions) -> InfiniteBench:
    """Raises DocumentError if the file is nowhere."""
    hub = HubFile(_REPOSITORY, _REVISION, f"{FILES[name]}.jsonl")
    place, offline = options.data_dir, options.offline
    path = locate(hub, benchmark="infinitebench", data_dir=place, offline=offline)
    return InfiniteBench(
        f"infinitebench/{name}", path, name == "en_mc", options.protocol == "paper"
    )
