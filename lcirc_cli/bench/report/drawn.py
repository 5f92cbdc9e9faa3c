"""Plots that were drawn before: importing the library that draws takes longer than all the rest.

They are kept beside the report in plots.json, each with the hash of what it shows and of the code
that draws it. The folder may be a stranger's, and a plot is put into a page as it is: one with
anything but shapes and text in it is drawn anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lcirc_cli.files import atomic_write, schema

from . import plots

_NAME = "plots.json"
_SHAPES = set("svg defs g path use text tspan clipPath rect image style".split())
_ABOUT = set("metadata RDF Work Agent type date format creator title".split())
_FIELDS: dict[str, schema.Check] = {"of": schema.text, "svg": schema.optional(schema.text)}


class Drawn:
    """The plots of a report's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._code = Path(plots.__file__).read_bytes()
        self._before = _read(self._path)
        self._now: dict[str, dict[str, Any]] = {}

    def get(self, title: str, shows: Any, draw: Callable[[], str | None]) -> str | None:
        """A plot as SVG, drawn where it is not there; None: there is nothing to show.

        Args:
            shows: all that it is drawn from, as JSON can say it.
        """
        said = json.dumps([title, shows]).encode() + self._code
        of = hashlib.sha256(said).hexdigest()
        kept = self._before.get(title, {})
        if kept.get("of") != of or not _is_plain(kept.get("svg")):
            kept = {"of": of, "svg": draw()}
        self._now[title] = kept
        svg: str | None = kept.get("svg")
        return svg

    def save(self) -> None:
        """Keep them; raises StorageError."""
        if self._now != self._before:
            atomic_write(self._path, json.dumps(self._now, indent=1).encode() + b"\n")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    def plot(value: Any, name: str) -> dict[str, Any]:
        return schema.table(value, name, fields=_FIELDS, closed=True)

    try:
        record = schema.parse(path.read_bytes(), path.name)
        return schema.mapping(record, path.name, each=plot)
    except (OSError, ValueError):
        return {}


def _is_plain(svg: str | None) -> bool:
    """Whether it is a picture and nothing else; the page lets no script run in any case."""
    if svg is None:
        return True
    if "<!" in svg:  # before anything is made of it: entities can grow
        return False
    try:
        found = [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(svg).iter()]
    except ElementTree.ParseError:
        return False
    return found[0] == "svg" and set(found) <= _SHAPES | _ABOUT
