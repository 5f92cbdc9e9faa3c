"""What the head of a .gguf file may say, walked through before a library reads it.

Every count and length is compared with the bytes that are left of the file, and every tensor with
the place where it is said to lie: a file that speaks of 10^12 tensors, or of a text of gigabytes,
is refused at once. The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. Knows nothing
about what is done with a model.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lcirc_cli.files import open_file
from lcirc_cli.files.schema import number, whole

_MOST_TENSORS = 100_000
_MOST_FIELDS = 10_000
_MOST_ENTRIES = 1 << 24  # of a list: tokens, and how two become one
_MOST_NAME = 1_024  # bytes
_MOST_DIMENSIONS = 8
_ALIGNMENT = 32
_STRING, _LIST = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"} | {
    12: "d"
}
_size = partial(whole, least=1)
_LIMITS: dict[
    str, Callable[..., Any]
] = {  # by the end of a field's name, which begins with the architecture's
    ".block_count": partial(_size, most=1_000),
    ".embedding_length": partial(_size, most=2**17),
    ".feed_forward_length": partial(_size, most=2**22),
    ".attention.head_count": partial(_size, most=2**14),
    ".attention.head_count_kv": partial(_size, most=2**14),
    ".attention.key_length": partial(_size, most=2**14),
    ".attention.value_length": partial(_size, most=2**14),
    ".context_length": partial(_size, most=2**31),
    ".vocab_size": partial(_size, most=2**24),
    ".expert_count": partial(whole, most=2**14),
    ".attention.layer_norm_rms_epsilon": partial(number, least=0.0, most=1.0),
    ".rope.freq_base": partial(number, least=0.0, most=1e12),
}


@dataclass
class _Walk:
    """A place in the file; moves on with all that is read."""

    data: mmap.mmap
    order: str = "<"
    at: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    def take(self, code: str) -> Any:
        """The next number."""
        try:
            (value,) = struct.unpack_from(self.order + code, self.data, self.at)
        except struct.error:
            raise ValueError("its head is cut short") from None
        self.at += struct.calcsize(self.order + code)
        return value

    def skip(self, size: int) -> None:
        """Over so many bytes, which must be there."""
        if size > len(self.data) - self.at:
            raise ValueError(f"its head speaks of {size:,} bytes where {len(self.data):,} are all")
        self.at += size

    def name(self) -> str:
        """The next text, a short one."""
        size = whole(self.take("Q"), "the length of a name", most=_MOST_NAME)
        start = self.at
        self.skip(size)
        return self.data[start : self.at].decode("utf-8", "replace")

    def value(self) -> Any:
        """The next value; of texts and lists only how long they are."""
        kind = self.take("I")
        if kind == _STRING:
            size = self.take("Q")
            self.skip(size)
            return size
        if kind != _LIST:
            return self.take(_code(kind))
        kind, count = self.take("I"), self.take("Q")
        if count > _MOST_ENTRIES:
            raise ValueError(f"a list in its head has {count:,} entries")
        if kind == _STRING:
            for _ in range(count):
                self.skip(self.take("Q"))
        else:  # lists of lists are in no model
            self.skip(count * struct.calcsize(self.order + _code(kind)))
        return None


def _code(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"its head has a value of the kind {kind}, which is none")
    return _SCALARS[kind]


def check_header(path: Path) -> int:
    """Refuses a file whose head can't be; returns how many tensors it has.

    Raises:
        ValueError: what is wrong with it.
        OSError: it can't be read.
    """
    with open_file(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        walk = _Walk(data)
        if data[:4] != b"GGUF":
            raise ValueError("it is no .gguf file")
        walk.at = 4
        if walk.take("I") & 0xFFFF == 0:
            walk.order = ">"  # written for a machine of the other kind
        tensors = whole(walk.take("Q"), "the number of its tensors", most=_MOST_TENSORS)
        fields = whole(walk.take("Q"), "the number of its fields", most=_MOST_FIELDS)
        for _ in range(fields):
            name = walk.name()
            walk.fields[name] = value = walk.value()
            for end, check in _LIMITS.items():
                if name.endswith(end) and value is not None:
                    check(value, name[-60:])
        _check_tensors(walk, tensors)
    return tensors


def _check_tensors(walk: _Walk, count: int) -> None:
    """That each lies in the file, behind the head."""
    import gguf

    ends = 0
    for _ in range(count):
        name = walk.name()
        numbers = 1
        for _ in range(whole(walk.take("I"), "its dimensions", most=_MOST_DIMENSIONS)):
            numbers *= whole(walk.take("Q"), f"a size of {name[:60]!r}", least=1)
        kind, offset = walk.take("I"), walk.take("Q")
        try:
            block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)]
        except (ValueError, KeyError):
            raise ValueError(f"{name[:60]!r} is of the kind {kind}, which is none") from None
        ends = max(ends, offset + -(-numbers // block) * size)
    alignment = walk.fields.get("general.alignment", _ALIGNMENT)
    start = -(-walk.at // whole(alignment, "its alignment", least=1, most=1 << 20))
    if start * alignment + ends > len(walk.data):
        raise ValueError(f"its tensors end at byte {start * alignment + ends:,}, the file before")
