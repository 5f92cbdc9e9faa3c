"""The model on a server that may write the answers of `lcirc ask`: which, and who learns of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import CommonSettings, resolve


def reader_settings(
    given: Mapping[str, Any], settings: CommonSettings, *, beside: type[Any]
) -> ReaderSettings | None:
    """The reader of flags, variables and the person's config file; None where there is none.

    Args:
        beside: the settings that share the table [ask] with it.

    Raises:
        UsageError: it can't be used, or a file of the current folder names it: such a file may
            have come with the documents.
    """
    reader = resolve(ReaderSettings, given, config=settings.config, table="ask", beside=(beside,))
    reader.validate(offline=settings.offline)
    if reader.reader is None:
        return None
    named = given.get("reader") is not None or os.environ.get("LCIRC_READER", "") != ""
    config = settings.config
    if not named and config is not None and _is_of_this_folder(config):
        raise UsageError(
            f"{config} lies in the current folder, and a file there sends no text to a server: "
            "give --reader URL, or set LCIRC_READER"
        )
    return reader


def _is_of_this_folder(path: Path) -> bool:
    return path.resolve().parent == Path.cwd().resolve()


def tell(reader: ReaderSettings) -> None:
    """One line, in every run: which host gets text of the documents."""
    address = reader.address
    where = "on this machine" if address.is_here else "ANOTHER MACHINE"
    console.note(
        f"text of the documents goes to {address.host} ({where}), model {reader.reader_model}"
    )
