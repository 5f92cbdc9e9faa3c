"""What a GPU computes, against the CPU of the same machine: python scripts/gpu_check.py

    python scripts/gpu_check.py [--device cuda] [--size small] [--out docs/results/gpu.md]

Makes a small random backbone with an open adapter (no download), and compares what comes out on
the device with float32 on the CPU: the states of a memory, losses through passages and memory,
answers; in float32, in bfloat16 and, where flash-attn is installed, with its kernels. Then it times
ingest, the first token and decoding beside a large memory, trains two steps in bfloat16, and has
memory run out at ingest. Meant to take at most 6 minutes on one GPU. Ends with exit code 1 where
something is outside its tolerance.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gpu_models import (
    QUESTIONS,
    SIZES,
    Size,
    make_text,
    save_adapter,
    save_backbone,
    save_questions,
)

from lcirc_cli import Engine
from lcirc_cli.answering.generation import Decoding, generate
from lcirc_cli.bench.sample import text_digest
from lcirc_cli.compression import features as computing
from lcirc_cli.documents.document import Document, Page
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.prompts import REFUSAL

# Of the CPU's float32. TF32 is off, so that only the order of sums differs; bfloat16 has 8 bits.
STATES = {"float32": 1e-3, "bfloat16": 5e-2}  # |device - CPU| / |CPU|, over all states
LOSSES = {"float32": 5e-3, "bfloat16": 1e-1}  # nats a token, the greatest difference
SAME_ANSWERS = 0.95  # in float32; in bfloat16 a random model's near ties fall either way


@dataclass(frozen=True)
class Row:
    """One line of the report; `allowed` is what `measured` may be."""

    what: str
    measured: str
    allowed: str = "-"
    holds: bool = True


@dataclass(frozen=True)
class Said:
    """What an engine says to one question, with the losses of an answer and of the refusal."""

    answer: str
    losses: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", choices=sorted(SIZES), default="large")
    parser.add_argument("--out", type=Path, help="write the table there, as Markdown")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("gpu_check: there is no CUDA device; --device cpu --size small tries the script")
    torch.backends.cuda.matmul.allow_tf32 = False
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = check(Path(folder), SIZES[options.size], device=options.device)
    rows.append(Row("all of this", f"{time.perf_counter() - began:.0f} s"))
    text = report(rows, device=options.device, size=options.size)
    print(text)
    if options.out:
        options.out.write_text(text, "utf-8")
    sys.exit(0 if all(row.holds for row in rows) else 1)


def check(folder: Path, size: Size, *, device: str) -> list[Row]:
    """All rows, in the order of the report."""
    lm = save_backbone(folder / "lm", size)
    adapter = save_adapter(folder / "adapter", lm, size)

    def load(where: str, dtype: str, attention: str = "sdpa") -> Engine:
        return Engine.load(
            str(lm), str(adapter), device=where, dtype=dtype, attention=attention, offline=True
        )

    reference = load("cpu", "float32")
    text = make_text(size.compared_words, seed=1)
    memory = reference.ingest([_document(text)])
    said = [_ask(reference, memory, question) for question in QUESTIONS]
    rows: list[Row] = []
    kinds = [("float32", "sdpa"), ("bfloat16", "sdpa")]
    if importlib.util.find_spec("flash_attn") is not None and device.startswith("cuda"):
        kinds.append(("bfloat16", "flash"))
    for dtype, attention in kinds:
        engine = load(device, dtype, attention)
        rows += _compared(engine, text, memory, said, name=f"{dtype}, {attention}", dtype=dtype)
    fast = load(device, "bfloat16")
    rows += _speeds(fast, size)
    rows += _training(folder, lm, size, device=device)
    rows.append(_halved(fast, text))
    return rows


def _compared(
    engine: Engine,
    text: str,
    reference: MemoryContents,
    said: Sequence[Said],
    *,
    name: str,
    dtype: str,
) -> list[Row]:
    """States, losses and answers of one engine against the CPU's."""
    memory = engine.ingest([_document(text)])
    want, have = reference.states[:].float(), memory.states[:].float().cpu()
    states = float((have - want).norm() / want.norm())
    found = [
        _ask(engine, memory, question, gold=one.answer)
        for question, one in zip(QUESTIONS, said, strict=True)
    ]
    pairs = list(zip(found, said, strict=True))
    loss = max(abs(x - y) for a, b in pairs for x, y in zip(a.losses, b.losses, strict=True))
    same = sum(a.answer == b.answer for a, b in pairs) / len(pairs)
    least = SAME_ANSWERS if dtype == "float32" else 0.0
    return [
        _within(f"{name}: states of the memory", states, STATES[dtype]),
        _within(f"{name}: losses of answers and refusals", loss, LOSSES[dtype]),
        Row(
            f"{name}: the same answers",
            f"{same:.0%}",
            f"at least {least:.0%}" if least else "-",
            same >= least,
        ),
    ]


def _within(what: str, measured: float, allowed: float) -> Row:
    return Row(what, f"{measured:.2g}", f"at most {allowed:g}", measured <= allowed)


