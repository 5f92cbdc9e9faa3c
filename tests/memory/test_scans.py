"""Words of pages that were read from their pictures, in memory files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.documents.document import Document, Page
from lcirc_cli.documents.ocr import SIDE, Scan
from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory.contents import StoredDocument, append, select
from lcirc_cli.memory.file import inspect_memory, load_memory, save_memory
from lcirc_cli.memory.sync import plan, synced

from .samples import make_contents, make_document, signed, split

SCANS = (
    Scan(2, (("boats", 0, 10, 300, 40), ("né\ud800e", 310, 10, SIDE, 40))),
    Scan(5, ()),
    Scan(7, (("日本", 1, 2, 3, 4),)),
)


def scanned(name: str, scans: tuple[Scan, ...] = SCANS) -> StoredDocument:
    return replace(make_document("Boats.", name=name), ocr="auto: x 1", scans=scans)


def test_they_come_back_and_stay_with_their_documents(tmp_path: Path) -> None:
    made = make_contents([scanned("a"), make_document("None."), scanned("c", SCANS[:1])])
    save_memory(tmp_path / "m.lcirc", made)
    loaded = load_memory(tmp_path / "m.lcirc")
    assert [each.scans for each in loaded.documents] == [SCANS, (), SCANS[:1]]
    assert [each.ocr for each in loaded.documents] == ["auto: x 1", "", "auto: x 1"]
    assert inspect_memory(tmp_path / "m.lcirc")["documents"][0]["ocr"] == "auto: x 1"
    chosen = append(select(loaded, [2]), select(loaded, [0]))
    save_memory(tmp_path / "n.lcirc", chosen)
    held = load_memory(tmp_path / "n.lcirc").documents
    assert [each.scans for each in held] == [SCANS[:1], SCANS]


def test_they_cost_nothing_where_there_are_none(tmp_path: Path) -> None:
    save_memory(tmp_path / "m.lcirc", make_contents([make_document("abc")]))
    data = (tmp_path / "m.lcirc").read_bytes()
    assert b"scan" not in data and b"ocr" not in data


def test_a_sync_takes_those_of_today(tmp_path: Path) -> None:
    save_memory(tmp_path / "m.lcirc", make_contents([make_document("Boats.", name="a")]))
    memory = load_memory(tmp_path / "m.lcirc")
    same = Document("a", "Boats.", (Page(1, None, 0, 6),), "d" * 64, "pdf", 1)
    today = replace(same, ocr="all: x 2", scans=SCANS)
    made = plan(memory, [today])
    assert made.changes_nothing
    (document,) = synced(made, memory, [today], fresh=None).documents
    assert (document.ocr, document.scans) == ("all: x 2", SCANS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record["scans"].pop(),
        lambda record: record["scans"][0].pop(),
        lambda record: record["scans"][0].__setitem__(1, 3),
        lambda record: record["scans"][0].__setitem__(2, 2**39),
        lambda record: record["scans"].__setitem__(0, 3),
        lambda record: record.pop("scans"),
        lambda record: record.update(scans=[[2, 1, 6], [5, 1, 7], [7, 1, 7]]),
    ],
)
def test_records_that_do_not_fit_are_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    path = tmp_path / "m.lcirc"
    save_memory(path, make_contents([scanned("a")]))
    _change(path, spoil)
    with pytest.raises(MemoryFileError, match="ingest"):
        _ = [each.scans for each in load_memory(path).documents]


def _change(path: Path, spoil: Callable[[dict[str, Any]], Any]) -> None:
    header, data = split(path.read_bytes())
    records = json.loads(header["__metadata__"]["documents"])
    spoil(records[0])
    header["__metadata__"]["documents"] = json.dumps(records)
    path.write_bytes(signed(header, data))
