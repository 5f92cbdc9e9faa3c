"""Selective against truncated BPTT, with and without the question in the compressor.

    python scripts/bptt_table.py OUT [--table docs/results/bptt.md] [--config FILE.toml]

Trains a tiny decoder that can look facts up in its window, then, by `lcirc train`'s own code, four
adapters a seed for it: selective or truncated back-propagation, with the question steering the
compression (QD) or not. Documents state one fact in each of their 64 segments; all are asked, with
the question alone in the window. An answer is the key and its value; right is the most likely
token after the key. Prints the table, and writes it with the configuration to --table. One core
trains one adapter at a time, and as many are trained at once as there are cores; how many does not
change the table. Killed at any moment, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bptt_report import Outcome, report
from tiny_backbone import BackboneSettings, make_backbone
from tiny_world import Document, make_document, write_documents

from lcirc_cli.answering.windows import build_prompt
from lcirc_cli.backbones.loading import Backbone, load_backbone
from lcirc_cli.backbones.tokens import encode, encode_questions
from lcirc_cli.compression.features import stored_features
from lcirc_cli.compression.recurrence import run_pass
from lcirc_cli.compression.segments import Segments, group_segments, segment_lengths
from lcirc_cli.errors import UsageError
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.methods.adapter import build_model
from lcirc_cli.training.run import train
from lcirc_cli.training.settings import TrainSettings

HERE = Path(__file__).resolve().parent
SYSTEMS: dict[str, dict[str, Any]] = {
    f"{'QD' if steered else 'not QD'}, {bptt}": {
        "bptt": bptt,
        "mixer_dropout": 0.0 if steered else 1.0,
        "adapter.query_mixer": steered,
    }
    for steered in (True, False)
    for bptt in ("selective", "truncated")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--config", type=Path, default=HERE / "bptt_table.toml", metavar="FILE")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="also write the table here")
    options = parser.parse_args()
    text = options.config.read_text("utf-8")
    print(run(options.out, text, table=options.table))


def run(out: Path, text: str, *, table: Path | None = None) -> str:
    """Everything that is not in `out` yet, then the table, as Markdown.

    Args:
        text: the configuration, TOML.

    Raises:
        UsageError: `out` was begun with another configuration, or the tiny decoder did not learn
            to look facts up.
    """
    claim(make_folder(out), text)
    config = tomllib.loads(text)
    os.environ["LCIRC_CACHE"] = str(out / "cache")
    learnt = pretrained(out / "backbone", config)
    if learnt < config["least_backbone_accuracy"]:
        raise UsageError(
            f"the tiny decoder finds only {learnt:.0%} of the facts in its own window, so no "
            "adapter could read for it: give [backbone] more steps, and choose another folder"
        )
    rng = np.random.default_rng(config["documents"]["seed"])
    training, test = documents(rng, config, "training"), documents(rng, config, "test")
    write_documents(out / "data", training)
    train_missing(out, config=config, test=test)
    outcomes = {name: [read(out, name, seed) for seed in config["seeds"]] for name in SYSTEMS}
    command = f"python scripts/{Path(__file__).name} OUT{f' --table {table}' if table else ''}"
    made = report(
        outcomes,
        command=command,
        config=text,
        parts=config["depth_parts"],
        backbone_accuracy=learnt,
    )
    if table is not None:
        atomic_write(table, made.encode())
    return made


def claim(out: Path, text: str) -> None:
    """Make `out` this configuration's folder, or check that it is."""
    path = out / "config.toml"
    if path.exists() and path.read_text("utf-8") != text:
        raise UsageError(f"{out} was begun with another configuration: choose another folder")
    atomic_write(path, text.encode())


def pretrained(folder: Path, config: dict[str, Any]) -> float:
    """Make the tiny model if it isn't there; the share of facts it finds in its own window."""
    done = folder / "accuracy.json"
    if not done.exists():
        settings = BackboneSettings(**config["backbone"])
        length = config["documents"]["segment_tokens"]
        accuracy = make_backbone(folder, settings, segment_tokens=length)
        atomic_write(done, json.dumps(accuracy).encode())
    return float(json.loads(done.read_text("utf-8")))


