"""Asking memories of 100,000, a million and ten million tokens: what grows with the memory.

    python tests/perf/large_memories.py FILE.lcirc... --questions DIR [--rounds 3] [--limit 4]

The first file is what the others are measured against; large_texts.py makes them. The questions
are those of a set in the documents + qa form, one a document. Each file is asked in processes of
its own, round by round, and the fastest round counts. Prints a JSON line a file, and one with the
ratios:
    open_s        opening the file, with loaded models
    first_s       that, and the first question's first token with all that lies before it
    next_s        the mean of the further questions' first tokens
    ask_s         the command `lcirc ask FILE QUESTION`, from its start to its answer
    resident_mb   the process's own memory after the questions (RssAnon)
    mapped_mb     pages of files in it, of the memory and the libraries (RssFile)
Seconds are the processes' own processor time on one thread, see _measuring.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from _measuring import ROOT, emit, seconds, take_dtype

from lcirc_cli import Engine
from lcirc_cli.memory.file import load_memory
from lcirc_cli.qa.form import read_folder

LIMITS = {"1m": {"first_s": 1.3, "ask_s": 1.5}, "10m": {"first_s": 2.0, "resident_mb": 1.5}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--questions", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, default=4, help="questions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="one file, in this process")
    take_dtype(parser)
    options = parser.parse_args()
    questions = first_questions(options.questions, limit=options.limit)
    if options.alone:
        print(json.dumps(asked(options.files[0], questions, dtype=options.dtype)))
        return
    taken: dict[Path, list[dict[str, float]]] = {path: [] for path in options.files}
    for _ in range(options.rounds):
        for path, rounds in taken.items():
            rounds.append(in_process(path, options.questions, options.limit, options.dtype))
            rounds[-1]["ask_s"] = command(path, questions[0], dtype=options.dtype)
    found = [
        {name: min(each[name] for each in rounds) for name in rounds[0]}
        for rounds in taken.values()
    ]
    for path, figures in zip(options.files, found, strict=True):
        emit("large memory", file=path.name, **figures)
    for path, figures in list(zip(options.files, found, strict=True))[1:]:
        ratios = {name: figures[name] / found[0][name] for name in figures}
        emit(
            f"{path.name} against {options.files[0].name}",
            **ratios,
            limits=LIMITS.get(path.stem, {}),
        )


def first_questions(folder: Path, *, limit: int) -> list[str]:
    """The first question with an answer of each document."""
    found: dict[str, str] = {}
    for identity, question in read_folder(folder)[1]:
        if question.answers:
            found.setdefault(identity, question.question)
    return list(found.values())[:limit]


def in_process(path: Path, folder: Path, limit: int, dtype: str) -> dict[str, float]:
    """What `asked` finds in a process of its own."""
    arguments = [path, "--questions", folder, "--limit", limit, "--dtype", dtype, "--alone"]
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def asked(path: Path, questions: list[str], *, dtype: str) -> dict[str, float]:
    """A file's figures."""
    engine = Engine.load(dtype=dtype, offline=True)
    start = seconds()
    memory = load_memory(path)
    opened = seconds() - start
    taken = []
    for question in questions:
        start = seconds()
        answer = engine.ask(memory, question, max_new_tokens=1)
        taken.append(seconds() - start)
    return {
        "tokens": len(memory.token_ids),
        "documents": len(memory.documents),
        "segments": answer.segments.all,
        "open_s": opened,
        "first_s": opened + taken[0],
        "next_s": sum(taken[1:]) / max(1, len(taken) - 1),
        **resident(),
    }


def resident() -> dict[str, float]:
    """Of this process, in MB (Linux)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    rows = {line.split()[0]: int(line.split()[1]) / 1e3 for line in lines if line[:3] == "Rss"}
    return {"resident_mb": rows["RssAnon:"], "mapped_mb": rows["RssFile:"]}


def command(path: Path, question: str, *, dtype: str) -> float:
    """Processor seconds of `lcirc ask`."""
    line = [sys.executable, "-m", "lcirc_cli", "ask", path, question, "--dtype", dtype, "--offline"]
    child = subprocess.Popen(list(map(str, line)), cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"lcirc ask ended with {child.returncode}")
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
