"""The operations of each system for a document of N tokens: prefill, and one generated token.

A window of W tokens is read by the LM, or passages, or the question alone; what is not read is
dropped or compressed, which is what the systems differ in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lcirc_cli.cost import operations as ops
from lcirc_cli.cost.shapes import LMShape


@dataclass(frozen=True)
class Workload:
    """What is counted.

    Attributes:
        tokens: N, document and question together.
        window: W, tokens that the LM reads.
        question: tokens of the question.
        shown: what the window of `lcirc`, `qd-lcirc`, `reader` and `window` holds: `ends` (W
            tokens), `evidence` (passages and the question) or `none` (the question).
        evidence: tokens of passages, where they are shown.
        causal: count attention below the diagonal only.
        summary_tokens: of the autocompressor, a segment.
        summary_segment: document tokens of an autocompressor's segment.
    """

    tokens: int
    window: int = 4096
    question: int = 64
    causal: bool = False
    summary_tokens: int = 50
    summary_segment: int = 2048
    shown: str = "ends"
    evidence: int = 512

    @property
    def read(self) -> int:
        """Tokens that the LM reads, the question among them."""
        sizes = {"ends": self.window, "evidence": self.evidence + self.question}
        return min(self.tokens, sizes.get(self.shown, self.question))

    @property
    def rest(self) -> int:
        """Tokens that are compressed where a system compresses.

        By the convention of the published figures `ends` compresses what its window leaves out;
        the other windows hold no part of the document in its place, so it is compressed whole.
        """
        return max(0, self.tokens - (self.read if self.shown == "ends" else self.question))


@dataclass(frozen=True)
class Cost:
    """Operations by part, for the prompt and for the first generated token after it."""

    prefill: Mapping[str, int]
    decode: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.prefill.values())

    @property
    def token(self) -> int:
        return sum(self.decode.values())


def count(system: str, shape: LMShape, config: Any, work: Workload) -> Cost:
    """The cost of one answer by a system. config: the adapter's, or None where it has none.

    Raises:
        KeyError: no such system.
    """
    return _COUNTERS[system](shape, config, work)


def _read(shape: LMShape, tokens: int, work: Workload) -> Cost:
    """The LM reads so many tokens and then generates one."""
    prefill = {
        "lm": ops.lm_matrices(shape, tokens),
        "attention": ops.lm_attention(shape, tokens, context=tokens, causal=work.causal),
        "head": ops.lm_head(shape, tokens),
    }
    decode = {
        "lm": ops.lm_matrices(shape, 1),
        "attention": ops.lm_attention(shape, 1, context=tokens + 1, causal=False),
        "head": ops.lm_head(shape, 1),
    }
    return Cost(prefill, decode)


def _autocompressor(shape: LMShape, _: Any, work: Workload) -> Cost:
    """Each segment is read with all earlier summaries before it and its own behind it."""
    rest, summaries, compress = max(0, work.tokens - work.window), 0, 0
    while rest > 0:
        part = min(rest, work.summary_segment)
        length = summaries + part + work.summary_tokens
        compress += ops.lm_matrices(shape, length)
        compress += ops.lm_attention(shape, length, context=length, causal=work.causal)
        summaries += work.summary_tokens
        rest -= part
    read = _read(shape, summaries + min(work.tokens, work.window), work)
    return Cost({**read.prefill, "compressor": compress}, read.decode)


def _adapted(shape: LMShape, config: Any, work: Workload) -> Cost:
    """The window, read through the adapter's reader where it has one."""
    read = _read(shape, work.read, work)
    if not config.reader_rank:
        return read
    own = {"reader": ops.reader(config, work.read)}
    return Cost({**read.prefill, **own}, {**read.decode, "reader": ops.reader(config, 1)})


def _lcirc(shape: LMShape, config: Any, work: Workload, *, mixed: bool = False) -> Cost:
    read = _adapted(shape, config, work)
    rest, window = work.rest, work.read
    if rest == 0:
        return read
    segments = ops.count_segments(config, rest)
    kept = segments if config.retained_segments is None else config.retained_segments
    memory = min(segments, kept) * config.num_latents
    prefill = {
        **read.prefill,
        "features": ops.features(config, shape, rest, causal=work.causal),
        "compressor": ops.segment_keys(config, rest) + ops.latents(config, rest, segments=segments),
        "injection": ops.memory_keys(config, memory) + ops.injection(config, window, memory=memory),
    }
    if mixed:
        prefill["mixer"] = ops.mixer(config, question=work.question, segments=segments)
        prefill["features"] += ops.features(config, shape, work.question, causal=work.causal)
    decode = {**read.decode, "injection": ops.injection(config, 1, memory=memory)}
    return Cost(prefill, decode)


def _qd_lcirc(shape: LMShape, config: Any, work: Workload) -> Cost:
    return _lcirc(shape, config, work, mixed=True)


def _reader(shape: LMShape, config: Any, work: Workload) -> Cost:
    """Passages are ranked as for `qd-lcirc`, by the scores of all tokens: there are no latents."""
    read = _adapted(shape, config, work)
    if work.rest == 0:
        return read
    segments = ops.count_segments(config, work.rest)
    tokens = (work.rest, work.question)
    prefill = {
        **read.prefill,
        "features": sum(ops.features(config, shape, n, causal=work.causal) for n in tokens),
        "compressor": ops.evidence(config, work.rest, segments=segments),
        "mixer": ops.mixer(
            config,
            question=work.question,
            segments=segments,
            latents=ops.evidence_latents(config),
        ),
    }
    return Cost(prefill, read.decode)


def ask_again(system: str, shape: LMShape, config: Any, work: Workload) -> int:
    """Operations up to the first token when the document was ingested before.

    LCIRC reads its states from the memory file; QD-LCIRC keeps the features, and projects the
    segments' keys again unless they are cached.
    """
    prefill = dict(count(system, shape, config, work).prefill)
    if system == "lcirc":
        prefill["compressor"] = 0
    if system in ("lcirc", "qd-lcirc", "reader") and "features" in prefill:
        question = 0 if system == "lcirc" else work.question
        prefill["features"] = ops.features(config, shape, question, causal=work.causal)
    return sum(prefill.values())


_COUNTERS: dict[str, Callable[[LMShape, Any, Workload], Cost]] = {
    "full": lambda shape, _, work: _read(shape, work.tokens, work),
    "ends": lambda shape, _, work: _read(shape, work.read, work),
    # As the system is made: twice the positions, whatever the window of the others.
    "extended-fa": lambda shape, _, work: _read(shape, min(work.tokens, 2 * shape.positions), work),
    "retrieval": lambda shape, _, work: _read(shape, replace(work, shown="evidence").read, work),
    "window": lambda shape, _, work: _read(shape, work.read, work),
    "autocompressor": _autocompressor,
    "lcirc": _lcirc,
    "qd-lcirc": _qd_lcirc,
    "reader": _reader,
    "none": lambda shape, _, work: _read(shape, work.question, work),
}
SYSTEMS = tuple(_COUNTERS)
