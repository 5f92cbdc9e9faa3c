"""`lcirc info`: what a memory file holds, after checking that it is whole. Needs no model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from lcirc_cli import console
from lcirc_cli.commands.common import takes
from lcirc_cli.commands.memories import memory_path
from lcirc_cli.console import counted
from lcirc_cli.settings import CommonSettings

_SIZES = {
    "text": "text",
    "tokens": "tokens",
    "pages_and_segments": "pages, segments",
    "words": "words' index",
    "states": "latents",
    "features": "features",
    "hashes": "hashes",
    "header": "header",
    "total": "in all",
}


@takes("json")
def info(
    file: Annotated[str, typer.Argument(metavar="FILE.lcirc", help="A memory file.")],
    *,
    settings: CommonSettings,
) -> None:
    """Show what a memory file holds, and check that it is whole.

    Documents, pages, tokens, compression, sizes, and which model and adapter it was made with.
    """
    from lcirc_cli.memory.info import inspect_memory

    found = inspect_memory(memory_path(file))
    if settings.json:
        console.out_json({"schema": 1, **found})
    else:
        for line in _lines(found):
            console.out(console.one_line(line))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['file']}: whole, SHA-256 {found['sha256']}"
    yield f"format {found['format_version']}, made with lcirc {found['lcirc_version']}"
    yield ""
    for document in found["documents"]:
        yield from _document(document)
    yield ""
    latents, tokens = found["latents"], found["tokens"]
    yield (
        f"{counted(tokens, 'token')} in {counted(found['segments'], 'segment')} became "
        f"{counted(latents['vectors'], 'latent')}, {found['tokens_per_latent']:.1f} tokens a latent"
    )
    yield (
        f"{counted(latents['per_segment'], 'latent')} a segment, {latents['width']:,} wide, "
        f"{latents['dtype']}"
    )
    yield ""
    for name, label in _SIZES.items():
        yield f"{label:<16}{found['bytes'][name]:>16,} bytes"
    per_token = found["bytes_per_token"]
    yield (
        f"{per_token['total']:.1f} bytes a token; "
        f"{per_token['without_states_and_features']:.1f} without latents and features"
    )
    yield ""
    prints = found["fingerprints"]
    yield f"model      {prints['backbone_name']} ({prints['backbone'][:12]})"
    yield f"tokenizer  {prints['tokenizer'][:12]}"
    yield f"adapter    {prints['adapter_name']} ({prints['adapter'][:12]})"


def _document(document: dict[str, Any]) -> Iterator[str]:
    from lcirc_cli.documents.page_ranges import format_pages

    parts = [document["format"]]
    if document["pages"] is not None:
        read, pages = document["pages_read"], document["pages"]
        whole = counted(pages, "page")
        parts.append(whole if read == pages else f"{read:,} of {whole} read")
    if document["sections"]:
        parts.append(counted(document["sections"], "section"))
    parts += [counted(document[what], what[:-1]) for what in ("characters", "tokens")]
    yield f"{document['name']}: {', '.join(parts)}"
    if document["empty_pages"]:
        yield f"  no text on {format_pages(document['empty_pages'])}"
    for remark in document["notes"]:
        yield f"  {remark}"
