"""What `lcirc info` tells about a memory file: documents, sizes by part, fingerprints.

Checks every byte of the file, and never imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lcirc_cli.memory.arrays import read_array
from lcirc_cli.memory.container import TABLE, Container, open_container
from lcirc_cli.memory.contents import StoredDocument
from lcirc_cli.memory.layout import read_documents
from lcirc_cli.memory.records import (
    document_records,
    fingerprints_record,
    recipe_record,
    settings_record,
    version_record,
)

_TOKEN_PARTS = ("token_ids", "token_ids_high", "token_starts", "token_start_jumps")


def read_texts(path: Path | str) -> tuple[StoredDocument, ...]:
    """The documents of a memory file with their texts and pages, after checking that it is whole.

    Raises:
        MemoryFileError: missing, damaged, cut short, of a newer format, or inconsistent.
    """
    container = _whole(Path(path))
    with container.consistent():
        return read_documents(container, document_records(container.metadata))


def inspect_memory(path: Path | str) -> dict[str, Any]:
    """Verifies a memory file and describes it, ready for JSON. Sizes are in bytes.

    Raises:
        MemoryFileError: missing, damaged, cut short, of a newer format, or inconsistent.
    """
    container = _whole(Path(path))
    with container.consistent():
        return _describe(container.path, container)


def _whole(path: Path) -> Container:
    """A memory file of which every byte was checked."""
    container = open_container(path)
    container.check_all()
    return container


def _describe(path: Path, container: Container) -> dict[str, Any]:
    documents = read_documents(container, document_records(container.metadata))
    lengths = read_array(container, "segment_lengths", dtype="I32")
    tokens, states = int(lengths.sum()), container.entries.get("states")
    if states is None or len(states.shape) != 2:
        raise ValueError("states must be there and two-dimensional")
    settings = settings_record(container.metadata)
    sizes = _sizes(container)
    per_token = {
        "total": sizes["total"] / max(1, tokens),
        "without_states_and_features": (sizes["total"] - sizes["states"] - sizes["features"])
        / max(1, tokens),
    }
    return {
        "file": str(path),
        "format_version": int(container.metadata["format_version"]),
        "lcirc_version": version_record(container.metadata),
        "sha256": container.sha256,
        "documents": [_document(document) for document in documents],
        "tokens": tokens,
        "segments": len(lengths),
        "segment_tokens": {"longest": int(lengths.max(initial=0))},
        "latents": {
            "vectors": states.shape[0],
            "per_segment": settings["num_latents"],
            "width": states.shape[1],
            "dtype": states.dtype,
        },
        "tokens_per_latent": tokens / max(1, states.shape[0]),
        "bytes": sizes,
        "bytes_per_token": {name: round(value, 3) for name, value in per_token.items()},
        "features": {
            name.removeprefix("features."): {"dtype": entry.dtype, "shape": list(entry.shape)}
            for name, entry in container.entries.items()
            if name.startswith("features.")
        },
        "settings": settings,
        "fingerprints": vars(fingerprints_record(container.metadata)),
        "recipe": recipe_record(container.metadata),
    }


def _document(document: StoredDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "format": document.format,
        "asked": document.asked,
        "ocr": document.ocr,
        "sha256": document.sha256,
        "characters": len(document.text),
        "tokens": document.num_tokens,
        "segments": document.num_segments,
        "pages": document.page_count,
        "pages_read": sum(page.number is not None for page in document.pages),
        "sections": len({page.section for page in document.pages} - {None}),
        "empty_pages": list(document.empty_pages),
        "notes": list(document.notes),
    }


def _sizes(container: Container) -> dict[str, int]:
    def of(*names: str) -> int:
        found = [container.entries[name] for name in names if name in container.entries]
        return sum(entry.end - entry.start for entry in found)

    features = [name for name in container.entries if name.startswith("features.")]
    sizes = {
        "text": of("text"),
        "tokens": of(*_TOKEN_PARTS),
        "pages_and_segments": of("pages", "segment_lengths", "scan_words", "scan_boxes"),
        "words": of("words.passages", "words.vocabulary", "words.term_ids"),
        "states": of("states"),
        "features": of(*features),
    }
    total = len(container.buffer)
    sizes["hashes"] = of(TABLE)
    return {**sizes, "header": total - sum(sizes.values()), "total": total}