def documents(rng: np.random.Generator, config: dict[str, Any], count: str) -> list[Document]:
    """Random documents, as many as the configuration says."""
    shape = config["documents"]
    return [
        make_document(rng, segments=shape["segments"], segment_tokens=shape["segment_tokens"])
        for _ in range(shape[count])
    ]


def train_missing(out: Path, *, config: dict[str, Any], test: Sequence[Document]) -> None:
    """Train and test every adapter that isn't known yet, each in one thread."""
    make_folder(out / "outcomes")
    missing = [
        (name, seed)
        for name in SYSTEMS
        for seed in config["seeds"]
        if not place(out, name, seed).exists()
    ]
    if not missing:
        return
    workers = ProcessPoolExecutor(
        min(torch.get_num_threads(), len(missing)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    )
    with workers:
        begun = [
            workers.submit(train_one, out, name, seed, config=config, test=test)
            for name, seed in missing
        ]
        for each in begun:
            each.result()


def train_one(
    out: Path, name: str, seed: int, *, config: dict[str, Any], test: Sequence[Document]
) -> None:
    """Train and test one adapter; what it answers right goes to its `place`."""
    path = place(out, name, seed)
    backbone = load_backbone(str(out / "backbone"), device="cpu", dtype="float32", offline=True)
    settings = training_settings(config, SYSTEMS[name], seed=seed, data=out / "data")
    started = time.process_time()
    train(settings, out / "runs" / path.stem, resume=True, backbone=backbone)
    seconds = time.process_time() - started
    best = {"init": str(out / "runs" / path.stem / "best")}
    model = build_model(make_settings(None, best), backbone).eval()
    true = [answered(model, backbone, d, asked=d) for d in test]
    others = [*test[1:], test[0]]
    shuffled = [answered(model, backbone, o, asked=d) for d, o in zip(test, others, strict=True)]
    atomic_write(path, json.dumps([true, shuffled, seconds]).encode())


def place(out: Path, name: str, seed: int) -> Path:
    """The file of one adapter's outcome."""
    return out / "outcomes" / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}.json"


def read(out: Path, name: str, seed: int) -> Outcome:
    """What an adapter answered right."""
    true, shuffled, seconds = json.loads(place(out, name, seed).read_text("utf-8"))
    return Outcome(np.array(true, dtype=float), np.array(shuffled, dtype=float), seconds)


def training_settings(
    config: dict[str, Any], system: dict[str, Any], *, seed: int, data: Path
) -> TrainSettings:
    """The settings of one run: what all share, what the system is, the seed."""
    adapter = {f"adapter.{key}": value for key, value in config["adapter"].items()}
    own = {"data": [str(data)], "model": "tiny", "seed": seed}
    return make_settings(None, config["training"] | adapter | system | own)


@torch.no_grad()
def answered(
    model: LcircForCausalLM, backbone: Backbone, document: Document, *, asked: Document
) -> list[bool]:
    """Whether each fact of `asked` is answered from the memory of `document`, by depth."""
    tokenizer: Any = backbone.tokenizer
    ids_of = tokenizer.convert_tokens_to_ids
    ids = torch.from_numpy(encode(tokenizer, " ".join(document.words))[0]).long()
    questions = [fact.question for fact in asked.facts]
    question = None
    if model.adapter.config.query_mixer:
        question = model.question_keys(*encode_questions(tokenizer, questions))
    form = model.adapter.config.prompt_form
    prompts = [
        [*build_prompt(backbone, question=fact.question, form=form), *ids_of([fact.key])]
        for fact in asked.facts
    ]
    config = model.adapter.config
    features = stored_features(model, ids) if config.segment_inputs else {}
    segments = Segments(ids, features, group_segments(segment_lengths(len(ids), config)))
    memory = run_pass(model, segments, question=question).memory
    said = model(torch.tensor(prompts), memory=memory).logits[:, -1].argmax(dim=-1)
    right = ids_of([fact.value for fact in asked.facts])
    return (said == torch.tensor(right)).tolist()


if __name__ == "__main__":
    main()
