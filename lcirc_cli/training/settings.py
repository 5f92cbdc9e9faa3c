"""Settings of a training run: one flat dataclass, `--set key=value` and config.toml.

Keys that begin with `adapter.` set the adapter's own configuration (`LcircConfig`). Knows
nothing about torch.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcirc_cli.errors import UsageError
from lcirc_cli.training.presets import METHODS, PRESETS
from lcirc_cli.training.settings_checks import check

ADAPTER = "adapter."


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides a run's weights.

    Attributes:
        stage: qa, lm or reconstruct.
        method: qd-lcirc (one adapter serves lcirc too); reader (the adapter's reader alone: what
            reads the window); or, to compare with, window (LoRA on the backbone, no memory) or
            autocompressor (summary tokens and LoRA). The data, their order and the form of the
            answers are the same for all but the reader, whose windows many questions share.
        model: the backbone.
        data: folders, Parquet files or Hub ids; the last two are streamed.
        stream_documents: rows that are held at once of streamed data.
        source_tokenizer: decodes streamed data that are token ids: a folder or Hub id.
        adapter_preset: `paper`, `smollm2-raw` or `smollm2`; `adapter` overrides single values.
        init: an adapter folder to start from.
        warm_start: injection blocks start from the backbone's own attention.
        steps: optimiser steps.
        documents: documents a step, over all processes.
        questions: questions a document (qa).
        document_tokens: cut documents to about this length (0 = whole).
        join_tokens: join documents up to this length (0 = never).
        random_segments: draw the segment length anew for each document, as in the paper.
        unanswerable: share of questions asked of a document that does not answer them.
        altered: share of those that are the document's own, changed in one place; the others are
            another document's.
        evidence_removed: share of documents from which the segments with a question's evidence
            are taken out.
        multiple_choice: share of questions that are shown with options, wrong ones from the same
            document; their answer is a letter and the option.
        mixer_dropout: share of documents compressed without the question, so that one adapter
            serves lcirc and qd-lcirc.
        window_none, window_evidence, window_ends: weights of the window's contents: the question
            alone, passages as `lcirc ask` ranks them by words, or the document's head and tail.
        window_tokens: document tokens in a window that holds any (reader: of those around the
            evidence from a fourth of it to all).
        asked_windows: share of windows as `lcirc ask` makes them for a question; the others hold
            its evidence and passages beside it or like it (reader).
        temperature: sets of data are drawn in proportion to (questions) ** (1 / temperature): at 1
            by their size, above it the small ones more often (reader).
        wordings: share of windows in another form than `lcirc ask`'s own prompt (reader).
        history: share of questions with earlier ones about the document before them (reader).
        answer_tokens: answers with more are not learned from (reader).
        answer_weight: of the loss on answer tokens; 0 leaves the LM out and trains only what finds
            the evidence, at a fifth of the time (qa).
        evidence_weight: of the contrastive evidence loss; 0 leaves it out.
        passage_tokens: length of the passages that it contrasts.
        bptt: full, truncated or selective, over bptt_states states.
        bptt_neighbours: selective: gradients also pass between neighbours.
        lora_rank: of the low-rank matrices (reader, window, autocompressor).
        summary_tokens, summary_segment: vectors of a summary, and document tokens that it stands
            for (autocompressor).
        learning_rate, gate_learning_rate: peaks; gates are few and need larger steps.
        final_learning_rate: where the cosine ends, as a share of the peak.
        clip: largest norm of the gradient.
        autocast: auto (bfloat16 where the hardware multiplies it faster), bfloat16 or float32; the
            masters are float32 in any case. A run's config.toml holds what it began with.
        gradient_checkpointing: recompute the LM's layers in the backward pass.
        shard_backbone: the frozen LM's layers are dealt out over the processes (FSDP2) and gathered
            one at a time when they run: for an LM that doesn't fit on one device.
        validation: folder in the documents + qa form; validation_limit questions of it.
        validate_every, checkpoint_every: steps; keep_checkpoints: how many stay.
        log_to: none, tensorboard or trackio.
        seed: of the weights and of the order of the data.
    """

    stage: str = "qa"
    method: str = "qd-lcirc"
    model: str = "smollm2"
    data: tuple[str, ...] = ()
    stream_documents: int = 256
    source_tokenizer: str = ""
    adapter_preset: str = "smollm2"
    init: str = ""
    warm_start: bool = True
    steps: int = 1000
    documents: int = 2
    questions: int = 8
    document_tokens: int = 0
    join_tokens: int = 0
    random_segments: bool = False
    unanswerable: float = 0.1
    altered: float = 0.0
    evidence_removed: float = 0.0
    multiple_choice: float = 0.0
    mixer_dropout: float = 0.15
    window_none: float = 1.0
    window_evidence: float = 0.0
    window_ends: float = 0.0
    window_tokens: int = 512
    asked_windows: float = 0.33
    temperature: float = 2.0
    wordings: float = 0.3
    history: float = 0.1
    answer_tokens: int = 128
    answer_weight: float = 1.0
    evidence_weight: float = 0.0
    passage_tokens: int = 128
    bptt: str = "full"
    bptt_states: int = 8
    bptt_neighbours: bool = False
    lora_rank: int = 8
    summary_tokens: int = 50
    summary_segment: int = 2048
    learning_rate: float = 4e-4
    gate_learning_rate: float = 1e-2
    final_learning_rate: float = 0.1
    warmup_steps: int = 30
    weight_decay: float = 0.01
    clip: float = 1.0
    autocast: str = "auto"
    gradient_checkpointing: bool = False
    shard_backbone: bool = False
    validation: tuple[str, ...] = ()
    validation_limit: int = 200
    validate_every: int = 200
    checkpoint_every: int = 50
    keep_checkpoints: int = 2
    log_to: str = "none"
    seed: int = 0
    adapter: dict[str, Any] = field(default_factory=dict)


