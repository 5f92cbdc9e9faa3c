"""`lcirc ask`: what goes to which stream, and the JSON form."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.adapters.confidence import SIGNALS
from lcirc_cli.evidence import texts_of
from lcirc_cli.memory.file import load_memory

from ..engine.tiny import SMALL
from .conftest import QUESTION

Run = Callable[..., Any]
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


def test_an_answer_cut_by_the_limit_says_so(ask: Run) -> None:
    """The tiny model never ends an answer by itself."""
    done = ask("one.lcirc", QUESTION, "--json")
    answer = json.loads(done.out)
    assert answer["finish"] == "length" and answer["tokens"]["answer"] == 12
    assert "cut at 12 tokens" in done.err and "--max-new-tokens" in done.err


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
