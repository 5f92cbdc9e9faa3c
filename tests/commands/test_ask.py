"""`lcirc ask`: what goes to which stream, the JSON form, exit codes, and interruptions."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.evidence import texts_of
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import SMALL, make_text, save_adapter, save_backbone

Run = Callable[..., Any]
QUESTION = "What did the harbour master write?"
KEYS = {
    "schema": int,
    "question": str,
    "answer": str,
    "finish": str,
    "citations": list,
    "found": bool,
    "sure": bool,
    "confidence": type(None),  # nothing was fitted
    "tokens": dict,
    "segments": dict,
    "timings": dict,
    "method": str,
    "window": str,
    "model": str,
    "adapter": str,
    "memory_sha256": str,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Run, models: list[Any]) -> Path:
    """A folder with the memories one.lcirc and two.lcirc."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("one", 1), ("two", 2)):
        Path(f"{name}.txt").write_text(make_text(seed, words=300), "utf-8")
        assert cli("ingest", f"{name}.txt", "--quiet", *models).status == 0
    return tmp_path


@pytest.fixture
def ask(here: Path, cli: Run, models: list[Any]) -> Run:
    return lambda *arguments: cli("ask", *arguments, "--max-new-tokens", 12, *models)


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def pipe_bytes(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


# -- what is printed ------------------------------------------------------------------------


def test_the_answer_and_its_citations_go_to_standard_output(ask: Run, engine: Engine) -> None:
    done = ask("one.lcirc", QUESTION)
    assert done.status == 0
    memory = load_memory("one.lcirc")
    answer = engine.ask(memory, QUESTION, max_new_tokens=12)
    lines = done.out.splitlines()
    assert lines[-len(answer.citations)].startswith("[1] one.txt (")
    assert len([line for line in lines if line.startswith("[")]) == len(answer.citations) > 0
    assert "tokens compressed" not in done.out
    assert (
        f"{len(memory.token_ids):,} tokens compressed in 12 of 12 segments, "
        f"{answer.tokens.window:,} in the window, none dropped" in done.err
    )
    assert "\x1b" not in done.out + done.err


def test_json_has_exactly_the_schema(ask: Run, here: Path) -> None:
    done = ask("one.lcirc", "-q", QUESTION, "--json")
    answer = json.loads(done.out)
    assert {key: type(value) for key, value in answer.items()} == KEYS
    assert answer["schema"] == 2 and answer["question"] == QUESTION
    assert set(answer["tokens"]) == {"document", "window", "memory", "answer"}
    assert set(answer["timings"]) == {"load_s", "compress_s", "first_token_s", "total_s"}
    timings = answer["timings"]
    assert 0 < timings["compress_s"] <= timings["first_token_s"] <= timings["total_s"]
    assert answer["method"] == "qd-lcirc" and answer["window"] == "evidence"
    memory = load_memory("one.lcirc")
    assert answer["memory_sha256"] == memory.sha256
    text = memory.documents[0].text
    assert 0 < len(answer["citations"]) <= 3
    for citation in answer["citations"]:
        assert list(citation) == [
            "document", "document_index", "page", "pages", "label", "section", "start", "end",
            "quote", "score",
        ]  # fmt: skip
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        assert 0 < citation["score"] <= 1


def test_segments_that_no_question_steers_are_told(ask: Run) -> None:
    tokens = len(load_memory("one.lcirc").token_ids)
    done = ask("one.lcirc", QUESTION, "--json", "--segments", 3)
    answer = json.loads(done.out)
    assert answer["segments"] == {"all": 12, "steered": 3}
    read = 3 * SMALL["segment_length"]
    assert f"{read} tokens compressed in 3 of 12 segments" in done.err
    assert f"{tokens - read} dropped" in done.err
    whole = json.loads(ask("one.lcirc", QUESTION, "--json", "--segments", 0).out)
    assert whole["segments"] == {"all": 12, "steered": 12}
    memoryless = json.loads(ask("one.lcirc", QUESTION, "--json", "--method", "lcirc").out)
    assert memoryless["segments"] == {"all": 12, "steered": 0}


def test_citations_name_the_page(ask: Run, cli: Run, models: list[Any], data_dir: Path) -> None:
    pdf = data_dir / "pdfs" / "tracemonkey.pdf"
    assert cli("ingest", pdf, "-o", "trace.lcirc", "--pages", "4-7", *models).status == 0
    (document,) = texts_of([load_memory("trace.lcirc")])
    question = (
        "Which oracle marks variables that cause mis-speculations with double instead of int?"
    )
    answer = json.loads(ask("trace.lcirc", question, "--json").out)
    assert answer["found"] is True
    for citation in answer["citations"]:
        parts = citation.get("parts", [[citation["start"], citation["end"]]])
        assert "\n".join(document.text[a:b] for a, b in parts) == citation["quote"]
        first, last = (document.page_at(at) for at in (citation["start"], citation["end"] - 1))
        assert first is not None and last is not None
        assert citation["pages"] == [first.number, last.number]
        assert first.number <= citation["page"] <= last.number and citation["label"] is None
    assert "oracle" in answer["citations"][0]["quote"].lower()
    assert (
        f"[1] tracemonkey.pdf, p. {answer['citations'][0]['page']} ("
        in ask("trace.lcirc", question).out
    )


def test_weak_evidence_is_told(ask: Run) -> None:
    done = ask("one.lcirc", "zeppelin xylophone quasar?", "--json")
    assert json.loads(done.out)["found"] is False
    assert "may not contain the answer" in done.err


def test_no_citations_when_none_are_wanted(ask: Run) -> None:
    assert json.loads(ask("one.lcirc", QUESTION, "--json", "--citations", 0).out)["citations"] == []


def test_what_is_left_out_is_told(ask: Run) -> None:
    memory = load_memory("one.lcirc")
    size = f"{len(memory.token_ids):,} tokens"
    done = ask("one.lcirc", QUESTION, "--method", "none", "--window", "none")
    assert f"lcirc: 0 of {size} read" in done.err
    done = ask("one.lcirc", QUESTION, "--method", "none")
    told = re.search(rf"lcirc: {size} searched, the best ([\d,]+) read", done.err)
    assert told and 0 < int(told[1].replace(",", "")) <= len(memory.token_ids)


def test_quiet_leaves_the_answer(ask: Run) -> None:
    done = ask("one.lcirc", QUESTION, "--quiet")
    assert all(": warning: " in line for line in done.err.splitlines())  # these remain
    assert "was cut" in done.err
    assert done.out == ask("one.lcirc", QUESTION).out


def test_closed_gates_are_told_in_one_line(here: Path, cli: Run, backbone_folder: Path) -> None:
    models = ["--model", backbone_folder, "--dtype", "float32"]
    cli("ingest", "one.txt", "-o", "closed.lcirc", *models)
    done = cli("ask", "closed.lcirc", QUESTION, "--max-new-tokens", 3, *models)
    told = [line for line in done.err.splitlines() if "gates are closed" in line]
    assert done.status == 0 and len(told) == 1


# -- where the question comes from ------------------------------------------------------------


def test_the_question_may_come_from_a_pipe(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"{QUESTION}\n")
    assert ask("one.lcirc").out == ask("one.lcirc", QUESTION).out
    pipe(monkeypatch, " \n")
    assert ask("one.lcirc").status == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff?"), encoding="utf-8"))
    done = ask("one.lcirc")
    assert done.status == 2 and "not valid UTF-8" in done.err
    pipe_bytes(monkeypatch, f"\ufeff{QUESTION}\r\n".encode())
    assert json.loads(ask("one.lcirc", "--json").out)["question"] == QUESTION
    pipe_bytes(monkeypatch, QUESTION.encode("utf-16"))
    done = ask("one.lcirc")
    assert done.status == 2 and "UTF-16" in done.err


def test_many_questions(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["Who carries silver?", QUESTION, "Où sont les lanternes ?", "bread", "maps"]
    lines = [json.dumps({"question": asked[0], "id": 7}), *map(json.dumps, asked[1:])]
    Path("q.jsonl").write_text("\ufeff" + "\n\n".join(lines) + "\n", "utf-8")
    done = ask("one.lcirc", "--questions", "q.jsonl", "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["question"] for answer in answers] == asked
    assert [answer["id"] for answer in answers] == [7, 3, 5, 7, 9]  # its own, or its line
    for answer in answers:
        alone = json.loads(ask("one.lcirc", answer["question"], "--json").out)
        assert alone["answer"] == answer["answer"]
        assert alone["citations"] == answer["citations"]
    pipe(monkeypatch, "\n".join(lines))
    text = ask("one.lcirc", "--questions", "-").out
    assert [line[2:] for line in text.splitlines() if line.startswith("> ")] == asked
    pipe_bytes(monkeypatch, b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert ask("one.lcirc", "--questions", "-").out == text
    pipe_bytes(monkeypatch, "\n".join(lines).encode("utf-16"))
    done = ask("one.lcirc", "--questions", "-")
    assert done.status == 2 and "line 1: not UTF-8" in done.err


def test_an_answer_cut_by_the_limit_says_so(ask: Run) -> None:
    """The tiny model never ends an answer by itself."""
    done = ask("one.lcirc", QUESTION, "--json")
    answer = json.loads(done.out)
    assert answer["finish"] == "length" and answer["tokens"]["answer"] == 12
    assert "cut at 12 tokens" in done.err and "--max-new-tokens" in done.err


@pytest.mark.parametrize(
    "content",
    [
        *("", "\n", "plain words", '{"q": "x"}', '{"question": 3}', '"ok"\n[]', r'"\ud800?"'),
        "[" * 100_000,
    ],
)
def test_questions_that_cant_be_used(ask: Run, content: str) -> None:
    Path("q.jsonl").write_text(content)
    done = ask("one.lcirc", "--questions", "q.jsonl")
    assert done.status == 2 and "q.jsonl" in done.err and done.out == ""


def test_documents_of_one_name_are_told_apart_by_their_memory(ask: Run) -> None:
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(f"{name}.lcirc").rename(f"{name}/same.lcirc")
    both = json.loads(ask("one/same.lcirc", "two/same.lcirc", QUESTION, "--json").out)
    assert {each["document"] for each in both["citations"]} <= {"one.txt", "two.txt"}
    Path("one/same.lcirc").rename("same.lcirc")
    Path("two/same.lcirc").unlink()
    Path("copy.lcirc").write_bytes(Path("same.lcirc").read_bytes())
    both = json.loads(ask("same.lcirc", "copy.lcirc", QUESTION, "--json").out)
    names = {0: "one.txt (same.lcirc)", 1: "one.txt (copy.lcirc)"}
    assert all(names[each["document_index"]] == each["document"] for each in both["citations"])


def test_several_memories(ask: Run) -> None:
    both = json.loads(ask("one.lcirc", "two.lcirc", QUESTION, "--json").out)
    hashes = [load_memory(f"{name}.lcirc").sha256 for name in ("one", "two")]
    assert both["memory_sha256"].split() == hashes
    single = json.loads(ask("one.lcirc", QUESTION, "--json").out)
    assert both["tokens"]["memory"] > single["tokens"]["memory"]


def test_the_environment_and_the_flags(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCIRC_METHOD", "lcirc")
    monkeypatch.setenv("LCIRC_WINDOW", "none")
    answer = json.loads(ask("one.lcirc", QUESTION, "--json", "--window", "ends").out)
    assert answer["method"] == "lcirc" and answer["window"] == "ends"
    monkeypatch.delenv("LCIRC_WINDOW")
    Path("c.toml").write_text('quiet = true\n[ask]\nwindow = "none"\nmethod = "none"\n')
    answer = json.loads(ask("one.lcirc", QUESTION, "--json", "--config", "c.toml").out)
    assert answer["method"] == "lcirc" and answer["window"] == "none"


# -- exit codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([QUESTION], "no document or memory file given"),
        (["one.lcirc", "What", "now?"], "in quotes"),
        (["one.lcirc", "What?", "-q", "now?"], "too many"),
        (["one.lcirc", ""], "empty"),
        (["one.lcirc", "Where is the caf\udce9?"], "not valid UTF-8"),
        (["one.lcirc", QUESTION, "--method", "rag"], "qd-lcirc"),
        (["one.lcirc", QUESTION, "--citations", "-1"], "citations"),
        (["one.lcirc", QUESTION, "--segments", "-1"], "segments must be 0 or more"),
        (["one.lcirc", QUESTION, "--temperature", "1", "--seed", "9" * 21], "seed must be"),
        (["one.lcirc", QUESTION, "--temperature", "1", "--seed", "-1"], "seed must be"),
        (["one.lcirc", QUESTION, "--questions", "one.txt"], "not both"),
        (["one.lcirc", "--questions", "missing.jsonl"], "missing.jsonl"),
        (["one.lcirc", "bread " * 1100], "too long"),
    ],
)
def test_mistakes_on_the_command_line(ask: Run, arguments: list[str], hint: str) -> None:
    done = ask(*arguments)
    assert done.status == 2 and hint in done.err and done.out == ""
    assert len([line for line in done.err.splitlines() if "untrained" not in line]) == 1


def test_a_damaged_memory(ask: Run) -> None:
    data = bytearray(Path("one.lcirc").read_bytes())
    data[len(data) // 2] ^= 1
    Path("one.lcirc").write_bytes(data)
    done = ask("one.lcirc", QUESTION)
    assert done.status == 5 and "one.lcirc" in done.err and done.out == ""


def test_another_adapter_tokenizer_or_model(
    here: Path, cli: Run, engine: Engine, adapter_folder: Path, backbone_folder: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    adapter = save_adapter(tmp_path / "adapter", engine, **SMALL, seed=9)
    model = save_backbone(tmp_path / "model", seed=4)
    for models, message in (
        (["--model", backbone_folder, "--adapter", adapter], "with the adapter"),
        (["--model", model], "with the model"),
        (["--model", model, "--adapter", adapter_folder], "was made for the model"),
    ):
        done = cli("ask", "one.lcirc", QUESTION, "--dtype", "float32", *models)
        assert done.status == 4 and message in done.err and done.out == ""
    (backbone_folder / "tokenizer.json").replace(tmp_path / "kept.json")
    try:
        text = (tmp_path / "kept.json").read_text("utf-8")
        (backbone_folder / "tokenizer.json").write_text(
            text.replace('"add_prefix_space": false', '"add_prefix_space": true'), "utf-8"
        )
        models = ["--model", backbone_folder, "--adapter", adapter_folder]
        done = cli("ask", "one.lcirc", QUESTION, "--dtype", "float32", *models)
    finally:
        (tmp_path / "kept.json").replace(backbone_folder / "tokenizer.json")
    assert done.status == 4 and "with the tokenizer" in done.err


# -- as a process of its own --------------------------------------------------------------------


def test_another_process_gives_the_same_answer(
    ask: Run, here: Path, lcirc_child: Run, models: list[Any]
) -> None:
    for options in (["--method", "lcirc"], ["--window", "none"], []):
        arguments = ["one.lcirc", QUESTION, "--json", *options]
        inside = json.loads(ask(*arguments).out)
        child = lcirc_child("ask", *arguments, "--max-new-tokens", 12, *models, cwd=here)
        outside = json.loads(child.finish().out)
        for answer in (inside, outside):
            del answer["timings"]
        assert outside == inside


@pytest.mark.parametrize("moment", ["answering", "loading"])
def test_interrupted(lcirc_child: Run, here: Path, models: list[Any], moment: str) -> None:
    (here / "q.jsonl").write_text('"bread"\n' * 20_000)
    words = ["ask", "one.lcirc", "--questions", "q.jsonl", "--json", *models]
    child = lcirc_child(*words, cwd=here)
    # The memory is mapped before the models are loaded: then the child is past its own start.
    maps = Path(f"/proc/{child.process.pid}/maps")
    if not maps.exists():
        pytest.skip("no way to see how far the child is")
    while not (child.out.stat().st_size if moment == "answering" else "one.l" in maps.read_text()):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    status, _, err = child.finish()
    assert status == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "lcirc: interrupted"


def test_a_broken_pipe_is_quiet(here: Path, models: list[Any]) -> None:
    (here / "q.jsonl").write_text('"bread"\n' * 200)
    words = ["ask", "one.lcirc", "--questions", "q.jsonl", "--quiet", *map(str, models)]
    child = subprocess.Popen(
        [sys.executable, "-m", "lcirc_cli", *words],
        cwd=here,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(120) == 141
    told = child.stderr.read().splitlines()
    assert all("was cut at" in line for line in told)  # of answers before the pipe broke


def test_an_answer_that_is_not_sure_is_printed_as_such(
    ask: Run, here: Path, models: list[Any], adapter_folder: Path, cli: Run
) -> None:
    """Alone and in a batch; programs get the bare answer."""
    folder = shutil.copytree(adapter_folder, here / "unsure")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    weights = {name: [0.0, 0.0, 0.0] for name in (*SIGNALS, "constant")}
    config["confidence"] = {**weights, "constant": [0.0, -9.0, 1.0]}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    given = ["--max-new-tokens", 12, *models, "--adapter", folder]
    record = json.loads(cli("ask", "one.lcirc", QUESTION, "--json", *given).out)
    assert (record["sure"], record["confidence"]) == (False, pytest.approx(0.2689))
    text = cli("ask", "one.lcirc", QUESTION, *given).out
    assert text.startswith(f"not sure: {record['answer']}\n[1] one.txt")
    Path("q.jsonl").write_text(json.dumps(QUESTION), "utf-8")
    batch = cli("ask", "one.lcirc", "--questions", "q.jsonl", *given).out
    assert batch == f"> {QUESTION}\n{text}\n"
