"""What makes two runs the same run: settings, data and weights, kept in run.json.

A run goes on only with what it began with. Tasks and systems may be added to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli import files
from lcirc_cli.errors import UsageError

from .plan import Planned
from .sample import Sample, TextSample
from .systems import SystemSpec
from .systems.workbench import text_digest

if TYPE_CHECKING:
    from .systems import Workbench

_MAY_GROW = ("tasks", "systems")
_TUNED = (
    "method.json",
    "model.safetensors",
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
_LONG = ("document", "parts")  # fields that are hashed once a document


@dataclass(frozen=True)
class TaskData:
    """What a task held.

    Attributes:
        sha256: over every sample of the file: documents, questions, golds and prompts.
        total: samples of the whole file.
        asked: those of them that the run asks.
    """

    sha256: str
    metric: str
    total: int
    asked: int


@dataclass(frozen=True)
class RunSettings:
    """What makes two runs the same run; kept in run.json.

    Attributes:
        tasks, systems: as given on the command line.
        model, adapter: the backbone and the adapter of the command line, with fingerprints.
        window, evidence: tokens, see `Limits`.
        batch: questions of a document asked at once.
        dtype: number format of the backbone.
        data: by task.
        weights: fingerprints of the systems that bring their own (`@ADAPTER`).
    """

    tasks: tuple[str, ...]
    systems: tuple[str, ...]
    protocol: str
    model: str
    fingerprint: str
    adapter: str
    adapter_fingerprint: str
    limit: int | None
    seed: int
    join: int
    window: int
    evidence: int
    batch: int
    dtype: str
    lengths: tuple[int, ...]
    facts: int
    data: Mapping[str, TaskData]
    weights: Mapping[str, str]


def start(out: Path, settings: RunSettings) -> None:
    """Make the folder, or check that the run in it is this one.

    Tasks and systems may be added to a run; everything else must be as it was.

    Raises:
        UsageError: the folder holds another run.
        StorageError: it can't be made.
    """
    files.make_folder(out)
    path = out / "run.json"
    given = json.loads(json.dumps(asdict(settings)))
    with files.locked(path):
        if path.exists():
            given = _continued(out, json.loads(path.read_text("utf-8")), given)
        files.atomic_write(path, json.dumps(given, indent=2).encode() + b"\n")


def _continued(out: Path, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of both; raises UsageError where they contradict each other."""
    merged = dict(given)
    for name, value in given.items():
        if name in _MAY_GROW:
            merged[name] = list(dict.fromkeys([*known[name], *value]))
        elif isinstance(value, dict):
            for key in value.keys() & known[name].keys():
                if value[key] != known[name][key]:
                    what = f"the {name} of {key} were not what they are now"
                    raise UsageError(f"{out} holds another run: {what}; use another --out")
            merged[name] = {**known[name], **value}
        elif known.get(name) != value:
            raise UsageError(
                f"{out} holds another run: its {name} is {known.get(name)}, not {value}; use "
                "another --out"
            )
    return merged


def describe(planned: Planned) -> TaskData:
    """The hash and the numbers of a task's samples."""
    total = hashlib.sha256()
    documents: dict[str, str] = {}
    for sample in planned.everything:
        if sample.document not in documents:
            documents[sample.document] = text_digest(sample.document)
        total.update(f"{documents[sample.document]} {_short(sample)}\n".encode())
    return TaskData(
        total.hexdigest(), planned.task.metric, len(planned.everything), len(planned.asked)
    )


def weights(spec: SystemSpec, bench: Workbench) -> str:
    """A fingerprint of what stands behind a system's `@ADAPTER`; "" if it has none."""
    if spec.adapter is None:
        return ""
    if spec.through_adapter:
        return bench.engine(spec.adapter).adapter.fingerprint
    digest = hashlib.sha256()
    for name in _TUNED:
        path = Path(spec.adapter) / name
        if path.is_file():
            with path.open("rb") as file:
                digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()


def _short(sample: Sample | TextSample) -> str:
    """Everything of a sample but its document, in one line of ASCII."""
    short = {f.name: getattr(sample, f.name) for f in fields(sample) if f.name not in _LONG}
    return json.dumps(short, default=asdict)
