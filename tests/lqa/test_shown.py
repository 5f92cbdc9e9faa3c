"""What a person sees of make-lqa: the dry run, the progress, the sample page and the data card."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import console
from lcirc_cli.commands.make_lqa import _make
from lcirc_cli.lqa.dataset.card import card
from lcirc_cli.lqa.dataset.statistics import Statistics
from lcirc_cli.lqa.estimate import estimate_run
from lcirc_cli.lqa.pairs import progress
from lcirc_cli.lqa.pairs.progress import Meter, read_progress, summary, time_left
from lcirc_cli.lqa.run import make_data, write_sample
from lcirc_cli.lqa.settings import DocumentSettings, LqaSettings, PairSettings, Thresholds
from lcirc_cli.qa.rows import read_rows

from .conftest import Command, Starter, at

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


ABOUT = {
    "made_by": "lcirc 1",
    "generator": "m",
    "prompts": "0123",
    "settings": {
        "documents": asdict(DocumentSettings(inputs=("x",))),
        "pairs": asdict(PairSettings(generator="m")),
    },
}


# --- the dry run ----------------------------------------------------------------------------


def test_the_estimate_is_an_upper_bound_and_asks_nothing(
    settings: LqaSettings, endpoint: Starter
) -> None:
    server = endpoint()
    guess = estimate_run(at(settings, server))
    assert not server.log.exists() or not server.log.read_text()
    make_data(at(settings, server))
    asked = server.counts().total() - 1  # the greeting is no request of the run
    # Options in a second order are the one thing that the estimate leaves out.
    assert 0.5 * guess.requests.total() < asked <= 1.05 * guess.requests.total()
    assert (guess.documents, guess.pairs) == (12, 72)
    assert guess.cost(1.0, 2.0) == pytest.approx(
        (guess.prompt_tokens + 2 * guess.reply_tokens) / 1e6
    )


def test_a_dry_run_tells_the_sums_and_leaves_nothing_behind(
    settings: LqaSettings, endpoint: Starter, command: Command
) -> None:
    server = endpoint()
    guess = estimate_run(at(settings, server))
    words = [settings.documents.inputs[0], "--out", settings.out, "--pairs-per-document", 6]
    words += ["--dry-run", "--price-in", 100, "--price-out", 400]
    out, _ = command.run(*words)  # no model need be named for it
    told = {line[:14].strip(): line[14:].strip() for line in out.splitlines()}
    assert told["documents"].startswith("12 (left out: none)")
    assert told["pairs"] == "72 planned"
    assert told["requests"] == f"{guess.requests.total():,} at most"
    assert told["prompt tokens"] == f"{guess.prompt_tokens:,}"
    assert told["cost"].startswith(f"{guess.cost(100, 400):,.2f}, ")
    out, _ = command.run(*words, "--json", "--endpoint", server.url, "--generator", "fake")
    found = json.loads(out)
    assert found["dry_run"] is True
    assert found["requests"] == guess.requests.total()
    assert found["cost"] == round(guess.cost(100, 400), 2)
    assert not settings.out.exists()
    assert not server.log.exists() or not server.log.read_text()


# --- progress -------------------------------------------------------------------------------


def test_progress_adds_up_the_tasks(tmp_path: Path) -> None:
    for task in range(2):
        counts = Counter(requests=5, prompt_tokens=100, reply_tokens=20)
        troubles = Counter({"HTTP 500": task})
        with Meter(tmp_path / f"{task:05d}.json", counts, troubles) as meter:
            meter.add([])
    now = read_progress(tmp_path)
    assert (now["documents"], now["requests"], now["troubles"]) == (2, 10, 1)
    (tmp_path / "00002.json").write_text("{half a")  # a task that was killed while it told
    assert read_progress(tmp_path) == now


def test_the_line_beside_the_bar_counts_tokens_of_this_start_only() -> None:
    before = Counter(prompt_tokens=1_000, reply_tokens=500, accepted=3)
    now = before + Counter(prompt_tokens=4_000, reply_tokens=2_000, accepted=4, rejected=2)
    assert summary(now, before, 3.0) == "7 accepted, 2 rejected, 2,000 tokens/s"
    assert summary(now + Counter(troubles=8), before, 3.0).endswith("tokens/s, 8 retries")


def test_without_a_terminal_there_is_a_line_now_and_then(
    settings: LqaSettings,
    endpoint: Starter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.2)
    make_data(at(settings, endpoint(latency=0.1), in_flight=4))
    lines = [line for line in capsys.readouterr().err.splitlines() if " tokens/s" in line]
    form = r"lcirc: \d+/12 documents: [\d,]+ accepted, [\d,]+ rejected, [\d,]+ tokens/s"
    assert len(lines) >= 2
    assert all(re.fullmatch(form + r"(, about \d+ (s|min) left)?", line) for line in lines)
    assert lines[-1].endswith(" left")


def test_quiet_is_quiet_without_a_terminal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.01)
    console.set_quiet(True)
    with progress.show_progress(tmp_path, 3):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_the_time_left_is_that_of_this_start() -> None:
    before, now = Counter(documents=10), Counter(documents=40)
    assert time_left(now, before, 60.0, 100) == ", about 2 min left"
    assert time_left(before, before, 60.0, 100) == ""


def test_a_task_that_begins_again_does_not_count_backwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.05)
    with Meter(tmp_path / "00000.json", Counter(prompt_tokens=9_000), Counter()):
        pass  # killed here
    with (
        progress.show_progress(tmp_path, 3),
        Meter(tmp_path / "00000.json", Counter(), Counter()),
    ):
        time.sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.endswith(" 0 tokens/s") for line in lines)


# --- the sample page ------------------------------------------------------------------------


def test_the_sample_page_shows_pairs_beside_their_evidence(
    settings: LqaSettings, endpoint: Starter
) -> None:
    make_data(at(settings, endpoint()))
    page = write_sample(settings.out, 5, seed=0).read_text()
    assert page.count('<section class="rejected">') == 1
    assert page.count("<section>") == 5
    assert page == write_sample(settings.out, 5, seed=0).read_text()
    assert page.count("<mark>") >= 4
    assert "<script" not in page


def test_what_others_wrote_is_escaped_in_the_sample_page() -> None:
    from lcirc_cli.lqa.dataset.sample_page import page

    bad = "<script>alert(1)</script>"
    document = {"id": bad, "title": bad, "text": bad * 3}
    pair = {
        "id": bad,
        "question": bad,
        "answers": [bad],
        "evidence": [[0, len(bad)]],
        "type": bad,
        "reason": bad,
        "detail": bad,
        "quote": bad,
    }
    assert "<script>" not in page([(document, pair)], [pair])


def test_sample_20_writes_a_page_of_twenty_pairs(
    settings: LqaSettings, endpoint: Starter, command: Command
) -> None:
    words = [settings.documents.inputs[0], "--out", settings.out, "--endpoint", endpoint().url]
    words += ["--generator", "fake", "--pairs-per-document", 6, "--sample", 20]
    out, err = command.run(*words)
    page = (settings.out / "sample.html").read_text()
    assert str(settings.out / "sample.html") in err
    shown = re.findall(r"<section>.*?</section>", page, re.DOTALL)
    assert len(shown) == 20
    pairs = {row["id"]: row for row in _rows(settings.out, "qa")}
    for section in shown:
        pair = next(pair for name, pair in pairs.items() if f"· {name}</p>" in section)
        assert section.count("<mark>") == len(pair["evidence"])
    assert page.count('<section class="rejected">') == 5
    accepted = len(pairs)
    assert out.startswith(f"{settings.out}: {accepted} pairs accepted (")
    command.run(*words)  # finished already: the page is written again, nothing is asked
    assert (settings.out / "sample.html").read_text() == page


# --- the data card --------------------------------------------------------------------------


def test_the_data_card_says_what_is_in_the_files(settings: LqaSettings, endpoint: Starter) -> None:
    manifest = make_data(at(settings, endpoint()))
    text = (settings.out / "README.md").read_text()
    pairs, documents = _rows(settings.out, "qa"), _rows(settings.out, "documents")
    assert f"{len(pairs):,} question-answer pairs about {len(documents):,} documents" in text
    for kind, count in Counter(pair["type"] for pair in pairs).items():
        assert re.search(rf"^\| {kind} \| \d+ \| {count} \|$", text, re.MULTILINE), kind
    rejected = Counter(row["reason"] for row in read_rows(settings.out / "rejected/pairs.jsonl.gz"))
    for reason, count in rejected.items():
        assert re.search(rf"^\| `{reason}` \| .* \| {count} \| ", text, re.MULTILINE), reason
    assert len(pairs) + rejected.total() == 72
    yes_no = Counter(pair["answers"][0] for pair in pairs if pair["type"] == "yes_no")
    assert f"{yes_no['yes']} have the answer yes and {yes_no['no']} the answer no" in text
    single = sum(len(pair["evidence"]) == 1 for pair in pairs)
    assert f"{single} single pieces are too few to say" in text
    assert f"| prompts | `{manifest['prompts']}` |" in text
    assert "| seed | 0 |" in text
    plots = re.findall(r"\]\((plots/\w+\.png)\)", text)
    assert sorted(plots) == [
        f"plots/{name}.png" for name in ("depth", "filters", "kinds", "length")
    ]
    for plot in plots:
        assert (settings.out / plot).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("bins", "told"),
    [
        ([104, 96, 100, 99, 101, 103, 97, 100, 95, 105], "is not refuted at p = 1.00 (chi-square"),
        ([900, *[10] * 9], "do not lie evenly"),
        ([4] * 10, "40 single pieces are too few"),
    ],
)
def test_the_data_card_judges_the_depth(bins: list[int], told: str) -> None:
    numbers = Statistics({f"depth/{place}": count for place, count in enumerate(bins)})
    numbers.counts.update({"hops/1": sum(bins), "documents/train": 1, "accepted/span": sum(bins)})
    assert told in card(numbers, ABOUT)


def test_the_data_card_names_the_model_that_asked() -> None:
    assert "| model | `m` |" in card(Statistics(), ABOUT)
    local = card(Statistics(), ABOUT | {"generator": "local"})
    assert "| model | `smollm2` (`--generator local`) |" in local


def test_where_nothing_is_accepted_everything_says_so(
    settings: LqaSettings, endpoint: Starter, capsys: pytest.CaptureFixture[str]
) -> None:
    impossible = Thresholds(min_question_words=1_000, max_question_words=2_000)
    wanted = replace(settings, pairs=replace(settings.pairs, thresholds=impossible))
    _make(at(wanted, endpoint()), 20, None, overwrite=False, json_wanted=False)
    said = capsys.readouterr()
    listed = Counter(row["reason"] for row in read_rows(settings.out / "rejected/pairs.jsonl.gz"))
    assert listed["length"] > 20
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(listed.items()))
    assert (
        said.out
        == f"{settings.out}: 0 pairs accepted (0 train, 0 validation), 72 rejected ({why})\n"
    )
    assert "no pair was accepted; " in said.err
    assert "No pair was accepted." in (settings.out / "sample.html").read_text()
    text = (settings.out / "README.md").read_text()
    assert "There is none, as no pair was accepted." in text
    assert "configs:" not in text
    assert "single pieces" not in text.lower()


def _rows(out: Path, name: str) -> list[dict[str, Any]]:
    paths = [out / split / f"{name}.jsonl.gz" for split in ("train", "validation")]
    return [row for path in paths if path.exists() for row in read_rows(path)]
