"""LongBench's English question answering: six tasks of one form (input, context, answers).

Official: `dataset2prompt.json`, wrapped in the chat template where the backbone has one, the
middle cut out of what is too long before that. Source: THUDM/LongBench at 2e00731.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.prompts import load
from lcirc_cli.qa.rows import Record, read_records

from ..sample import Sample
from .files import HubFile, locate
from .options import TaskOptions
from .template import paper_question, split_template

MAX_NEW_TOKENS = {
    "narrativeqa": 128,
    "qasper": 128,
    "multifieldqa_en": 64,
    "hotpotqa": 32,
    "2wikimqa": 32,
    "musique": 32,
}
_REPOSITORY = "THUDM/LongBench"
_REVISION = "f72191f71cd6fcd0da8a54f0915078efda579449"


@dataclass(frozen=True)
class LongBench:
    """One data set of LongBench."""

    name: str
    dataset: str
    file: Path
    paper: bool
    note = ""

    @property
    def metric(self) -> str:
        return "paper_f1_first_line" if self.paper else "qa_f1"

    def samples(self) -> Iterator[Sample]:
        """Raises DocumentError at the first line that lacks something."""
        folder = "paper_longbench" if self.paper else "longbench"
        template = json.loads(load(f"bench/{folder}.json"))[self.dataset]
        for record in read_records(self.file):
            yield self._sample(record, template)

    def _sample(self, record: Record, template: str) -> Sample:
        context, asked = record.text("context"), record.text("input")
        answers = record.texts("answers")
        if not answers:
            raise record.error('"answers" is empty')
        prompt = split_template(
            template, document="context", fields={"input": asked}, chat=not self.paper
        )
        return Sample(
            id=str(record.data.get("_id", record.line - 1)),
            document_id=hashlib.sha256(context.encode()).hexdigest()[:16],
            document=context,
            question=paper_question(prompt) if self.paper else asked,
            prompt=prompt,
            answers=answers,
            metric=self.metric,
            max_new_tokens=MAX_NEW_TOKENS[self.dataset],
            truncation="paper_middle" if self.paper else "middle",
        )


def open_task(name: str, options: TaskOptions) -> LongBench:
    """Raises DocumentError if the file is nowhere."""
    hub = HubFile(_REPOSITORY, _REVISION, "data.zip", member=f"data/{name}.jsonl")
    place, offline = options.data_dir, options.offline
    path = locate(hub, benchmark="longbench", data_dir=place, offline=offline)
    return LongBench(f"longbench/{name}", name, path, options.protocol == "paper")
