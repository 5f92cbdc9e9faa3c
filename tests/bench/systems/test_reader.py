"""`reader`: an adapter's decoder without the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.bench.sample import TextSample
from lcirc_cli.bench.systems import (
    Batch,
    NotApplicable,
    Workbench,
    open_system,
    parse_system,
)
from lcirc_cli.errors import UsageError
from lcirc_cli.model.reader import linear_targets

from ...engine.tiny import SMALL, save_adapter
from .asking import LIMITS, batches, short


def test_the_reader_has_the_passages_of_the_memory_and_no_memory(
    workbench: Workbench, qa_folder: Path, tmp_path: Path
) -> None:
    engine = workbench.engine(None)
    targets = linear_targets(engine.backbone.lm)
    changes: dict[str, Any] = {**SMALL, "reader_rank": 2, "reader_targets": targets}
    folder = save_adapter(tmp_path / "tuned", engine, **changes)
    batch = short(batches(qa_folder, f"qa:{qa_folder}")[1])
    systems = {
        name: open_system(parse_system(name), workbench, limits=LIMITS).run(batch)
        for name in (
            f"reader+evidence@{folder}",
            f"qd-lcirc+evidence@{folder}",
            f"reader+none@{folder}",
            "none",
        )
    }
    reader, both, alone, bare = systems.values()
    for one, other in zip(reader, both, strict=True):
        assert one.output.ranking == other.output.ranking
        assert one.prompt_sha256 == other.prompt_sha256
        assert one.compressed == 0 and one.dropped > 0
        if one.output.answer_loss is not None:
            assert one.output.answer_loss != other.output.answer_loss
    assert {a.output.answer_loss for a in alone} != {b.output.answer_loss for b in bare}


def test_a_reader_needs_weights_and_a_question(workbench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no reader"):
        open_system(parse_system("reader+evidence"), workbench, limits=LIMITS)
    engine = workbench.engine(None)
    changes: dict[str, Any] = {**SMALL, "reader_rank": 2}
    changes["reader_targets"] = linear_targets(engine.backbone.lm)
    name = f"reader+evidence@{save_adapter(tmp_path / 'tuned', engine, **changes)}"
    system = open_system(parse_system(name), workbench, limits=LIMITS)
    with pytest.raises(NotApplicable, match="memory"):
        system.run(Batch(texts=[TextSample("t", "t", "One two three four.", 4, 4, 2)]))
