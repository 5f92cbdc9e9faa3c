"""Training data too large to read first: data sets of the Hub, and Parquet files, read in blocks.

A run needs one block of documents at a time. Which block a step uses depends on the step alone,
so a resumed run skips to where it stood. Rows may hold text or the token ids of another tokenizer
(`ssumin/fineweb-lqa` holds Llama-2's), which are decoded with it. Knows no stages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lcirc_cli import console
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.errors import DocumentError, ModelError, UsageError, first_line
from lcirc_cli.qa.form import read_asked
from lcirc_cli.qa.hub import is_streamed, open_streamed, unreadable
from lcirc_cli.qa.rows import Record
from lcirc_cli.training.data.corpus import (
    Corpus,
    Question,
    TokenisedDocument,
    in_tokens,
    tokenise,
)
from lcirc_cli.training.settings import TrainSettings

# Where published sets keep a document: FineWeb-LQA, FineWeb-Edu, FineWeb-Edu-Long.
CONTEXTS = ("context", "text", "input_ids")


@dataclass(frozen=True)
class Row:
    """One row of a data set: a document, and a question about it in sets that have questions.

    asked: a record as in qa.jsonl; None where there is no question.
    """

    text: str
    asked: Record | None


class RowStream:
    """The rows of a data set, over and over, from any place on.

    Args:
        decode: token ids to text; None where no source tokenizer was named.
    """

    def __init__(
        self, source: str, *, questions: bool, decode: Callable[[Sequence[int]], str] | None
    ) -> None:
        self._source, self._questions, self._decode = source, questions, decode

    def rows(self, start: int) -> Iterator[tuple[str, Row]]:
        """("source row n", row) from row `start` on; after the last row comes the first.

        Raises:
            DocumentError: no rows, or a row that can't be used.
            EndpointError: the Hub can't be reached.
            ModelError: token ids, and no source tokenizer.
        """
        while True:
            number = start
            for raw in self._raw(start):
                where = f"{self._source} row {number + 1:,}"
                yield where, self._parse(Record(raw, where, number + 1))
                number += 1
            if number == start:  # nothing was there: `start` is behind the last row
                total = sum(1 for _ in self._raw(0)) if start else 0
                if total == 0:
                    raise DocumentError(f"{self._source} has no rows in its split 'train'")
                start %= total
            else:
                start = 0

    def _raw(self, start: int) -> Iterator[dict[str, Any]]:
        dataset = open_streamed(self._source)
        try:
            yield from dataset.skip(start) if start else dataset
        except OSError as error:
            raise unreadable(self._source, error) from error

    def _parse(self, record: Record) -> Row:
        raw = record.data
        name = next((key for key in CONTEXTS if key in raw), None)
        if name is None:
            raise record.error(
                f"its fields are {', '.join(raw)}; a document is looked for in "
                f"{', '.join(CONTEXTS)}"
            )
        text = self._text(record, name)
        if not self._questions:
            return Row(text, None)
        answers = raw.get("answers", raw.get("answer"))
        answers = [answers] if isinstance(answers, str) else answers
        if not isinstance(raw.get("question"), str) or not isinstance(answers, list):
            raise record.error(
                "stage qa needs the fields 'question' and 'answer' (or 'answers'); "
                f"there are {', '.join(raw)}"
            )
        # Published sets don't say where the answer stands; what others say is read and checked.
        fields: dict[str, Any] = {name: raw[name] for name in ("options", "quote") if name in raw}
        fields |= {"answers": answers, "evidence": raw.get("evidence") or []}
        return Row(text, replace(record, data={"question": raw["question"], **fields}))

    def _text(self, record: Record, name: str) -> str:
        value = record.data[name]
        if isinstance(value, str):
            return value
        if not isinstance(value, list) or not all(isinstance(each, int) for each in value):
            raise record.error(f"{name!r} is neither text nor a list of token ids")
        if self._decode is None:
            raise ModelError(
                f"{self._source} holds token ids: say whose with --source-tokenizer ID|DIR "
                "(ssumin/fineweb-lqa: Llama-2's)"
            )
        try:
            return self._decode(value)
        except (IndexError, OverflowError, ValueError) as error:
            raise ModelError(
                f"{record.place}: its token ids are not those of --source-tokenizer ({error})"
            ) from error


class BlockedCorpus:
    """Blocks of documents from one or more streams, in turn.

    Args:
        documents: rows of a block, over all sources.
    """

    def __init__(self, streams: Sequence[RowStream], backbone: Backbone, *, documents: int) -> None:
        self._streams, self._backbone = streams, backbone
        self._rows = -(-documents // len(streams))
        self._open: tuple[int, list[Iterator[tuple[str, Row]]]] | None = None

    def block(self, index: int) -> Corpus:
        """Block `index`; the one after the last that was asked for is read on from there."""
        if self._open is None or self._open[0] != index:
            self._open = index, [each.rows(index * self._rows) for each in self._streams]
        iterators = self._open[1]
        documents: list[TokenisedDocument] = []
        groups: list[list[Question]] = []
        for iterator in iterators:
            self._fill(iterator, documents, groups)
        self._open = index + 1, iterators
        if not documents:
            raise DocumentError(f"block {index} of the streamed data has no text in it")
        return Corpus(documents, groups)

    def _fill(
        self,
        rows: Iterator[tuple[str, Row]],
        documents: list[TokenisedDocument],
        groups: list[list[Question]],
    ) -> None:
        """Rows of the same document that follow one another become one document."""
        last: str | None = None
        for where, row in (next(rows) for _ in range(self._rows)):
            if not row.text.strip():
                console.warn(f"{where}: an empty document, left out")
                continue
            if row.text != last:
                documents.append(tokenise(where, row.text, self._backbone))
                groups.append([])
                last = row.text
            if row.asked is not None and not row.asked.data["question"].strip():
                console.warn(f"{where}: an empty question, left out")
            elif row.asked is not None:
                asked = read_asked(row.asked, row.text)
                groups[-1].append(in_tokens(asked, len(documents) - 1, documents[-1]))


def open_streams(
    settings: TrainSettings, backbone: Backbone, *, offline: bool = False
) -> BlockedCorpus:
    """The streamed sources of a run.

    Raises:
        UsageError: streamed and other sources together, or `datasets` is not installed.
        ModelError: the source tokenizer is missing.
    """
    if others := [each for each in settings.data if not is_streamed(each)]:
        raise UsageError(
            f"{others[0]} is read as a whole and can't be mixed with streamed data: make two "
            "runs, the second with --init"
        )
    decode = None
    if settings.source_tokenizer:
        decode = source_decoder(settings.source_tokenizer, offline=offline)
    questions = settings.stage == "qa"
    streams = [RowStream(each, questions=questions, decode=decode) for each in settings.data]
    return BlockedCorpus(streams, backbone, documents=settings.stream_documents)


def source_decoder(name: str, *, offline: bool = False) -> Callable[[Sequence[int]], str]:
    """A function from token ids to text, of the tokenizer `name` (a folder or Hub id).

    Raises:
        ModelError: no such tokenizer.
    """
    from transformers import AutoTokenizer

    from lcirc_cli.console import silent_transformers

    try:
        with silent_transformers():
            tokenizer: Any = AutoTokenizer.from_pretrained(
                name, local_files_only=offline, trust_remote_code=False
            )
    except Exception as error:  # tokenizers raises plain Exception for a bad file
        reason = first_line(error)
        raise ModelError(f"no source tokenizer {name!r}: {reason}") from error
    size = len(tokenizer)

    def decode(ids: Sequence[int]) -> str:
        if ids and not 0 <= min(ids) <= max(ids) < size:
            raise ValueError(f"ids up to {max(ids):,}, it has {size:,}")
        return str(
            tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    return decode
