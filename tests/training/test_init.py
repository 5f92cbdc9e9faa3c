"""`lcirc train --init`: what the run may set anew, and what the adapter's weights have decided."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Command, Line


def test_settings_of_the_adapter_are_taken_or_refused_never_passed_over(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    assert here(train_command(first, steps=1)).status == 0
    init = ["--init", str(first / "best")]
    second = tmp_path / "second"
    done = here(train_command(second, steps=1, **{"adapter.retained_segments": 2}), *init)
    assert done.status == 0, done.err
    assert json.loads((second / "best" / "config.json").read_text())["retained_segments"] == 2
    for key, message in (("num_latents", "num_latents = 4"), ("nothing", "no adapter setting")):
        command = train_command(tmp_path / "third", **{f"adapter.{key}": 2})
        done = here(command, *init)
        assert done.status == 2 and message in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_feed_forwards_that_the_adapter_lacks_are_added(
    here: Line, train_command: Command, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert here(train_command(first, steps=1, **{"adapter.injection_ffn_size": 0})).status == 0
    init = ["--init", str(first / "best")]
    done = here(train_command(second, steps=1, **{"adapter.injection_ffn_size": 8}), *init)
    assert done.status == 0, done.err
    assert json.loads((second / "best" / "config.json").read_text())["injection_ffn_size"] == 8
    again = ["--init", str(second / "best")]
    done = here(train_command(tmp_path / "x", steps=1, **{"adapter.injection_ffn_size": 4}), *again)
    assert done.status == 2 and "injection_ffn_size = 8" in done.err
