"""The report as a page: whole, with its plots, and no escape sequence of a stranger."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.report import make_report, plots
from lcirc_cli.bench.results import Row, Rows

from ..commands.terminal import on_terminal
from .reported import SYSTEMS, TASKS


class Page(HTMLParser):
    """Notes what a page asks for from elsewhere, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("src", "href", "xlink:href"):
            if (value := values.get(name)) and not value.startswith(("#", "data:")):
                self.asked.append(value)
        if tag in ("script", "link", "iframe"):
            self.asked.append(tag)
        if tag in ("table", "tr", "svg", "dl", "h2", "body"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "tr", "svg", "dl", "h2", "body"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(run_folder: Path) -> None:
    make_report(run_folder, compare_paper=True)
    text = (run_folder / "report.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.asked == [] and page.open == []
    assert text.count("<svg") == 4  # bars, perplexity, heat maps, costs
    assert "&lt;smollm2&gt;" in text and "<smollm2>" not in text
    assert "@import" not in text and "url(http" not in text
    assert len(text) < 400_000


def test_plots_are_drawn_where_something_else_is_to_be_shown(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_report(run_folder)
    page, drawn = (run_folder / "report.html").read_bytes(), list[str]()

    def counted(name: str, own: Any) -> Any:
        return lambda *given: drawn.append(name) or own(*given)

    for name in ("bars", "curves", "heat_maps", "costs"):
        monkeypatch.setattr(plots, name, counted(name, getattr(plots, name)))
    make_report(run_folder)
    assert drawn == [] and (run_folder / "report.html").read_bytes() == page
    costs = json.loads((run_folder / "cost.json").read_text())
    (run_folder / "cost.json").write_text(json.dumps([*costs[:-1], {**costs[-1], "total": 5}]))
    make_report(run_folder)
    assert drawn == ["costs"]
    row = Row(TASKS[0], SYSTEMS[0], "9", "qa_f1", values={"f1": 1.0, "exact": 1.0})
    Rows(run_folder / "samples.jsonl").append([row])
    make_report(run_folder)
    assert drawn == ["costs", "bars", "curves", "heat_maps"]


@pytest.mark.parametrize(
    "put",
    [
        "<script>alert(1)</script>",
        "<foreignObject><p/></foreignObject>",
        "<!--><img src='x' onerror='alert(1)'/> -->",
        "<style><![CDATA[</style><img src='x' onerror='alert(1)'>]]></style>",
        "</svg><meta http-equiv='refresh' content='0;url=http://evil.example'/>",
        "<p>",
    ],
)
def test_plots_of_a_stranger_with_more_than_shapes_are_drawn_anew(
    run_folder: Path, put: str
) -> None:
    make_report(run_folder)
    page = (run_folder / "report.html").read_bytes()
    kept = json.loads((run_folder / "plots.json").read_text())
    for each in kept.values():
        each["svg"] = each["svg"].replace("</svg>", f"{put}</svg>")
    (run_folder / "plots.json").write_text(json.dumps(kept))
    make_report(run_folder)
    assert (run_folder / "report.html").read_bytes() == page
    (run_folder / "plots.json").write_text('{"bars": 3')
    make_report(run_folder)
    assert (run_folder / "report.html").read_bytes() == page
    assert b"default-src 'none'" in page


def test_no_escape_sequence_of_a_name_reaches_a_page(run_folder: Path) -> None:
    settings = json.loads((run_folder / "run.json").read_text())
    settings["model"] = "own\x1b]0;x\x07\x9b31m\u202e"
    (run_folder / "run.json").write_text(json.dumps(settings))
    notes = [{"task": TASKS[0], "system": SYSTEMS[0], "note": "said\x1b[31m\x90"}]
    (run_folder / "notes.json").write_text(json.dumps(notes))
    make_report(run_folder)
    for name in ("report.md", "report.csv", "report.html", "summary.json"):
        text = (run_folder / name).read_text("utf-8")
        assert "said" in text or "own" in text
        assert not set(text) & set("\x1b\x07\x9b\x90\u202e")


def test_no_escape_sequence_of_a_name_reaches_a_terminal(run_folder: Path) -> None:
    settings = json.loads((run_folder / "run.json").read_text())
    settings["model"] = "own\x1b]0;x\x07\x9b31m\u202e"
    (run_folder / "run.json").write_text(json.dumps(settings))
    notes = [{"task": TASKS[0], "system": SYSTEMS[0], "note": "said\x1b[66n\x90"}]
    (run_folder / "notes.json").write_text(json.dumps(notes))
    rows = run_folder / "samples.jsonl"
    odd = f"{TASKS[0]}\\u001b]0;x\\u0007\\u009b66n"
    rows.write_text(rows.read_text().replace(TASKS[0], odd))
    status, shown = on_terminal(["bench", "report", run_folder])
    assert status == 0 and "report.html" in shown and SYSTEMS[0] in shown
    bare = re.sub("\x1b\\[[?]?[0-9;]*[mKAhl]", "", shown)  # what colours a table
    assert not set(bare) & set("\x1b\x07\x9b\x90\u202e")