# Values that may change between a run and its resumption: they don't decide the weights.
FREE = frozenset(
    [
        "validation",
        "validation_limit",
        "validate_every",
        "checkpoint_every",
        "keep_checkpoints",
        "log_to",
    ]
)


def make_settings(preset: str | None, given: Mapping[str, Any]) -> TrainSettings:
    """Preset, method, then what was given: field names (and `adapter.*` keys) to values.

    Raises:
        UsageError: no such preset or key, or a value of the wrong type or out of its range.
    """
    settings = _filled(preset, given)
    check(settings)
    return settings


def _filled(preset: str | None, given: Mapping[str, Any]) -> TrainSettings:
    """The settings, their names and types checked but not their ranges."""
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"no training preset {preset!r}; there are {', '.join(PRESETS)}")
    values: dict[str, Any] = dict(PRESETS[preset] if preset else {})
    values["adapter"] = dict(values.get("adapter", {}))
    values |= METHODS.get(str(given.get("method", "qd-lcirc")), {})
    for key, value in given.items():
        if key.startswith(ADAPTER):
            values["adapter"][key.removeprefix(ADAPTER)] = value
        else:
            values[key] = _typed(key, value)
    return TrainSettings(**values)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs of --set; values as in TOML, bare words as text.

    Raises:
        UsageError: no `=` in an assignment.
    """
    parsed = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set wants key=value, not {assignment!r}")
        try:
            parsed[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[key.strip()] = text
    return parsed


def to_toml(settings: TrainSettings) -> str:
    """The settings as config.toml; `from_toml` reads it back."""
    rows = []
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if each.name != "adapter":
            rows.append(f"{each.name} = {_toml(value)}")
    rows += ["", "[adapter]"]
    rows += [f"{key} = {_toml(value)}" for key, value in sorted(settings.adapter.items())]
    return "\n".join(rows) + "\n"


def from_toml(path: Path) -> TrainSettings:
    """Read a run's config.toml, to compare with.

    Ranges are not checked: a run of an older version may hold what is refused now, and settings
    that may change must then be changeable.

    Raises:
        UsageError: not TOML, unknown keys or values of the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"can't read the settings in {path}: {error}") from error
    adapter = values.pop("adapter", {})
    return _filled(None, values | {ADAPTER + key: value for key, value in adapter.items()})


def difference(ours: TrainSettings, theirs: TrainSettings) -> list[str]:
    """Names of the settings that differ and decide the weights."""
    return [
        each.name
        for each in dataclasses.fields(ours)
        if each.name not in FREE and getattr(ours, each.name) != getattr(theirs, each.name)
    ]


def _typed(key: str, value: Any) -> Any:
    fields = {each.name: each for each in dataclasses.fields(TrainSettings)}
    if key not in fields or key == "adapter":
        raise UsageError(f"no training setting {key!r}; see lcirc train --print-config")
    default = getattr(TrainSettings(), key)
    if isinstance(default, tuple):
        return tuple(str(item) for item in ([value] if isinstance(value, str) else value))
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise UsageError(f"{key} wants {type(default).__name__}, not {value!r}")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(json.dumps(item) for item in value) + "]"
    return json.dumps(value)  # text, numbers, booleans and lists are written as in JSON
