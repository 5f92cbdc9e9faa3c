"""Memory files that are whole, signed and wrong: a valid one changed field by field, by a seed."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..memory import samples

# In place of any value of the header's JSON.
BAD: list[Any] = [
    None,
    -1,
    2**63,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    True,
    "",
    "\x1b]0;x\x07",
    [],
    [None],
    {},
    {"a": [1]},
    "9" * 5_000,
]
# In place of numbers in the data of a part, by its dtype.
JSON = ("documents", "settings", "fingerprints", "words")  # metadata that are JSON
NUMBERS: dict[str, list[Any]] = {
    "U8": [0, 255],
    "I8": [-128],
    "U16": [65_535],
    "I32": [-1, 0, 2**31 - 1, -(2**31)],
    "I64": [-2, -1, 2**40, 2**63 - 1, -(2**63)],
}
FORMS = {"U8": "B", "I8": "b", "U16": "H", "I32": "i", "I64": "q"}
# What `ask` of a memory with features does not read, and so can't refuse.
UNREAD = ("token_ids", "states")
FREE = ("name", "format", "sha256", "notes", "backbone_name", "adapter_name", "lcirc_version")


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header's fields, the metadata's JSON taken apart, and the data behind them."""
    fields, parts = samples.split(data)
    for name in JSON:
        fields["__metadata__"][name] = json.loads(fields["__metadata__"][name])
    return fields, parts


def joined(fields: dict[str, Any], data: bytes) -> bytes:
    """A file of them, signed."""
    whole = copy.deepcopy(fields)
    metadata = whole["__metadata__"]
    for name, value in metadata.items():
        if name in JSON:
            metadata[name] = value.decode() if isinstance(value, bytes) else json.dumps(value)
    return samples.signed(whole, data)


def resigned(path: Path, *, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` files, each with what was changed in it."""
    rng = random.Random(seed)
    fields, data = split(path.read_bytes())
    made = [*_headers(fields, data), *_parts(fields, data), *_arrays(fields, data)]
    made += _whole(fields, data)
    rng.shuffle(made)
    yield from made[:count]


def _headers(fields: dict[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each value of the documents, the settings, the fingerprints and the words' index."""
    metadata = fields["__metadata__"]
    places = [("documents", 0), ("settings",), ("fingerprints",), ("words",), ()]
    for place in places:
        held: Any = metadata
        for step in place:
            held = held[step]
        for key, value in held.items():
            if key in ("sha256", "blocks", "lcirc_version") and not place:
                continue
            for number, bad in enumerate(BAD):
                harmless = key in FREE and type(bad) is type(value)
                if bad == value or harmless or (key == "page_count" and bad is None):
                    continue
                if not place and not isinstance(bad, str):
                    continue  # safetensors' metadata are texts; `_whole` has others
                changed = copy.deepcopy(fields)
                at: Any = changed["__metadata__"]
                for step in place:
                    at = at[step]
                at[key] = bad
                yield f"{'.'.join(map(str, [*place, key]))} <- {number}", joined(changed, data)
            if place == ("settings",) and value is None:
                continue  # what is missing is null
            if key == "words" and not place:
                continue  # an index that is missing is made
            changed = copy.deepcopy(fields)
            at = changed["__metadata__"]
            for step in place:
                at = at[step]
            del at[key]
            yield f"{'.'.join(map(str, [*place, key]))} missing", joined(changed, data)


def _parts(fields: dict[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each part's dtype, shape and offsets."""
    for name in fields:
        if name == "__metadata__":
            continue
        entry = fields[name]
        changes: list[tuple[str, Any]] = [
            ("dtype", "F64" if entry["dtype"] != "F64" else "U8"),
            ("dtype", "X"),
            ("dtype", None),
            ("shape", [*entry["shape"], 1]),
            ("shape", [0, 2**47, 2**47]),
            ("shape", [2**63]),
            ("shape", [1] * 5_000),
            ("shape", -1),
            ("shape", [True]),
            ("data_offsets", [0, 2**62]),
            ("data_offsets", [1]),
            ("data_offsets", "ab"),
        ]
        for number, (key, bad) in enumerate(changes):
            changed = copy.deepcopy(fields)
            changed[name][key] = bad
            yield f"{name}.{key} <- {number}", joined(changed, data)


def _arrays(fields: dict[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Numbers in the data of each part, the first and the last."""
    for name, entry in fields.items():
        if name in ("__metadata__", "text", "features.codes"):
            continue  # any number will do there
        start, end = entry["data_offsets"]
        form, bad = FORMS.get(entry["dtype"]), NUMBERS.get(entry["dtype"], [])
        if name == "token_starts":
            bad = [255]  # no step is right too: a token may begin where the one before it does
        width = struct.calcsize(form) if form else 2
        places = {start, end - width} if end > start else set()
        if name == "words.vocabulary":
            places = {end - 1}  # elsewhere it is another term, which nobody asks for
        for place in places:
            for value in bad:
                packed = struct.pack(f"<{form}", value)
                if packed != data[place : place + width]:
                    changed = data[:place] + packed + data[place + width :]
                    yield f"{name}[{place}] <- {value}", joined(fields, changed)
            if entry["dtype"] in ("F16", "BF16"):
                for packed in (b"\xff\xff", b"\x80\x7f" if entry["dtype"] == "BF16" else b"\0\x7c"):
                    changed = data[:place] + packed + data[place + 2 :]
                    yield f"{name}[{place}] <- {packed.hex()}", joined(fields, changed)


def _whole(fields: dict[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Parts that are missing or added, and headers that are no headers."""
    for name in fields:
        if name not in ("__metadata__", "token_start_jumps"):
            entry = fields[name]
            start, end = entry["data_offsets"]
            changed = {key: copy.deepcopy(own) for key, own in fields.items() if key != name}
            for own in changed.values():
                if "data_offsets" in own and own["data_offsets"][0] >= end:
                    own["data_offsets"] = [at - (end - start) for at in own["data_offsets"]]
            yield f"{name} missing", joined(changed, data[:start] + data[end:])
    more = copy.deepcopy(fields)
    more["features.more"] = {"dtype": "U8", "shape": [0], "data_offsets": [len(data)] * 2}
    yield "an empty feature", joined(more, data)
    more = copy.deepcopy(fields)
    for number in range(2_000):
        more[f"features.{number}"] = {
            "dtype": "U8",
            "shape": [0, 2**40],
            "data_offsets": [len(data)] * 2,
        }
    yield "2,000 features", joined(more, data)
    for name, text in (("deep", "[" * 50_000), ("many", "[" + "[]," * 5_000_000 + "[]]")):
        changed = copy.deepcopy(fields)
        changed["__metadata__"]["documents"] = text.encode()
        yield f"documents {name}", joined(changed, data)
    twice = copy.deepcopy(fields)
    twice["__metadata__"]["documents"] *= 2
    yield "documents twice", joined(twice, data)
    none = copy.deepcopy(fields)
    none["__metadata__"]["documents"] = []
    yield "no documents", joined(none, data)
    for name, bad in (("an object", {"a": "b"}), ("a list", [1]), ("a number", 7)):
        changed = copy.deepcopy(fields)
        changed["__metadata__"]["more"] = bad
        yield f"metadata of {name}", joined(changed, data)
