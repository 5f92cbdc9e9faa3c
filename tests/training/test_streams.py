"""Streamed data: the published schemas from small Parquet files made here, block by block."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lcirc_cli.errors import DocumentError, EndpointError, ModelError, UsageError
from lcirc_cli.qa.hub import is_streamed
from lcirc_cli.training.config import make_settings
from lcirc_cli.training.data.streams import BlockedCorpus, RowStream, open_streams
from lcirc_cli.training.settings import TrainSettings

from .conftest import Command, Line, checkpoint_tensors

pytest.importorskip("datasets")
pyarrow = pytest.importorskip("pyarrow")

ROWS = 23


def _text(number: int) -> str:
    return f"The code of house {number} is {10 + number}. " + f"Rain fell on day {number}. " * 6


def write_parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LCIRC_OFFLINE", "1")


@pytest.fixture
def lqa(tmp_path: Path, tiny_tokenizer: Any, cache: None) -> tuple[Path, Path]:
    """FineWeb-LQA's fields: token ids of another tokenizer; and that tokenizer's folder."""
    tokens = [tiny_tokenizer(_text(n // 2))["input_ids"] for n in range(ROWS)]
    path = write_parquet(
        tmp_path / "fineweb-lqa" / "data" / "train-00000-of-00001.parquet",
        {
            "context": tokens,
            "question": [f"What is the code of house {n // 2}?" for n in range(ROWS)],
            "answer": [f"It is {10 + n // 2}." for n in range(ROWS)],
        },
    )
    validation = path.with_name("validation-00000-of-00001.parquet")
    write_parquet(validation, {"context": [[2]], "question": ["?"], "answer": ["no"]})
    folder = tmp_path / "source-tokenizer"
    tiny_tokenizer.save_pretrained(folder)
    return path.parent.parent, folder


def _settings(data: Path, **given: Any) -> TrainSettings:
    return make_settings(None, {"data": [str(data)], "stream_documents": 8, **given})


def test_token_ids_are_decoded_with_their_own_tokenizer(
    lqa: tuple[Path, Path], tiny_backbone: Callable[..., Any]
) -> None:
    data, tokenizer = lqa
    backbone = tiny_backbone()
    corpus = open_streams(_settings(data, source_tokenizer=str(tokenizer)), backbone).block(0)
    # Two rows in a row ask about the same document.
    assert [len(group) for group in corpus.questions] == [2, 2, 2, 2]
    for number, (document, group) in enumerate(
        zip(corpus.documents, corpus.questions, strict=True)
    ):
        assert backbone.tokenizer.decode(document.ids_N.tolist()) == _text(number)
        assert [q.document for q in group] == [number, number]
        assert group[0].answers == (f"It is {10 + number}.",)


def test_blocks_go_around_and_can_be_entered_anywhere(
    lqa: tuple[Path, Path], tiny_backbone: Callable[..., Any]
) -> None:
    data, tokenizer = lqa
    settings = _settings(data, source_tokenizer=str(tokenizer))
    backbone = tiny_backbone()

    def questions(blocks: BlockedCorpus, index: int) -> list[str]:
        return [q.text for group in blocks.block(index).questions for q in group]

    straight = open_streams(settings, backbone)
    seen = [questions(straight, index) for index in range(8)]
    expected = [f"What is the code of house {(n % ROWS) // 2}?" for n in range(64)]
    assert [text for block in seen for text in block] == expected
    for index in (5, 0, 7, 2):  # 5 and 7 lie behind the last row
        assert questions(open_streams(settings, backbone), index) == seen[index]
        assert questions(straight, index) == seen[index]


@pytest.mark.parametrize(
    ("stage", "columns", "error", "message"),
    [
        ("qa", {"text": ["a b c"]}, DocumentError, "row 1: stage qa needs the fields 'question'"),
        ("lm", {"body": ["a b c"]}, DocumentError, "its fields are body"),
        ("lm", {"text": [1.5]}, DocumentError, "neither text nor a list"),
        ("lm", {"input_ids": [[5, 6]]}, ModelError, "--source-tokenizer"),
        ("lm", {"text": ["", "  "]}, DocumentError, "no text in it"),
        *(
            ("qa", {"text": ["a b c"], "question": ["q"], **columns}, DocumentError, message)
            for columns, message in (
                ({"answer": [""]}, 'row 1: "answers" must be a list of texts, none of them empty'),
                ({"answers": [["a", None]]}, 'row 1: "answers" must be a list of texts'),
                ({"answer": ["a"], "evidence": [[[0, 9]]]}, "row 1: the evidence .* is outside"),
                ({"answer": ["a"], "options": [["b", "c"]]}, "row 1: none of the answers is among"),
            )
        ),
    ],
)
def test_rows_that_cannot_be_used_are_named(
    tmp_path: Path,
    cache: None,
    tiny_backbone: Callable[..., Any],
    stage: str,
    columns: dict[str, list[Any]],
    error: type[Exception],
    message: str,
) -> None:
    data = write_parquet(tmp_path / "rows.parquet", columns)
    with pytest.raises(error, match=message) as caught:
        open_streams(_settings(data, stage=stage), tiny_backbone()).block(0)
    assert "\n" not in str(caught.value)


def test_evidence_and_options_of_rows_are_read(
    tmp_path: Path,
    cache: None,
    tiny_backbone: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = {
        "text": [_text(0), _text(1), _text(1)],
        "question": ["q", " ", "q"],
        "answer": ["10", "11", "11"],
        "evidence": [[[0, 26]], None, None],
        "options": [["10", "12"], None, None],
    }
    data = write_parquet(tmp_path / "rows.parquet", columns)
    backbone = tiny_backbone()
    corpus = open_streams(_settings(data, stream_documents=3), backbone).block(0)
    (first,), (second,) = corpus.questions
    ((start, end),) = first.evidence
    assert _text(0)[:26] in backbone.tokenizer.decode(corpus.documents[0].ids_N[start:end].tolist())
    assert first.options == ("10", "12")
    assert second.evidence == () and second.options == () and second.answers == ("11",)
    assert "row 2: an empty question, left out" in capsys.readouterr().err


def test_ids_of_another_vocabulary_are_refused(
    tmp_path: Path, lqa: tuple[Path, Path], tiny_backbone: Callable[..., Any]
) -> None:
    data = write_parquet(tmp_path / "large.parquet", {"input_ids": [[5, 31_000]]})
    settings = _settings(data, stage="lm", source_tokenizer=str(lqa[1]))
    with pytest.raises(ModelError, match=r"row 1: its token ids .* 31,000"):
        open_streams(settings, tiny_backbone()).block(0)


def test_empty_documents_are_left_out_aloud(
    tmp_path: Path,
    cache: None,
    tiny_backbone: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_parquet(tmp_path / "some.parquet", {"text": [_text(0), "", _text(1)], "id": "abc"})
    settings = _settings(data, stage="lm", stream_documents=3)
    assert len(open_streams(settings, tiny_backbone()).block(0).documents) == 2
    assert "row 2: an empty document, left out" in capsys.readouterr().err.replace("\n", " ")


def test_sources_are_told_apart(
    tmp_path: Path, cache: None, lqa: tuple[Path, Path], tiny_backbone: Callable[..., Any]
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert is_streamed("ssumin/fineweb-lqa") and is_streamed(str(lqa[0]))
    assert not is_streamed(str(plain)) and not is_streamed("plain")
    with pytest.raises(UsageError, match="can't be mixed"):
        open_streams(make_settings(None, {"data": [str(lqa[0]), str(plain)]}), tiny_backbone())
    with pytest.raises(EndpointError, match="from the Hub"):
        next(RowStream("owner/nothing", questions=True, decode=None).rows(0))


def test_a_missing_source_tokenizer_is_one_line(
    here: Line, train_command: Command, lqa: tuple[Path, Path], tmp_path: Path
) -> None:
    command = train_command(tmp_path / "run", data=lqa[0])
    for extra, message in (
        ([], "--source-tokenizer"),
        (["--source-tokenizer", str(tmp_path / "none")], "no source tokenizer"),
    ):
        done = here(command, *extra, "--resume", "auto")
        assert done.status == 4 and message in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_a_streamed_run_resumes_in_the_same_bits(
    here: Line, train_command: Command, lqa: tuple[Path, Path], tmp_path: Path
) -> None:
    """Steps of several blocks, the last of them behind the end of the data."""
    data, tokenizer = lqa
    weights = []
    for name in ("straight", "resumed"):
        settings = {"stream_documents": 4, "checkpoint_every": 6}
        command = train_command(tmp_path / name, steps=14, data=data, **settings)
        command += ["--source-tokenizer", str(tokenizer)]
        done = here(command)
        assert done.status == 0, done.err
        if name == "resumed":
            shutil.rmtree(tmp_path / name / "checkpoints" / "step-00000014")
            done = here(command, "--resume", "auto")
            assert done.status == 0 and "going on from step 12" in done.err
        weights.append(checkpoint_tensors(tmp_path / name, 14))
        rows = (tmp_path / name / "log.jsonl").read_text().splitlines()
        assert [json.loads(row)["step"] for row in rows] == list(range(1, 15))
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_plain_text_of_the_published_sets(
    here: Line, train_command: Command, tmp_path: Path, cache: None
) -> None:
    """FineWeb-Edu's fields: `text` among others."""
    texts = [_text(n) for n in range(6)]
    columns = {"text": texts, "id": [f"u{n}" for n in range(6)], "score": [3.5] * 6}
    data = write_parquet(tmp_path / "edu" / "000_00000.parquet", columns)
    settings = {"stage": "lm", "window_tokens": 16}
    done = here(train_command(tmp_path / "run", steps=2, data=data.parent, **settings))
    assert done.status == 0, done.err
    assert "6 documents" in done.err
