"""scripts/bptt_table.py at a size that takes seconds: every part runs, and goes on after a kill."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
NAMES = ("bptt_table", "bptt_report", "tiny_backbone", "tiny_world", "qa_sets")
SMALL = """
seeds = [0, 1]
depth_parts = 2
least_backbone_accuracy = 0.0
[backbone]
width = 16
layers = 2
heads = 2
steps = 3
repeats = 1
batch = 2
segments = 2
questions = 2
learning_rate = 1e-3
seed = 0
[documents]
segments = 4
segment_tokens = 6
training = 2
test = 3
seed = 1
[training]
steps = 2
documents = 1
questions = 2
unanswerable = 0.0
bptt_states = 2
autocast = "float32"
[adapter]
segment_inputs = 1
segment_length = 6
max_segment_length = 6
feature_window = 12
num_latents = 2
injection_layers = [1]
"""


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        sys.modules.pop(name, None)


def test_the_table_has_every_system_and_is_made_once(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCIRC_CACHE", "")  # the script sets it; so that it is put back
    table = scripts["bptt_table"]
    made = table.run(tmp_path / "out", SMALL, table=tmp_path / "table.md")
    rows = [line for line in made.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:6]] == [f"| {name}" for name in table.SYSTEMS]
    assert all(re.search(r"\| \d+\.\d \(\d+\.\d to \d+\.\d\) \|", row) for row in rows[2:6])
    assert (tmp_path / "table.md").read_text() == made and "num_latents = 2" in made
    # A second time reads what is there: no training, the same table.
    monkeypatch.setattr(table, "ProcessPoolExecutor", lambda *_, **__: pytest.fail("trains again"))
    assert table.run(tmp_path / "out", SMALL, table=tmp_path / "table.md") == made
    with pytest.raises(table.UsageError, match="another configuration"):
        table.run(tmp_path / "out", SMALL + "\n")
    strict = SMALL.replace("least_backbone_accuracy = 0.0", "least_backbone_accuracy = 0.9")
    with pytest.raises(table.UsageError, match="in its own window"):
        table.run(tmp_path / "strict", strict)


def test_differences_are_paired_and_cut_by_depth(scripts: dict[str, ModuleType]) -> None:
    module = scripts["bptt_report"]
    rng = np.random.default_rng(0)
    worse = (rng.random((6, 8)) < 0.4).astype(float)
    better = worse.copy()
    better[:, :4] = 1.0  # all of the first half, the same elsewhere
    runs = {
        name: [module.Outcome(right, np.zeros_like(right), 1.0)] * 2
        for name, right in zip("abcd", (better, worse, worse, worse), strict=True)
    }
    lines = module.report(runs, command="", config="", parts=2, backbone_accuracy=1.0).splitlines()
    (first,) = [line for line in lines if line.startswith("| selective - truncated, QD")]
    cells = [cell.strip() for cell in first.strip("| ").split("|")]
    assert cells[2].startswith(f"{100 * (1 - worse[:, :4].mean()):+.1f}")
    assert cells[3] == "+0.0 (+0.0 to +0.0)"
    (second,) = [line for line in lines if line.startswith("| QD - not, truncated")]
    assert "+0.0 (+0.0 to +0.0)" in second


def test_every_segment_of_a_document_states_one_fact(scripts: dict[str, ModuleType]) -> None:
    world = scripts["tiny_world"]
    document = world.make_document(np.random.default_rng(0), segments=64, segment_tokens=12)
    assert len(document.words) == 64 * 12 and len({fact.key for fact in document.facts}) == 64
    for depth, fact in enumerate(document.facts):
        assert depth * 12 <= fact.token <= depth * 12 + 10
        assert document.words[fact.token : fact.token + 2] == [fact.key, fact.value]
    tokenizer = world.make_tokenizer()
    assert len(tokenizer(" ".join(document.words))["input_ids"]) == len(document.words)
    assert tokenizer.unk_token_id not in tokenizer(" ".join(world.WORDS))["input_ids"]
