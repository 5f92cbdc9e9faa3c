"""How a memory's documents, pages and tokens are laid out in the parts of a `.lcirc` file.

    text              U8  [bytes]   the documents' texts in UTF-8, one after another
    pages             I64 [P, 4]    number, section (index into its document's list), start, end;
                                    -1 stands for None
    token_ids         U16 [N]       the lower 16 bits
    token_ids_high    U8  [N]       the next 8 bits; only where the vocabulary needs them
    token_starts      U8  [N]       characters since the token before it in the same document
    token_start_jumps I64 [J]       the steps of 255 and more, in order (255 stands for them)
    segment_lengths   I32 [S]

The rest of a document is JSON in the header: its pages' printed numbers (`labels`, one or null a
page) and the pages that were `asked` for only where there are any, so that files of format 2
without them are read as well. So a token costs 3 or 4 bytes and its text. Knows nothing about
states, features or hashes, and never imports torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lcirc_cli.documents.document import Page
from lcirc_cli.errors import MemoryFileError
from lcirc_cli.memory.container import ITEM_BYTES, Container, Part
from lcirc_cli.memory.contents import StoredDocument
from lcirc_cli.memory.records import document_records

FORMAT = "lcirc-memory"
FORMAT_VERSION = 2
JUMP = 255
MOST_PAGES = 2**31  # the highest number of a page
_NUMPY = {"U8": np.uint8, "U16": np.uint16, "I32": np.int32, "I64": np.int64}
# A str may hold lone surrogates (file names do); in valid text this is plain UTF-8.
_UTF8 = ("utf-8", "surrogatepass")


def read_array(container: Container, name: str, *, dtype: str, dims: int = 1) -> np.ndarray:
    """A part as a read-only view of the file.

    Raises:
        ValueError: it is missing, or has another dtype or number of dimensions.
    """
    entry = container.entries.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if entry.dtype != dtype or len(entry.shape) != dims:
        raise ValueError(f"{name} is {entry.dtype} with {len(entry.shape)} dimensions")
    count = math.prod(entry.shape)
    array = np.frombuffer(container.buffer, _NUMPY[dtype], count=count, offset=entry.start)
    array.flags.writeable = False
    return array.reshape(entry.shape)


def array_part(name: str, array: np.ndarray) -> Part:
    """A numpy array of one of the four dtypes above as a part to write."""
    dtype = next(key for key, value in _NUMPY.items() if value == array.dtype)
    assert ITEM_BYTES[dtype] == array.itemsize
    return Part(name, dtype, array.shape, np.ascontiguousarray(array).tobytes())


def write_documents(documents: Sequence[StoredDocument]) -> tuple[str, list[Part]]:
    """The documents as JSON for the header, and the parts `text` and `pages`."""
    texts = [document.text.encode(*_UTF8) for document in documents]
    records, rows = [], []
    for document, text in zip(documents, texts, strict=True):
        sections = list(dict.fromkeys(p.section for p in document.pages if p.section is not None))
        index = {section: position for position, section in enumerate(sections)}
        for page in document.pages:
            number = -1 if page.number is None else page.number
            section = -1 if page.section is None else index[page.section]
            rows.append((number, section, page.start, page.end))
        records.append(
            {
                "name": document.name,
                "sha256": document.sha256,
                "format": document.format,
                "text_bytes": len(text),
                "pages": len(document.pages),
                "sections": sections,
                "page_count": document.page_count,
                "empty_pages": document.empty_pages,
                "notes": document.notes,
                "tokens": document.num_tokens,
                "segments": document.num_segments,
            }
        )
        if document.asked:
            records[-1]["asked"] = document.asked
        if any(page.label is not None for page in document.pages):
            records[-1]["labels"] = [page.label for page in document.pages]
    pages = np.array(rows, np.int64).reshape(len(rows), 4)
    parts = [
        Part("text", "U8", (sum(map(len, texts)),), b"".join(texts)),
        array_part("pages", pages),
    ]
    return json.dumps(records), parts


def read_documents(container: Container) -> tuple[StoredDocument, ...]:
    """What `write_documents` wrote; each document's tokens and segments follow the one before.

    Raises:
        ValueError: the records or their sizes don't agree.
    """
    text = read_array(container, "text", dtype="U8")
    pages = read_array(container, "pages", dtype="I64", dims=2)
    if pages.shape[1] != 4:
        raise ValueError("pages must be rows of four numbers")
    documents: list[StoredDocument] = []
    at_text = at_page = at_token = at_segment = 0
    for record in document_records(container.metadata):
        size, rows = record["text_bytes"], pages[at_page : at_page + record["pages"]].tolist()
        labels = record.get("labels")
        labels = [None] * len(rows) if labels is None else labels
        documents.append(
            StoredDocument(
                name=record["name"],
                sha256=record["sha256"],
                format=record["format"],
                text=text[at_text : at_text + size].tobytes().decode(*_UTF8),
                pages=tuple(
                    _page(row, record["sections"], label)
                    for row, label in zip(rows, labels, strict=True)
                ),
                page_count=record["page_count"],
                empty_pages=tuple(record["empty_pages"]),
                notes=tuple(record["notes"]),
                first_token=at_token,
                num_tokens=record["tokens"],
                first_segment=at_segment,
                num_segments=record["segments"],
                asked=record.get("asked") or "",
            )
        )
        at_text, at_page = at_text + size, at_page + record["pages"]
        at_token, at_segment = at_token + record["tokens"], at_segment + record["segments"]
    if at_text != len(text) or at_page != len(pages):
        raise ValueError("the documents don't fill the text or the pages")
    return tuple(documents)


def _page(row: list[int], sections: list[str], label: str | None) -> Page:
    number, section, start, end = row
    if not -1 <= number <= MOST_PAGES or not -1 <= section < len(sections):
        raise ValueError("a page's number or section is out of range")
    return Page(
        number=None if number == -1 else number,
        section=None if section == -1 else sections[section],
        start=start,
        end=end,
        label=label,
    )


def write_tokens(
    token_ids: np.ndarray, token_starts: np.ndarray, documents: Sequence[StoredDocument]
) -> list[Part]:
    """Token ids and starts, [N] each, as parts; starts must not fall within a document."""
    parts = [array_part("token_ids", (token_ids & 0xFFFF).astype(np.uint16))]
    if len(token_ids) and int(token_ids.max()) > 0xFFFF:
        parts.append(array_part("token_ids_high", (token_ids >> 16).astype(np.uint8)))
    steps = np.diff(token_starts.astype(np.int64), prepend=0)
    for document in documents:
        if document.num_tokens:
            steps[document.first_token] = token_starts[document.first_token]
    parts.append(array_part("token_starts", np.minimum(steps, JUMP).astype(np.uint8)))
    parts.append(array_part("token_start_jumps", steps[steps >= JUMP].astype(np.int64)))
    return parts


def read_tokens(
    container: Container, documents: Sequence[StoredDocument]
) -> tuple[np.ndarray, np.ndarray]:
    """Token ids, int32 [N], and their first characters, int64 [N].

    Raises:
        ValueError: the parts don't agree with each other or with the documents.
    """
    ids = read_array(container, "token_ids", dtype="U16").astype(np.int32)
    if "token_ids_high" in container.entries:
        high = read_array(container, "token_ids_high", dtype="U8")
        if high.shape != ids.shape:
            raise ValueError("token_ids_high has another length than token_ids")
        ids |= high.astype(np.int32) << 16
    steps = read_array(container, "token_starts", dtype="U8").astype(np.int64)
    jumps = read_array(container, "token_start_jumps", dtype="I64")
    far = steps == JUMP
    if len(steps) != len(ids) or int(far.sum()) != len(jumps) or (jumps < JUMP).any():
        raise ValueError("token starts and token ids don't agree")
    if sum(document.num_tokens for document in documents) != len(ids):
        raise ValueError("the documents' tokens don't add up")
    steps[far] = jumps
    for document in documents:
        # In place and document by document: starts count from each document's own beginning.
        own = steps[document.first_token : document.first_token + document.num_tokens]
        np.cumsum(own, out=own)
    return ids, steps


def check_format(path: Path, container: Container) -> None:
    """Refuses other safetensors files and formats that this lcirc doesn't know.

    Raises:
        MemoryFileError: not a memory file, or written by an older or a newer lcirc.
    """
    metadata = container.metadata
    version = metadata.get("format_version", "")
    numbered = version.isascii() and version.isdecimal() and len(version) < 10
    if metadata.get("format") != FORMAT or not numbered:
        raise MemoryFileError(f"{path}: not an lcirc memory file; make one with `lcirc ingest`")
    if int(version) < FORMAT_VERSION:
        raise MemoryFileError(
            f"{path}: written by an older lcirc (format {version}, this one reads "
            f"{FORMAT_VERSION}); ingest the document again"
        )
    if int(version) > FORMAT_VERSION:
        raise MemoryFileError(
            f"{path}: written by a newer lcirc (format {version}, this one reads "
            f"{FORMAT_VERSION}); upgrade lcirc, or ingest the document again"
        )