def _ask(engine: Engine, memory: MemoryContents, question: str, gold: str = "") -> Said:
    """The greedy answer; its loss is that of `gold`, by default of the answer itself."""
    answerer = engine.answerer(memory, max_new_tokens=12)
    (draft,) = answerer.drafts([question], refuses=False)
    losses = [
        generate(
            engine.backbone,
            [draft.window.prompt],
            decoding=Decoding(max_new_tokens=1, one_line=True),
            model=engine.model,
            memory=draft.steered.memory,
            golds=[text],
        )[0].loss
        for text in (gold or draft.generated.text or "nothing", REFUSAL)
    ]
    return Said(draft.generated.text, tuple(loss for loss in losses if loss is not None))


def _speeds(engine: Engine, size: Size) -> list[Row]:
    """Ingest, the first token and decoding, with a memory of many tokens."""
    text = make_text(size.long_words, seed=2)
    engine.ingest([_document(text[: len(text) // 8])])  # kernels are chosen at the first call
    began = time.perf_counter()
    memory = engine.ingest([_document(text)])
    ingest_s = time.perf_counter() - began
    tokens = len(memory.token_ids)
    engine.ask(memory, QUESTIONS[0], max_new_tokens=4)
    answer = engine.ask(memory, QUESTIONS[1], max_new_tokens=size.new_tokens)
    spent = answer.timings.total_s - answer.timings.first_token_s
    decoded = f"{answer.tokens.answer / max(spent, 1e-9):,.0f} tokens/s"
    return [
        Row(f"ingest of {tokens:,} tokens, bfloat16", f"{tokens / ingest_s:,.0f} tokens/s"),
        Row("first token, all segments steered", f"{answer.timings.first_token_s:.3f} s"),
        Row(f"decoding beside {answer.tokens.memory:,} latents", decoded),
    ]


def _training(folder: Path, lm: Path, size: Size, *, device: str) -> list[Row]:
    """Two steps of `lcirc train` in bfloat16."""
    data, out = save_questions(folder / "data", size), folder / "run"
    command = [sys.executable, "-m", "lcirc_cli", "train", "--model", str(lm), "--offline"]
    command += ["--preset", "smollm2-cpu", "--data", str(data), "--out", str(out), "--steps", "2"]
    command += ["--device", device, "--set", "documents=2", "--set", "questions=2"]
    command += ["--set", "autocast=bfloat16"]
    for name, value in size.adapter.items():
        command += ["--set", f"adapter.{name}={json.dumps(value)}"]
    began = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    log = out / "log.jsonl"
    losses = (
        [json.loads(line)["loss"] for line in log.open(encoding="utf-8")] if log.exists() else []
    )
    sound = run.returncode == 0 and len(losses) == 2 and all(0 < loss < 50 for loss in losses)
    told = ", ".join(f"{loss:.2f}" for loss in losses) or run.stderr.strip()[-200:]
    return [
        Row("two training steps, bfloat16: losses", told, "finite", sound),
        Row("the whole command", f"{seconds:.0f} s"),
    ]


def _halved(engine: Engine, text: str) -> Row:
    """A batch of feature windows that does not fit is halved; the states stay the same."""
    want = engine.ingest([_document(text)]).states[:]
    calls: list[int] = []
    with _little_memory(engine, calls):
        have = engine.ingest([_document(text)]).states[:]
    apart = float((have.float() - want.float()).norm() / want.float().norm())
    holds = apart <= STATES["bfloat16"] and len(set(calls)) > 1
    told = f"batches of {' to '.join(map(str, dict.fromkeys(calls)))}, states {apart:.1g} apart"
    return Row("memory runs out at ingest", told, "smaller batches, the same states", holds)


@contextmanager
def _little_memory(engine: Engine, calls: list[int]) -> Iterator[None]:
    """Windows go through the model in fours, of which only pairs and single ones fit."""
    model: Any = engine.model
    features, at_once = model.features, computing.windows_at_once

    def scarce(ids_BT: torch.Tensor) -> Any:
        calls.append(len(ids_BT))
        if len(ids_BT) > 2:
            raise torch.OutOfMemoryError("gpu_check allows two windows")
        return features(ids_BT)

    model.features, computing.windows_at_once = scarce, lambda device: 4
    try:
        yield
    finally:
        del model.features
        computing.windows_at_once = at_once


def _document(text: str) -> Document:
    return Document("book", text, (Page(None, None, 0, len(text)),), text_digest(text), "text")


def report(rows: Sequence[Row], *, device: str, size: str) -> str:
    """The table as Markdown."""
    cuda = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if cuda else platform.processor() or "CPU"
    lines = [
        "# A GPU against the CPU",
        "",
        f"`python scripts/gpu_check.py --device {device} --size {size}`: {name}, torch "
        f"{torch.__version__}, {os.cpu_count()} CPU cores. A random model, and random weights in "
        "its adapter; differences are to float32 on the CPU of the same machine.",
        "",
        "| what | measured | must be | |",
        "|---|---|---|---|",
        *(f"| {r.what} | {r.measured} | {r.allowed} | {'' if r.holds else 'NOT'} |" for r in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
