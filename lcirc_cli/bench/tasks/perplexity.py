"""Perplexity on long text: the same last tokens, with more and more context before them.

Reads .jsonl or .jsonl.gz files of {"id", "text"}, or one plain text file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lcirc_cli.errors import DocumentError

from ..datafiles import read_records
from ..sample import TextSample
from .options import TaskOptions, estimate_tokens

SCORED_TOKENS = 2048


@dataclass(frozen=True)
class Perplexity:
    """Every text of a file at every length that the text has tokens for.

    All lengths of a text score the same tokens, the last ones of the longest length that the
    text reaches, so that only the context differs between them.
    """

    name: str
    file: Path
    lengths: tuple[int, ...]
    count_tokens: Callable[[str], int]

    @property
    def metric(self) -> str:
        return "perplexity"

    def samples(self) -> Iterator[TextSample]:
        """Raises DocumentError at the first line that lacks something."""
        for identity, text in self._texts():
            tokens = self.count_tokens(text)
            reached = [length for length in self.lengths if SCORED_TOKENS < length <= tokens]
            for length in reached:
                yield TextSample(
                    id=f"{identity}@{length}",
                    document_id=identity,
                    document=text,
                    end_token=max(reached),
                    context_tokens=length,
                    scored_tokens=SCORED_TOKENS,
                    facets={"length": length},
                )

    def _texts(self) -> Iterator[tuple[str, str]]:
        if ".jsonl" in self.file.name:
            for record in read_records(self.file):
                yield str(record.data.get("id", record.line)), record.text("text")
            return
        try:
            yield self.file.name, self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DocumentError(f"can't read {self.file}: {error}") from error


def open_task(argument: str, options: TaskOptions) -> Perplexity:
    """Raises DocumentError if there is no such file."""
    file = Path(argument).expanduser()
    if not file.is_file():
        raise DocumentError(f"there is no file {file} to measure perplexity on")
    return Perplexity(
        f"perplexity:{argument}", file, options.lengths, options.count_tokens or estimate_tokens
    )
