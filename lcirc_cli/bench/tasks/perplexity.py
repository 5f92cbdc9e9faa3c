"""Perplexity on long text: the same last tokens, with more and more context before them.

Only texts that reach the greatest length are asked about, so that the lengths differ in nothing
but the context. Reads a data file (.jsonl, .jsonl.gz, ...) of {"id", "text"}, or a plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lcirc_cli import console
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.qa.rows import is_data_file, read_records, whole_text

from ..sample import TextSample
from .options import TaskOptions, estimate_tokens

SCORED_TOKENS = 2048


@dataclass(frozen=True)
class Perplexity:
    """Every text of a file that reaches the greatest length, at every length.

    All lengths score the same tokens of the same texts: the last ones before the greatest length.
    """

    name: str
    file: Path
    lengths: tuple[int, ...]
    count_tokens: Callable[[str], int]

    @property
    def metric(self) -> str:
        return "perplexity"

    def samples(self) -> Iterator[TextSample]:
        """Raises DocumentError at the first line that lacks something, or if all are too short."""
        greatest = max(self.lengths)
        sizes = [size for _, _, size in self._counted]
        if not sizes:
            raise DocumentError(f"{self.file} holds no text")
        if max(sizes) < greatest:
            raise DocumentError(
                f"no text of {self.file} has {greatest:,} tokens, the longest has "
                f"{max(sizes):,}: give smaller --lengths or longer texts"
            )
        if self.note:
            console.note(f"{self.name}: {self.note}")
        for identity, text, size in self._counted:
            for length in self.lengths if size >= greatest else ():
                yield TextSample(
                    id=f"{identity}@{length}",
                    document_id=identity,
                    document=text,
                    end_token=greatest,
                    context_tokens=length,
                    scored_tokens=SCORED_TOKENS,
                    facets={"length": length},
                )

    @property
    def note(self) -> str:
        """How many texts are left out; "" where none is."""
        greatest = max(self.lengths)
        short = sum(size < greatest for _, _, size in self._counted)
        if not short:
            return ""
        return f"{short} of {len(self._counted)} texts have less than {greatest:,} tokens: left out"

    @cached_property
    def _counted(self) -> list[tuple[str, str, int]]:
        """Name, text and tokens of every text."""
        return [(identity, text, self.count_tokens(text)) for identity, text in self._texts()]

    def _texts(self) -> Iterator[tuple[str, str]]:
        if is_data_file(self.file):
            for record in read_records(self.file):
                yield str(record.data.get("id", record.line)), record.text("text")
            return
        yield self.file.name, whole_text(self.file)


def open_task(argument: str, options: TaskOptions) -> Perplexity:
    """The task of a file.

    Raises:
        DocumentError: there is no such file.
        UsageError: a length that leaves no context before the scored tokens.
    """
    file = Path(argument).expanduser()
    if not file.is_file():
        raise DocumentError(f"there is no file {file} to measure perplexity on")
    if min(options.lengths) <= SCORED_TOKENS:
        raise UsageError(
            f"--lengths: perplexity scores the last {SCORED_TOKENS:,} tokens of each length, so "
            f"{min(options.lengths):,} leaves no context; give greater ones"
        )
    return Perplexity(
        f"perplexity:{argument}",
        file,
        tuple(dict.fromkeys(options.lengths)),
        options.count_tokens or estimate_tokens,
    )
