"""Ways to train a memory on top of a reader, at equal steps from the same weights.

    python scripts/memory_candidates.py INIT --data DIR... --dev DIR... --out FOLDER
        [--candidates start plain ...] [--set KEY=VALUE ...]

INIT is an adapter with a reader. Each candidate trains memory and reader together, on the same
draws of documents and questions, and differs from `plain` in one way:

    start    no step: INIT as it is, its reader on beside its memory
    plain    as `lcirc train --method qd-lcirc` trains
    teacher  beside the answer's loss, the divergence from what a frozen copy of INIT's reader says
             with the evidence in its window and no memory
    divided  latents divided over the document: twice as many for the best third of the segments
             (by their odds), half as many for the others, the same number in all
    mean     in place of the Perceiver: each latent is the mean of the features of its share of the
             segment, whatever the question

FOLDER gets NAME.jsonl, a row for each development question: nats a token of the answer with
passages alone, with the document's memory too, with another's; and with the question alone and the
document's memory or another's. Prints a JSON line for each candidate and set: means, and paired
differences with 95 % bootstrap intervals over questions. A candidate whose file is there is only
printed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from candidate_ways import CANDIDATES, Candidate

from lcirc_cli import console
from lcirc_cli.answering.prefill import answer_ids
from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.bench.report.statistics import paired_difference
from lcirc_cli.cost.peak import give_back
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.model import LcircForCausalLM, Memory
from lcirc_cli.training.assembly import STAGES, assemble
from lcirc_cli.training.config import make_settings, parse_assignments
from lcirc_cli.training.data.corpus import Corpus, Question, load_corpus, select
from lcirc_cli.training.data.passages import document_index, shown_texts
from lcirc_cli.training.distributed import start_processes
from lcirc_cli.training.loop import Stepper
from lcirc_cli.training.methods.objectives import label_losses
from lcirc_cli.training.methods.readers import MemoryReader
from lcirc_cli.training.settings import TrainSettings

PRESET = "smollm2-cpu"
SHOWN = 256  # tokens of passages in a window that is measured
COLUMNS = ("passages", "memory", "another's memory", "question, memory", "question, another's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("init", metavar="INIT")
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--dev", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--limit", type=int, default=30, help="answerable questions a set")
    parser.add_argument("--documents", type=int, default=10, help="of a set, its first ones")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    given = {
        "data": options.data, "init": options.init, "method": "qd-lcirc",
        "autocast": options.dtype, **parse_assignments(options.set),
    }  # fmt: skip
    settings = make_settings(PRESET, given)
    backbone: Backbone | None = None
    make_folder(options.out)
    for name in options.candidates:
        path = options.out / f"{name}.jsonl"
        if not path.exists():
            backbone = backbone or load_backbone(settings.model, dtype=options.dtype, offline=True)
            rows = try_candidate(CANDIDATES[name], settings, backbone, options)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            atomic_write(path, text.encode())
        report(name, [json.loads(line) for line in path.read_text().splitlines()])


def try_candidate(
    candidate: Candidate, settings: TrainSettings, backbone: Backbone, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Train from INIT, then the losses of every development question."""
    usual = STAGES["qa"]
    STAGES["qa"] = candidate.stage
    try:
        parts = assemble(settings, backbone, offline=True)
    finally:
        STAGES["qa"] = usual
    model: LcircForCausalLM = parts.learner._model  # type: ignore[attr-defined]
    alone = start_processes()
    with candidate.changed(model):
        stepper = Stepper(parts.learner, parts.stage, settings=settings, processes=alone)
        parts.learner.train(True)
        begun = time.perf_counter()
        for step in range(settings.steps if candidate.trains else 0):
            row, _ = stepper.step(step)
            give_back()
            spent = console.duration(time.perf_counter() - begun)
            console.note(f"step {step + 1}/{settings.steps}: loss {row['loss']:.3f}, {spent}")
        parts.learner.train(False)
        reader = parts.reader
        assert isinstance(reader, MemoryReader)
        return [
            row
            for folder in options.dev
            for row in measured(model, backbone, reader, folder, options)
        ]


@torch.no_grad()
def measured(
    model: LcircForCausalLM,
    backbone: Backbone,
    reader: MemoryReader,
    folder: Path,
    options: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Losses of a set's answerable questions, spread evenly over its first documents."""
    corpus = load_corpus([folder], backbone)
    most = options.documents
    groups = [[q for q in group if q.answers] for group in corpus.questions[:most]]
    corpus = Corpus(corpus.documents[:most], groups)
    corpus = select(corpus, limit=options.limit, seed=1)
    for number, group in enumerate(corpus.questions):
        if not group:
            continue
        memories = [
            reader.memory(corpus, at % len(corpus.documents), group) for at in (number, number + 1)
        ]
        index = document_index(corpus.documents[number])
        for at, question in enumerate(group):
            own, other = (memory.row(at) for memory in memories)
            shown = shown_texts(index, question.text, budget=SHOWN)
            losses = [
                loss_of(model, backbone, question, passages, memory)
                for passages, memory in (
                    (shown, None), (shown, own), (shown, other), ([], own), ([], other)
                )
            ]  # fmt: skip
            yield {"set": folder.name, "question": question.text, "losses": losses}


def loss_of(
    model: LcircForCausalLM,
    backbone: Backbone,
    question: Question,
    passages: list[str],
    memory: Memory | None,
) -> float:
    """Nats a token of the first gold answer."""
    form = model.adapter.config.prompt_form
    prompt = build_prompt(backbone, question=question.text, passages=passages, form=form)
    answer = answer_ids(backbone, question.answers[0])
    return float(label_losses(model, [prompt], [answer], memory=memory).mean())


def report(name: str, rows: list[dict[str, Any]]) -> None:
    """Print a line a set."""
    for folder in sorted({row["set"] for row in rows}):
        values = np.array([row["losses"] for row in rows if row["set"] == folder])
        line: dict[str, Any] = {"candidate": name, "set": folder, "questions": len(values)}
        for at, column in enumerate(COLUMNS):
            line[column] = round(float(values[:, at].mean()), 3)
        for first, second in ((1, 0), (1, 2), (3, 4)):
            apart = paired_difference(
                values[:, [first]], values[:, [second]], lambda means: means[..., 0]
            )
            three = [round(each, 3) for each in (apart.value, apart.low, apart.high)]
            line[f"{COLUMNS[first]} - {COLUMNS[second]}"] = three
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
