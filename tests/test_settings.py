"""Where settings come from, and what is said about a bad one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings, resolve


@dataclass(frozen=True)
class Sample:
    steps: int = 10
    rate: float = 0.5
    place: str | None = None


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "expected"),
    [
        (None, None, None, "auto"),
        (None, None, "cuda", "cuda"),
        (None, "cpu", None, "cpu"),
        (None, "cpu", "cuda", "cpu"),
        ("cuda:1", "cpu", "cuda", "cuda:1"),
        ("cuda", None, "cpu", "cuda"),
        ("cpu", "cuda", None, "cpu"),
    ],
)
def test_precedence(
    tmp_path: Path, flag: str | None, variable: str | None, in_file: str | None, expected: str
) -> None:
    config = write(tmp_path / "c.toml", f'device = "{in_file}"\n' if in_file else "")
    environ = {"LCIRC_DEVICE": variable} if variable else {}
    found = resolve(CommonSettings, {"device": flag}, config=config, environ=environ)
    assert found.device == expected


def test_a_flag_can_switch_off_what_a_variable_switched_on() -> None:
    environ = {"LCIRC_OFFLINE": "yes"}
    assert resolve(CommonSettings, {"offline": None}, environ=environ).offline
    assert not resolve(CommonSettings, {"offline": False}, environ=environ).offline


def test_values_get_the_type_of_their_field(tmp_path: Path) -> None:
    config = write(tmp_path / "c.toml", "rate = 1\nplace = 'here'\n")
    found = resolve(Sample, {}, config=config, environ={"LCIRC_STEPS": "12"})
    assert found == Sample(steps=12, rate=1.0, place="here")
    assert isinstance(found.rate, float)


@pytest.mark.parametrize(
    ("flags", "environ", "text", "message"),
    [
        ({"device": "gpu"}, {}, "", "--device: 'gpu' is not one of auto, cpu, cuda"),
        ({}, {"LCIRC_DTYPE": "fp8"}, "", "the variable LCIRC_DTYPE: 'fp8' is not one of"),
        ({}, {"LCIRC_OFFLINE": "maybe"}, "", "LCIRC_OFFLINE: 'maybe' is neither true nor false"),
        ({}, {}, "attention = 'fast'", "attention in .*c.toml: 'fast' is not one of"),
        ({}, {}, "model = 3", "model in .*c.toml: 3 is not a text"),
        ({}, {}, "quiet = 2", "quiet in .*c.toml: 2 is neither"),
        ({}, {}, "modle = 'x'", "unknown setting modle in .*c.toml; did you mean model?"),
        ({}, {}, "zzz = 1", "unknown setting zzz in .*c.toml; known are adapter, attention"),
        ({}, {}, "model = ", "c.toml is not TOML"),
    ],
)
def test_a_bad_value_names_its_source(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], text: str, message: str
) -> None:
    config = write(tmp_path / "c.toml", text)
    with pytest.raises(UsageError, match=message) as caught:
        resolve(CommonSettings, flags, config=config, environ=environ)
    assert "\n" not in str(caught.value)


def test_numbers_are_checked() -> None:
    with pytest.raises(UsageError, match="LCIRC_STEPS: 'ten' is not a whole number"):
        resolve(Sample, {}, environ={"LCIRC_STEPS": "ten"})
    with pytest.raises(UsageError, match="--steps: True is not a whole number"):
        resolve(Sample, {"steps": True}, environ={})


def test_tables_in_the_file_are_left_to_the_commands(tmp_path: Path) -> None:
    config = write(tmp_path / "c.toml", "quiet = true\n[ask]\nsteps = 3\n")
    assert resolve(CommonSettings, {}, config=config, environ={}).quiet
    assert resolve(Sample, {}, config=config, table="ask", environ={}).steps == 3
    assert resolve(Sample, {"steps": 4}, config=config, table="ask", environ={}).steps == 4
    assert resolve(Sample, {}, config=write(config, ""), table="ask", environ={}).steps == 10


@pytest.mark.parametrize(
    ("text", "table", "message"),
    [
        (
            "[train]\nsteps = 3",
            None,
            r"no command reads the table \[train\] in .*known are \[ask\]",
        ),
        ("[ask]\nstep = 3", "ask", "unknown setting ask.step in .*did you mean steps"),
        ("[ask]\nsteps = 'x'", "ask", "ask.steps in .*c.toml: 'x' is not a whole number"),
        ("window = 'ends'", None, r"unknown setting window in .*below a line \[ask\]"),
        ("citations = 1", None, r"unknown setting citations in .*below a line \[ask\]"),
        ("config = 'x'", None, "unknown setting config"),
    ],
)
def test_nothing_in_the_file_is_dropped(
    tmp_path: Path, text: str, table: str | None, message: str
) -> None:
    config = write(tmp_path / "c.toml", text)
    with pytest.raises(UsageError, match=message):
        resolve(Sample if table else CommonSettings, {}, config=config, table=table, environ={})


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read the config file .*: No such file"):
        resolve(CommonSettings, {}, config=tmp_path / "none.toml", environ={})
