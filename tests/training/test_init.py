"""`lcirc train --init`: what the run may set anew, and what the adapter's weights have decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Outcome

Command = Callable[..., list[str]]


def test_settings_of_the_adapter_are_taken_or_refused_never_passed_over(
    cli: Callable[..., Outcome],
    train_command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LCIRC_OFFLINE", "1")
    first = tmp_path / "first"
    assert cli(*train_command(first, steps=1)[3:]).status == 0
    init = ["--init", str(first / "best")]
    second = tmp_path / "second"
    done = cli(*train_command(second, steps=1, **{"adapter.retained_segments": 2})[3:], *init)
    assert done.status == 0, done.err
    assert json.loads((second / "best" / "config.json").read_text())["retained_segments"] == 2
    for key, message in (("num_latents", "num_latents = 4"), ("nothing", "no adapter setting")):
        command = train_command(tmp_path / "third", **{f"adapter.{key}": 2})
        done = cli(*command[3:], *init)
        assert done.status == 2 and message in done.err
        assert len(done.err.strip().splitlines()) == 1
