"""Options that commands share, and those that are made of the fields of settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from lcirc_cli import app
from lcirc_cli.commands import common
from lcirc_cli.settings import CommonSettings, setting


@pytest.fixture
def settings_seen(monkeypatch: pytest.MonkeyPatch) -> list[CommonSettings]:
    """Register a command `show` with all common options; collects the settings it gets."""
    seen: list[CommonSettings] = []

    @common.takes()
    def show(
        words: Annotated[list[str] | None, typer.Argument()] = None, *, settings: CommonSettings
    ) -> None:
        """Show."""
        seen.append(settings)

    monkeypatch.setattr(app, "COMMANDS", (*app.COMMANDS, ("show", show)))
    return seen


def test_common_options_reach_the_command(
    cli: Callable[..., tuple[int, str, str]],
    settings_seen: list[CommonSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "0")
    config = tmp_path / "c.toml"
    config.write_text('dtype = "float16"\nmodel = "from-file"\nquiet = true\n', "utf-8")
    monkeypatch.setenv("LCIRC_MODEL", "from-variable")
    monkeypatch.setenv("LCIRC_ADAPTER", "from-variable")
    given = ["--adapter", "from-flag", "--no-quiet", "--offline", "--json", "--config", str(config)]
    status, out, err = cli("show", "a", "b", *given)
    assert (status, out, err) == (0, "", "")
    assert settings_seen == [
        CommonSettings(
            model="from-variable", adapter="from-flag", dtype="float16", offline=True, json=True
        )
    ]
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_the_config_file_may_come_from_the_environment(
    cli: Callable[..., tuple[int, str, str]],
    settings_seen: list[CommonSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tmp_path / "c.toml"
    config.write_text('device = "cpu"\n', "utf-8")
    monkeypatch.setenv("LCIRC_CONFIG", str(config))
    assert cli("show").status == 0  # type: ignore[attr-defined]
    assert settings_seen[0].device == "cpu"


@pytest.mark.parametrize("given", [["--resume"], ["--resume", "auto"], ["--resume=auto"]])
def test_a_flag_may_be_followed_by_the_word_that_it_stands_for(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    seen = []

    def show(words: list[str], resume: bool = False) -> None:
        seen.append((words, resume))

    monkeypatch.setattr(app, "COMMANDS", (*app.COMMANDS, ("show", show)))
    assert cli("show", *given, "auto.pdf", "auto") == (0, "", "")
    assert seen == [(["auto.pdf", "auto"], True)]


@dataclass(frozen=True)
class Own:
    """Settings of a command."""

    name: str = setting("x", help="A name.")
    many: tuple[str, ...] = setting((), names=("--many", "-m"), help="Several.")
    sizes: tuple[int, ...] = setting((1, 2), help="Numbers.")
    rest: int = 3


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (False, {"name": "x", "many": ("a", "b"), "sizes": "1,2"}),
        (True, {"name": None, "many": ("a", "b"), "sizes": None}),
    ],
)
def test_options_are_made_of_the_fields_of_settings(
    cli: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    flags: bool,
    expected: dict[str, object],
) -> None:
    seen = []

    @common.takes("json", given=common.options(Own, flags=flags), panels={"": ("sizes", "name")})
    def show(*, given: dict[str, object], settings: CommonSettings) -> None:
        """Show."""
        seen.append(given)

    monkeypatch.setattr(app, "COMMANDS", (*app.COMMANDS, ("show", show)))
    assert cli("show", "-m", "a", "--many", "b") == (0, "", "")
    assert seen == [expected]
    assert cli("show", "--rest", "4")[0] == 2
    shown = cli("show", "--help")[1]
    assert shown.index("--sizes") < shown.index("--name") < shown.index("--many")
    assert ("[default: x]" in shown) is not flags


def test_only_named_options_are_offered(cli: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = cli("pull", "--adapter", "x")
    assert status == 2
    assert "No such option: --adapter" in err


def test_json_of_pull_is_json(cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    status, out, _ = cli("pull", tmp_path, "--json")
    assert status == 0
    assert json.loads(out) == {"schema": 1, "model": str(tmp_path), "path": str(tmp_path)}
