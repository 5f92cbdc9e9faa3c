"""Memories opened for questions: their passages and ranking, their segments, the keys kept.

Several memories are read side by side: each has its own recurrence, their latents stand one after
another, and passages are ranked across all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lcirc_cli.answering.stages import Chosen, SegmentPlaces, TokenScores
from lcirc_cli.compression.recurrence import KeyStore
from lcirc_cli.compression.segments import Segments, group_segments
from lcirc_cli.evidence import PassageIndex, current_words, fuse, texts_of
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.model import passage_scores

STEERED = 16  # segments a question, at most, where latents or features have to be made
SCORED = 64  # of several documents where neither has: scores take about a fourth of the time


class Collection:
    """One or several memories, made with the same model and adapter."""

    def __init__(self, memories: Sequence[MemoryContents], *, key_bytes: int) -> None:
        self.memories = tuple(memories)
        self.segments = [_segments(memory) for memory in self.memories]
        self.stores = [KeyStore(key_bytes // len(self.memories)) for _ in self.memories]

    def holds(self, memories: Sequence[MemoryContents]) -> bool:
        """Whether these very memories are the ones that are open."""
        return len(memories) == len(self.memories) and all(
            ours is theirs for ours, theirs in zip(self.memories, memories, strict=True)
        )

    @cached_property
    def index(self) -> PassageIndex:
        words = [current_words(memory) for memory in self.memories]
        return PassageIndex(texts_of(self.memories), words=words)

    @property
    def num_tokens(self) -> int:
        return sum(len(memory.token_ids) for memory in self.memories)

    @cached_property
    def places(self) -> SegmentPlaces:
        return SegmentPlaces.of(self.memories)

    def most_segments(self, given: int | None, *, latents: bool) -> int:
        """How many segments a question reads at most; 0 for all.

        As many of a single document as before it was ingested, so that it answers alike.

        Args:
            given: what was asked for, and is obeyed; None for as many as cost little.
            latents: the recurrence makes them, and not scores of tokens alone.
        """
        if given is not None:
            return given
        computed = any(memory.on_demand for memory in self.memories)
        several = sum(len(memory.documents) for memory in self.memories) > 1
        return SCORED if several and not latents and not computed else STEERED

    def best_segments(self, question: str, *, most: int, before: str | None = None) -> Chosen:
        """Stage 1: the segments that a question's recurrence reads, all where `most` is 0.

        Args:
            before: see `scores`.
        """
        if not 0 < most < len(self.places):
            return self.places.all
        tokens = self.index.passages.rows[:, 3:]
        return self.places.best(self.scores(question, before=before), tokens, most=most)

    def tokens_left_out(self, chosen: Chosen) -> int:
        """Tokens of the segments that were not chosen, or beyond an adapter's limit of them."""
        retained = self.memories[0].settings.get("retained_segments")
        return self.num_tokens - self.places.tokens(chosen, retained=retained)

    @property
    def sha256(self) -> str | None:
        """Of the memory files, joined by spaces; None if one was never saved."""
        hashes = [memory.sha256 for memory in self.memories]
        return " ".join(hashes) if all(hashes) else None

    def scores(
        self, question: str, *, before: str | None = None, evidence: TokenScores | None = None
    ) -> np.ndarray:
        """How well each passage answers a question, [P], higher is better.

        Args:
            before: the question before it in a chat: a follow-up may not name what it is about.
            evidence: the adapter's scores of the tokens that it has read.
        """
        rankings = [self.index.scores(question)]
        if before is not None:
            rankings.append(self.index.scores(f"{before} {question}"))
        if evidence is not None:
            rankings.append(self.passage_evidence(evidence))
        return rankings[0] if len(rankings) == 1 else fuse(rankings)

    def passage_evidence(self, evidence: TokenScores) -> np.ndarray:
        """The adapter's score of each passage, [P]; -inf where it has read no token of it."""
        columns = evidence.columns(self.index.passages.rows[:, 3:])
        read = columns[:, 0] < columns[:, 1]
        found = np.full(len(columns), -np.inf)
        if read.any():
            ranges = [(first, end) for first, end in columns[read].tolist()]
            found[read] = passage_scores(evidence.scores_RN[None], ranges)[0].double().numpy()
        return found


def _segments(memory: MemoryContents) -> Segments:
    groups = []
    for number, document in enumerate(memory.documents):
        first, last = document.first_segment, document.first_segment + document.num_segments
        groups += group_segments(
            memory.segment_lengths[first:last],
            document=number,
            first_segment=first,
            first_token=document.first_token,
        )
    return Segments(memory.token_ids, memory.features, groups)
