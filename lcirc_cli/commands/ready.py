"""What is known before a model is loaded: is it there, did it make the memory, is it up to date.

Reads names, headers, configs and hashes, and imports no torch, so that a mistake is told at once.
Nothing is fetched here, and what can't be told this way is left to loading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.errors import DocumentError, MemoryFileError, ModelError
from lcirc_cli.files import exists
from lcirc_cli.settings import CommonSettings

if TYPE_CHECKING:
    from lcirc_cli.documents import PageRanges, Source


@dataclass(frozen=True)
class Models:
    """A backbone and an adapter on this machine, not loaded.

    Attributes:
        adapter: its folder; None: the backbone will get an untrained one.
        fingerprint: of the backbone.
    """

    backbone: str
    path: Path
    fingerprint: str
    adapter_name: str
    adapter: Path | None

    def check(self, memory: Path) -> None:
        """Refuse a memory that other models made, as far as they are known.

        Raises:
            ModelError: its backbone or its adapter is another.
            MemoryFileError: missing, cut short, or no memory file.
        """
        from lcirc_cli.adapters.fingerprint import folder_fingerprint
        from lcirc_cli.memory.header import check_fingerprints, read_header

        made = read_header(memory)
        adapter = None if self.adapter is None else folder_fingerprint(self.adapter)
        now = replace(made.fingerprints, backbone_name=self.backbone, backbone=self.fingerprint)
        if adapter is not None:
            now = replace(now, adapter_name=self.adapter_name, adapter=adapter)
        check_fingerprints(made, now, name=str(memory))

    def recipe(self) -> str:
        """A digest of all that decides what a memory of given sources and pages holds.

        The readers' version, the files of backbone, tokenizer and adapter; of an untrained adapter
        the code that makes it.
        """
        from lcirc_cli.backbones import fingerprints
        from lcirc_cli.documents.reader_version import reader_version

        parts = [
            reader_version(),
            self.fingerprint,
            fingerprints.of_tokenizer_files(self.path),
            _code_of_model() if self.adapter is None else fingerprints.of_model(self.adapter),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def find_models(settings: CommonSettings, *, cached: bool = False) -> Models | None:
    """The models that a command will load; None where only a download or the Hub can tell.

    Args:
        cached: of the Hub's models take what is on this machine, though there may be a newer one.

    Raises:
        ModelError: there is no such model or adapter, or they don't belong together.
    """
    from lcirc_cli.backbones import hub, smollm2

    name, offline = settings.model, settings.offline
    if name == smollm2.NAME and not offline and not smollm2.is_cached():
        return None
    of_hub = any(
        hub.is_hub_name(each) and not exists(Path(each).expanduser())
        for each in (name, settings.adapter or "")
    )
    if not of_hub or offline:
        return _on_this_machine(settings)
    try:
        return _on_this_machine(replace(settings, offline=True)) if cached else None
    except ModelError:
        return None


def _on_this_machine(settings: CommonSettings) -> Models | None:
    from lcirc_cli.adapters.loading import find_adapter
    from lcirc_cli.backbones import loading

    name, offline = settings.model, settings.offline
    path = loading.pull(name, offline=offline)
    try:
        fingerprint = loading.fingerprint(path, name)
    except (OSError, ValueError, AttributeError, TypeError, LookupError):  # loading says why
        return None
    adapter = find_adapter(
        settings.adapter, backbone=name, fingerprint=fingerprint, offline=offline
    )
    named = settings.adapter or (adapter.name if adapter is not None else "")
    return Models(name, path, fingerprint, named, adapter)


def is_up_to_date(
    target: Path,
    sources: Sequence[Source],
    *,
    pages: PageRanges | None,
    ocr: str,
    models: Models,
    append: bool,
    recipe: str | None = None,
) -> bool:
    """Whether a memory holds these sources as they would be read and compressed now.

    By the hashes of the sources, the pages that were asked for, how their pictures are read and the
    recipe: False means that it is not known yet.

    Args:
        append: the memory may hold others beside them.
        recipe: that of the models, where it is known: it is slow to tell for many memories.
    """
    from lcirc_cli.documents.ocr import engine, is_read_so
    from lcirc_cli.memory.info import inspect_memory

    engine(ocr)  # says what is wrong with it
    if not exists(target):
        return False
    try:
        found = inspect_memory(target)
    except MemoryFileError:  # it is made again, or refused, as it would be without this
        return False
    if not found["recipe"] or found["recipe"] != (recipe or models.recipe()):
        return False
    asked = "" if pages is None else str(pages)
    held: list[dict[str, Any]] = [
        each for each in found["documents"] if is_read_so(each["format"], each["ocr"], ocr)
    ]
    stored = [(each["name"], each["sha256"], each["asked"]) for each in held]
    given = [(source.name, _hash(source), asked) for source in sources]
    if any(sha256 is None for _, sha256, _ in given):
        return False
    if append:
        return {each[1:] for each in given} <= {each[1:] for each in stored}
    return stored == given


def _hash(source: Source) -> str | None:
    """Of a file; None for standard input, and for one that can't be read."""
    from lcirc_cli.documents.reading import sha256_of_file

    try:
        return None if source.path is None else sha256_of_file(source.path, source.name)
    except DocumentError:
        return None


def _code_of_model() -> str:
    folder = Path(__file__).parents[1] / "model"
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
