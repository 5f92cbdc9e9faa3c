"""README, handbook and guides name commands and options that exist, and leave none of them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli import app

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
OPTION = re.compile(r"(?<![\w/=-])(--[a-z][a-z-]*|-[a-zA-Z])(?![\w])")
# Programs whose command lines stand in the pages too.
OTHERS = ("pip", "uv", "make", "pytest", "torchrun", "vllm", "transformers", "llama-server", "git")
# Options of them that are named alone.
FOREIGN = {"-m"}  # pytest -m slow


def commands() -> dict[str, Any]:
    """`ingest`, `bench run` and so on to their Typer commands; "" is the program itself."""
    group: Any = app.typer.main.get_command(app.build())
    found: dict[str, Any] = {"": group}
    for name, each in group.commands.items():
        found[name] = each
        for below, one in getattr(each, "commands", {}).items():
            found[f"{name} {below}"] = one
    return found


def options(command: Any) -> set[str]:
    named = {"--help", "-h"}
    for each in command.params:
        if each.param_type_name == "option":
            named |= {*each.opts, *each.secondary_opts}
    return named


COMMANDS = commands()
KNOWN = {name: options(command) for name, command in COMMANDS.items()}
EVERY = set().union(*KNOWN.values())


def code(page: str) -> Iterator[str]:
    """Each line of the code blocks, continued ones as one, and each piece of inline code."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        yield from block.replace("\\\n", " ").splitlines()
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for piece in re.findall(r"`([^`]+)`", rest):
        yield " ".join(piece.replace("\\|", "|").split())


def lines(page: str) -> Iterator[tuple[str, str, str]]:
    """(line, command, what follows it) for each command line of ours in a page."""
    for line in code(page):
        for found in re.finditer(r"(?:^|[\s/$(])lcirc ([a-z][a-z-]*)(.*)", line.split(" # ")[0]):
            name, rest = found.groups()
            below = re.match(r"\s+([a-z]+)\b", rest)
            if below and f"{name} {below[1]}" in COMMANDS:
                name, rest = f"{name} {below[1]}", rest[below.end() :]
            yield line, name, rest


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    wrong = []
    for line, name, rest in lines(page):
        if name not in COMMANDS:
            wrong.append(f"no command: {line}")
            continue
        wrong += [
            f"{name} has no {option}: {line}"
            for option in OPTION.findall(re.sub(r"'[^']*'|\"[^\"]*\"", "", rest))
            if option not in KNOWN[name]
        ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_options_named_alone_exist_somewhere(page: str) -> None:
    wrong = []
    for line in code(page):
        program = re.sub(r"^\$ ", "", line).split(" ")[0].rsplit("/", 1)[-1]
        if program.startswith("-") and OPTION.match(line):
            named = OPTION.findall(line.split(" ")[0])
            wrong += [each for each in named if each not in EVERY | FOREIGN]
    assert wrong == []


def test_the_handbook_names_every_command() -> None:
    text = (ROOT / "docs" / "handbook.md").read_text("utf-8")
    for name in COMMANDS:
        parts = name.split(" ")
        assert f"`lcirc {parts[0]}`" in text or f"lcirc {name}" in text or not name, name


def test_every_option_stands_in_a_page() -> None:
    text = "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    missing = {
        f"{name} {each}".strip()
        for name, known in KNOWN.items()
        for each in known
        if each.startswith("--") and not each.startswith(("--no-", "--install-", "--show-"))
        if each not in named
    }
    assert missing == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_every_option_with_its_default_and_an_example(
    name: str, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status, out, err = cli(*name.split(), "--help")
    assert (status, err) == (0, "")
    for each in KNOWN[name]:
        assert each in out
    assert "<bool>" not in out and "<list[" not in out
    if name and name != "bench":
        assert "Example: lcirc " in out
    for each in COMMANDS[name].params:
        default = each.default if each.param_type_name == "option" else None
        if isinstance(default, int | float | str) and not isinstance(default, bool):
            assert str(default) in " ".join(out.split()), each.opts
