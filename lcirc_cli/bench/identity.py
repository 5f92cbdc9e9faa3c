"""What makes two runs the same run: settings, data and weights, kept in run.json.

A run goes on only with what it began with. Tasks and systems may be added to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli import files
from lcirc_cli.errors import UsageError
from lcirc_cli.files.locks import locked

from .plan import Planned
from .sample import Sample, TextSample, text_digest
from .systems import SystemSpec

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


def start(out: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder, or check that the run in it is this one.

    Tasks and systems may be added to a run; everything else must be as it was.

    Args:
        settings: what makes two runs the same run; of `data` (by task) and `weights` (by system)
            each entry.

    Raises:
        UsageError: the folder holds another run.
        StorageError: it can't be made.
    """
    files.make_folder(out)
    path = out / "run.json"
    given = json.loads(json.dumps(settings))
    with locked(path):
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


def describe(planned: Planned) -> dict[str, Any]:
    """What a task held: its samples in all and those `asked`, and a hash.

    `sha256` is over every sample of the file: documents, questions, golds and prompts.
    """
    total = hashlib.sha256()
    documents: dict[str, str] = {}
    for sample in planned.everything:
        if sample.document not in documents:
            documents[sample.document] = text_digest(sample.document)
        total.update(f"{documents[sample.document]} {_short(sample)}\n".encode())
    return {
        "sha256": total.hexdigest(),
        "metric": planned.task.metric,
        "total": len(planned.everything),
        "asked": len(planned.asked),
    }


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
