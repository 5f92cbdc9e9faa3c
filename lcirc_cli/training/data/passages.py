"""The passages that `lcirc ask` would show for a question of a sample, ranked by words.

What training shows must be what answering will: passages that look like the question, with the
evidence among them as often as retrieval finds it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from lcirc_cli.answering.windows import best_texts
from lcirc_cli.evidence import Passage, PassageIndex, Text, ranking
from lcirc_cli.training.data.corpus import Corpus, TokenisedDocument
from lcirc_cli.training.data.samples import Sample


def document_index(document: TokenisedDocument) -> PassageIndex:
    """The passages of a whole document; its token ranges are the document's."""
    return PassageIndex([Text(document.id, document.text, np.array(document.starts, np.int64))])


def sample_index(corpus: Corpus, sample: Sample) -> PassageIndex:
    """The passages of one sample's document; its token ranges are the joined document's.

    Raises:
        ValueError: the sample's documents were made without their text.
    """
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
    return PassageIndex([Text("sample", "".join(texts), np.concatenate(starts))])


def shown_texts(
    index: PassageIndex,
    question: str,
    *,
    budget: int,
    without: Collection[tuple[int, int]] = (),
) -> list[str]:
    """The passages most like the question that fit in `budget` tokens, in document order.

    Args:
        without: token ranges of the document; passages that touch one are left out.
    """
    ranked = [index.passages[number] for number in ranking(index.scores(question))]
    kept = [passage for passage in ranked if not touches(without, passage)]
    return best_texts(index, kept, budget, question=question)[0]


def touches(spans: Collection[tuple[int, int]], passage: Passage) -> bool:
    """Whether any of the token ranges has a token of the passage."""
    return any(a < passage.end_token and passage.first_token < b for a, b in spans)
