"""Escape sequences in every field that a command prints: none comes out, terminal or not."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import console, errors
from lcirc_cli.bench.textable import Table
from lcirc_cli.documents.document import Page
from lcirc_cli.memory.file import load_memory, save_memory

from ..documents.bad_inputs import docx, epub, page, paragraph
from ..memory.samples import make_contents, make_document
from .terminal import on_terminal

Run = Callable[..., Any]

EVIL = "P\x1b]0;own\x07W\x1b[666nN\x9b31mE\u202eD\u2066\x7f\x90q\x08"
NAME = EVIL  # a file's name may hold all of it
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_OF_RICH = re.compile("\x1b\\[[?]?[0-9;]*[mKAhl]|\r")  # what draws the bars of progress
REFERENCES = "P&#27;]0;own&#7;W&#x1b;[666nN&#x9b;31mE&#x202e;D&#x90;q"


@pytest.fixture(params=["pipe", "terminal"])
def checked(
    request: pytest.FixtureRequest, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """`cli` that looks at all that was printed."""
    monkeypatch.chdir(tmp_path)
    if request.param == "terminal":
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)

    def run(*arguments: Any, shown: str = "P") -> Any:
        done = cli(*arguments)
        out, err = done.out, done.err
        if request.param == "terminal":
            err = _OF_RICH.sub("", err)
        for text in (out, err):
            found = FORBIDDEN.search(text)
            assert found is None, (arguments, text[max(0, found.start() - 40) :][:80])
        assert shown in out + err, (arguments, out, err)
        return done

    return run


def test_of_documents(checked: Run, models: list[Any], tmp_path: Path) -> None:
    folder = tmp_path / f"folder {NAME}"
    folder.mkdir()
    body = f"<h1>Head {REFERENCES}</h1><p>The treaty {REFERENCES} was signed by Maud.</p>"
    (folder / f"a {NAME}.html").write_text(f"<title>T {REFERENCES}</title>{body}")
    (folder / f"b {NAME}.md").write_text(f"# Part {EVIL}\n\nThe war {EVIL} began in May.\n")
    (folder / "c.txt").write_bytes(b"The harvest \x1b]0;own\x07 of \xc2\x9b31m barley failed.\n")
    (folder / f"d {NAME}.epub").write_bytes(epub({"x.xhtml": page("One", body)}))
    (folder / f"e {NAME}.docx").write_bytes(docx(paragraph(f"Head {EVIL[:1]}&#x9b;", heading=True)))
    (folder / f"f {NAME}.pdf").write_bytes(b"%PDF-1.4 " + EVIL.encode())  # skipped aloud
    memory = tmp_path / f"m {NAME}.lcirc"
    done = checked("ingest", folder, "-o", memory, *models)
    assert done.status == 0 and "skipped" in done.err
    report = json.loads(checked("ingest", folder, "-o", memory, *models, "--json").out)
    assert Path(report["memory"]) == memory  # JSON gives it whole, escaped
    for options in ([], ["--json"]):
        checked("info", memory, *options)
        asked = [memory, "Who signed the treaty?", *models, "--max-new-tokens", 4]
        checked("ask", *asked, *options)
    text = "".join(document.text for document in load_memory(memory).documents)
    assert not FORBIDDEN.search(text)
    assert checked("ingest", tmp_path / f"none {NAME}.txt", *models).status == 3


def test_on_a_real_terminal(models: list[Any], cli: Run, tmp_path: Path) -> None:
    """Whatever the streams of a test are made to say of themselves."""
    folder = tmp_path / f"folder {NAME}"
    folder.mkdir()
    body = f"<h1>Head {REFERENCES}</h1><p>The treaty {REFERENCES} was signed by Maud.</p>"
    (folder / f"a {NAME}.html").write_text(f"<title>T {REFERENCES}</title>{body}")
    (folder / f"f {NAME}.pdf").write_bytes(b"%PDF-1.4 " + EVIL.encode())
    memory, few = tmp_path / f"m {NAME}.lcirc", ["--max-new-tokens", 4]
    for words, typed in (
        (["ingest", folder, "-o", memory, *models], []),
        (["info", memory], []),
        (["ask", memory, "Who signed the treaty?", *models, *few], []),
        (["ask", memory, *models, *few], ["Who P?\r", "\x04"]),  # the conversation
        (["ask", memory, f"--{EVIL}"], []),
    ):
        status, shown = on_terminal(words, typed=typed)
        assert status == (2 if words[-1] == f"--{EVIL}" else 0), shown
        found = FORBIDDEN.search(_OF_RICH.sub("", shown).replace("\r", ""))
        assert found is None and "P" in shown, (words, shown)


def test_of_memories(checked: Run, models: list[Any], tmp_path: Path) -> None:
    pages = [Page(1, f"Start {EVIL}", 0, 20), Page(2, EVIL, 20, 60)]
    book = replace(
        make_document(f"Ten letters {EVIL} " * 4, name=f"b {EVIL}.pdf", pages=pages),
        notes=(f"note {EVIL}",),
        format=f"pdf {EVIL}",
    )
    contents = make_contents([book])
    prints = replace(contents.fingerprints, backbone_name=f"bb {EVIL}", adapter_name=f"ad {EVIL}")
    path = tmp_path / f"m {NAME}.lcirc"
    save_memory(path, replace(contents, fingerprints=prints))
    for options in ([], ["--json"]):
        checked("info", path, *options)
        assert checked("ask", path, "Who?", *models, *options).status == 4
        for place in ([], ["--page", 1], ["--around", "Ten letters"]):
            assert checked("show", path, *place, *options).status == 0
    assert checked("show", path, "--around", f"nowhere {EVIL}").status == 2
    path.write_bytes(path.read_bytes()[:-5] + b"\x1b[66n")
    assert checked("info", path).status == 5


def test_of_adapters_models_and_settings(
    checked: Run, models: list[Any], adapter_folder: Path, tmp_path: Path
) -> None:
    memory = tmp_path / "m.lcirc"
    (tmp_path / "a.txt").write_text("Words of a book.")
    assert checked("ingest", "a.txt", "-o", memory, *models, shown="").status == 0
    odd = tmp_path / f"ad {NAME}"
    shutil.copytree(adapter_folder, odd)
    config = json.loads((odd / "config.json").read_text())
    for key, value in config.items():
        if isinstance(value, str):
            changed = config | {key: f"{value} {EVIL}"}
            (odd / "config.json").write_text(json.dumps(changed))
            checked("ask", memory, "Who?", *models[:2], "--adapter", odd, shown="")
    (odd / "config.json").write_text(f'{{"{EVIL}')
    assert checked("ask", memory, "Who?", *models[:2], "--adapter", odd).status == 4
    for model in (NAME, f"own/{NAME}", tmp_path / NAME):
        checked("ask", memory, "Who?", "--model", model, "--offline")
        checked("pull", model, "--offline")
        checked("train", "--model", model, "--print-config")
    bad = tmp_path / f"c {NAME}.toml"
    for text in (f'model = "{NAME}"', '"P\\u001b]0;own" = 1', 'method = "P\\u009b"', "P\x1b"):
        bad.write_text(text)
        checked("ask", memory, "Who?", "--config", bad)
    checked("ask", memory, "Who?", f"--{EVIL}")
    for words in (["show"], ["info"], ["serve"], ["mcp"], ["convert"], ["cache", "--remove"]):
        more = [tmp_path / "adapter"] if words == ["convert"] else []
        assert checked(*words, tmp_path / f"no {NAME}", *more).status in (2, 3, 4, 5)
    assert checked("ingest", tmp_path / f"no {NAME}", "--out", tmp_path / NAME).status == 3
    checked("doctor", "--device", EVIL)
    checked("doctor", "--device", EVIL, "--json")


def test_of_questions_and_data(checked: Run, models: list[Any], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Words of a book.")
    assert checked("ingest", "a.txt", "-o", "m.lcirc", *models, shown="").status == 0
    asked = tmp_path / f"q {NAME}.jsonl"
    rows = [{"question": f"Who {EVIL}?", "id": EVIL}, f"When {EVIL}?"]
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for options in ([], ["--json"]):
        checked("ask", "m.lcirc", "--questions", asked, *models, *options, "--max-new-tokens", 2)
    for row in (f'{{"P {EVIL}', json.dumps({EVIL: 1}), json.dumps([EVIL])):
        asked.write_text(row)
        assert checked("ask", "m.lcirc", "--questions", asked).status == 2
    data = tmp_path / f"d {NAME}.jsonl"
    good = {"text": f"Words {EVIL} " * 40, "id": EVIL, "title": EVIL}
    for rows_of_data in ([good], [{"text": 1, EVIL: EVIL}], [EVIL]):
        data.write_text("".join(json.dumps(row) + "\n" for row in rows_of_data))
        checked("make-lqa", data, "--out", tmp_path / "lqa", "--dry-run", shown="")
        checked("train", "--data", data, "--out", tmp_path / f"r {NAME}", *models[:2])
    checked("bench", "run", NAME, "-s", NAME, "--out", tmp_path / "bench", *models[:2])


@pytest.mark.parametrize("kind", [*errors.LcircError.__subclasses__(), KeyError, OSError])
def test_of_failures_with_and_without_a_traceback(
    checked: Run, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """What an endpoint, a library or a file says in an error."""

    def fail(*args: object, **options: object) -> None:
        raise kind(f"the endpoint said {EVIL}")

    monkeypatch.setattr("lcirc_cli.backbones.loading.pull", fail)
    assert checked("pull", "smollm2").status != 0
    assert "Traceback" in checked("pull", "smollm2", "--debug").err


def test_of_libraries(checked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    checked("--version", shown="lcirc")
    handler = logging.StreamHandler(sys.stderr)
    log = logging.getLogger("some.library")
    log.addHandler(handler)
    try:
        log.warning("unknown key %s in the config", EVIL)
        log.warning("100 %")
    finally:
        log.removeHandler(handler)
    assert capsys.readouterr().err.count("P ") == 1
    told = warnings.formatwarning(EVIL, UserWarning, "a.py", 1)
    assert "UserWarning: P" in told and not FORBIDDEN.search(told)


def test_of_tables(checked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from lcirc_cli.commands.bench import _print

    _print(Table(("system", "score"), [(f"P {EVIL}", "1"), ("a\nb", "2")], (EVIL,)))
    out = _OF_RICH.sub("", capsys.readouterr().out)
    out = re.sub("\x1b\\[[0-9;]*m", "", out)
    assert "P" in out and not FORBIDDEN.search(out) and "a b" in out


def test_a_path_is_printed_as_a_shell_can_use_it(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    for name, shown in (
        ("plain", b"plain"),
        ("caf\u00e9\u3000\u00a0", "caf\u00e9\u3000\u00a0".encode()),  # blanks, but not controls
        ("caf\udce9", b"caf\xe9"),
        ("P\x1b[31m\udc9b\u202e", b"P?[31m??"),
    ):
        console.out_path(Path(name))
        captured = capsysbinary.readouterr()
        assert captured.out == shown + b"\n"
        assert (b"control characters" in captured.err) == (b"?" in shown)


def test_json_is_escaped_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"a": EVIL, "b": "Grüße 😀 \u200d \U000e0041", "c": [1.5, None]}
    console.out_json(record)
    out = capsys.readouterr().out
    assert json.loads(out) == record and out.isprintable() is False and out.count("\n") == 1
    assert out[:-1].isprintable() and "Grüße 😀" in out


def test_letters_that_need_a_joiner_keep_it() -> None:
    assert console.printable("می\u200cخواهم 👩\u200d🔬\n\t|") == "می\u200cخواهم 👩\u200d🔬\n\t|"


def test_nothing_is_printed_past_the_console(repository: Path) -> None:
    """One place prints, and so one place cleans."""
    prints = re.compile(
        r"^ *(p?print|typer\.(echo|secho|prompt|confirm)|sys\.std\w+\.write\w*)\(", re.MULTILINE
    )
    elsewhere = {
        str(path.relative_to(repository))
        for path in (repository / "lcirc_cli").rglob("*.py")
        if prints.search(path.read_text("utf-8"))
    }
    assert elsewhere == {
        "lcirc_cli/backbones/tokenizer_files.py",  # ASCII, by the process that tries one
        "lcirc_cli/console/printing.py",
        "lcirc_cli/engine.py",  # an example in its first lines
        "lcirc_cli/bench/measure.py",  # ASCII, for the process that started it
    }
