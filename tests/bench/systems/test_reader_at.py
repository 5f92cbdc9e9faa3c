"""`reader-at@NAME`: a model on a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcirc_cli.bench.sample import TextSample
from lcirc_cli.bench.systems import Batch, NotApplicable, Workbench, open_system, parse_system
from lcirc_cli.errors import UsageError

from ...endpoints.hostile import serving
from ...endpoints.scripted_reader import MODES, passages, sentence
from .asking import LIMITS, batches

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_a_server_answers_from_our_passages(
    workbench: Workbench, qa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(MODES) as (url, seen):
        monkeypatch.setenv("LCIRC_READER", f"{url}/no_stream/v1")
        system = open_system(parse_system("reader-at@some/model:7b"), workbench, limits=LIMITS)
        batch = batches(qa_folder, f"qa:{qa_folder}")[1]
        measured = system.run(batch)
    assert len(seen) == len(measured) == len(batch.samples)
    said = {sentence(asked, 1) + "." for _, asked in seen}
    assert {one.output.text for one in measured} == said
    assert all(asked["model"] == "some/model:7b" for _, asked in seen)
    assert all(one.dropped > 0 and one.compressed == 0 for one in measured)
    size = len(workbench.index(batch.samples[0].document).texts[0].starts)
    assert all(0 < size - one.dropped <= LIMITS.evidence for one in measured)
    assert all(passages(asked) for _, asked in seen)
    with pytest.raises(NotApplicable, match="no question"):
        system.run(Batch(texts=[TextSample("t", "t", "One two three four.", 4, 4, 2)]))


def test_it_needs_a_server_and_a_name(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="LCIRC_READER"):
        open_system(parse_system("reader-at@m"), workbench, limits=LIMITS)
    monkeypatch.setenv("LCIRC_READER", "http://127.0.0.1:9/v1")
    with pytest.raises(UsageError, match="reader-at@NAME"):
        open_system(parse_system("reader-at"), workbench, limits=LIMITS)
