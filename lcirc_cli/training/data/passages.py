"""The passages that `lcirc ask` would show for a question of a sample, ranked by words.

What training shows must be what answering will: passages that look like the question, with the
evidence among them as often as retrieval finds it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lcirc_cli.answering.windows import best_texts
from lcirc_cli.evidence import PassageIndex, Text, ranking
from lcirc_cli.training.data.corpus import Corpus, TokenisedDocument
from lcirc_cli.training.data.samples import Sample


def document_index(document: TokenisedDocument) -> PassageIndex:
    """The passages of a whole document; its token ranges are the document's."""
    return PassageIndex([Text(document.id, document.text, np.array(document.starts, np.int64))])


def best_passages(index: PassageIndex, question: str, budget: int) -> list[str]:
    """The passages that look most like the question and fit in `budget` tokens, in order."""
    ranked = [index.passages[number] for number in ranking(index.scores(question))]
    return best_texts(index, ranked, budget)[0]


class SamplePassages:
    """The ranked passages of one sample's document.

    Raises:
        ValueError: the sample's documents were made without their text.
    """

    def __init__(self, corpus: Corpus, sample: Sample) -> None:
        texts: list[str] = []
        starts, length = [], 0
        for part in sample.parts:
            document = corpus.documents[part.document]
            text = document.text_of(part.start, part.end)
            if not text:
                raise ValueError(f"the document {document.id!r} has no text to take passages from")
            own = np.array(document.starts[part.start : part.end], np.int64)
            starts.append(own - document.starts[part.start] + length)
            texts.append(text)
            length += len(text)
        self._index = PassageIndex([Text("sample", "".join(texts), np.concatenate(starts))])

    def best(
        self, question: str, *, budget: int, without: Iterable[tuple[int, int]] = ()
    ) -> list[str]:
        """The best passages that fit in `budget` tokens, in document order.

        Args:
            without: token ranges of the sample's document; passages that touch one are left out.
        """
        index, spans = self._index, list(without)
        ranked = [index.passages[number] for number in ranking(index.scores(question))]
        kept = [
            passage
            for passage in ranked
            if not any(
                start < passage.end_token and passage.first_token < end for start, end in spans
            )
        ]
        return best_texts(index, kept, budget)[0]
