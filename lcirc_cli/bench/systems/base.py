"""What every system is given and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..sample import Output, Sample, TextSample


@dataclass(frozen=True)
class Limits:
    """How much of a document a system may read as text.

    Attributes:
        window: tokens of a prompt with its answer, of the systems with a window.
        evidence: document tokens of the systems that show passages.
        segments: that a question steers, at most; 0 for all, as in the paper.
    """

    window: int = 4096
    evidence: int = 512
    segments: int = 0


@dataclass(frozen=True)
class Measured:
    """One sample's output and where the document's tokens went.

    Attributes:
        prompt: the text of what was read, special tokens among it.
        prompt_sha256: of the prompt's token ids, so that two runs can be compared.
        window: tokens of the prompt.
        compressed: document tokens that the memory holds.
        dropped: document tokens that are neither.
        spared: seconds that this system would have taken more, had it been alone in the run:
            another one had made a memory that it used.
    """

    output: Output
    prompt_sha256: str = ""
    window: int = 0
    compressed: int = 0
    dropped: int = 0
    prompt: str = field(default="", repr=False, compare=False)
    spared: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Batch:
    """Samples of one document, asked together.

    Attributes:
        other: another document of the task: what a shuffled memory is made of; "" if there is none.
    """

    samples: Sequence[Sample] = ()
    texts: Sequence[TextSample] = ()
    other: str = field(default="", repr=False)


class System(ABC):
    """Answers samples: a class in a file of its own, and a line in `spec.REGISTRY`.

    Attributes:
        ranks: it ranks passages, so that its failures count in recall.
    """

    ranks: bool = False

    @abstractmethod
    def run(self, batch: Batch) -> list[Measured]:
        """What comes of each sample of a batch, in order.

        Raises:
            NotApplicable: there is nothing to do for such samples.
        """


class NotApplicable(Exception):
    """This system has nothing to do with this kind of sample; the message says why."""


def check_other(batch: Batch) -> None:
    """A shuffled control without another document would be a system without a memory.

    Raises:
        NotApplicable: the task has no other document.
    """
    if not batch.other.strip():
        raise NotApplicable("the task has no other document for a shuffled memory")
