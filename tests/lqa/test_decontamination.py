"""What a benchmark holds is found in documents, by thirteen words in a row."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from lcirc_cli.errors import DocumentError
from lcirc_cli.lqa.documents.decontaminate import WORDS, Decontaminator, _strings


def test_decontamination_finds_thirteen_words_and_not_twelve() -> None:
    words = [f"word{number}" for number in range(200)]
    known = Decontaminator.from_files([_written(" ".join(words[50:80]))])
    assert len(known) == 18
    around = [f"other{number}" for number in range(100)]
    inside = " ".join([*around[:40], *words[60:73], *around[40:]])
    assert known.first_hit(inside.title().replace(" ", ", ")) == " ".join(words[60:73])
    assert known.first_hit(" ".join([*around[:40], *words[60:72], *around[40:]])) is None
    assert known.first_hit("too short") is None


def test_decontamination_agrees_with_sets_of_words(tmp_path: Path) -> None:
    chance = random.Random(0)
    texts = [" ".join(chance.choices("abcd", k=40)) for _ in range(300)]
    benchmark = _written(" ".join(chance.choices("abcd", k=4_000)))
    known = Decontaminator.from_files([benchmark])
    grams = set(_grams(benchmark.read_text()))
    known.save(tmp_path / "x.npy")
    again = Decontaminator.load(tmp_path / "x.npy")
    hits = [again.first_hit(text) for text in texts]
    expected = [next((gram for gram in _grams(text) if gram in grams), None) for text in texts]
    assert hits == expected


def test_packed_benchmarks_are_unpacked(tmp_path: Path) -> None:
    text = " ".join(f"word{number}" for number in range(20))
    for name, content in (("b.txt.gz", text), ("b.json.gz", json.dumps({"q": [text]}))):
        (tmp_path / name).write_bytes(gzip.compress(content.encode()))
        assert len(Decontaminator.from_files([tmp_path / name])) == 8


def _grams(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)]


def _written(text: str) -> Path:
    import tempfile

    path = Path(tempfile.mkdtemp()) / "bench.txt"
    path.write_text(text)
    return path


def test_a_benchmark_without_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"q": "too short"}')
    with pytest.raises(DocumentError, match="no text of 13 words"):
        Decontaminator.from_files([tmp_path / "b.jsonl"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"word\n" * 300, "more than 0 MiB in one piece"),
    ],
)
def test_benchmarks_of_strangers_are_read_within_limits(
    data: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("a.txt" if said.startswith("more") else "a.json")
    if path.suffix == ".txt":
        monkeypatch.setattr("lcirc_cli.qa.rows.MOST_LINE", 1_000)
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=said) as caught:
        Decontaminator.from_files([path])
    assert "\n" not in str(caught.value)


def test_texts_of_deep_values_are_found_in_their_order(tmp_path: Path) -> None:
    words = " ".join(f"w{number}" for number in range(20))
    deep = '{"a": ' * 600 + json.dumps(words) + "}" * 600
    (tmp_path / "a.jsonl").write_text(deep + "\n")
    assert len(Decontaminator.from_files([tmp_path / "a.jsonl"])) == 8
    assert list(_strings({"a": ["1", {"b": "2"}], "c": ("3", 4)})) == ["1", "2", "3"]
