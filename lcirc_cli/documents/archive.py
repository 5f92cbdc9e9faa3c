"""Reads members of a ZIP archive that comes from a stranger, under limits and never onto the disk.

Knows nothing about EPUB or DOCX, which are both ZIP archives.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from xml.etree import ElementTree

from lcirc_cli.documents.strict_xml import XmlRefusedError, parse_xml
from lcirc_cli.errors import DocumentError

_MAX_ENTRIES = 20_000
_MAX_RATIO = 200  # expanded to packed; text packs 3 to 10 times, a bomb 1,000 times
_REASON_CHARACTERS = 200
_RATIO_FROM = 1 << 20  # bytes; small members may pack better than that
_CENTRAL_ENTRY = b"PK\x01\x02"
_UNSAFE_NAME = re.compile(r"^[/\\]|^[a-zA-Z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,  # seeks before the start, and bz2's errors
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    NotImplementedError,  # an unknown way of packing
    RuntimeError,  # a locked member
)


class Archive:
    """A ZIP archive in memory.

    Raises:
        DocumentError: damaged, locked, a bomb, or with names that point out of the archive.
    """

    def __init__(self, data: bytes, *, name: str, max_member_bytes: int) -> None:
        self.name = name
        self.max_member_bytes = max_member_bytes
        if data.count(_CENTRAL_ENTRY) > _MAX_ENTRIES:  # before zipfile makes an object of each
            raise DocumentError(f"{name}: the archive has more than {_MAX_ENTRIES:,} entries")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _DAMAGED as error:
            raise self.damaged(error) from None
        for member in members:
            self._check(member)
        expanded = sum(member.file_size for member in members)
        if expanded > max(_RATIO_FROM, _MAX_RATIO * len(data)):
            raise DocumentError(f"{name}: expands {expanded // len(data):,} times; not read")
        self._names = {member.filename for member in members}
        self._folded: dict[str, list[str]] = {}
        for name in self._names:
            self._folded.setdefault(name.casefold(), []).append(name)

    def __contains__(self, member: object) -> bool:
        return member in self._names

    def like(self, member: str) -> str | None:
        """The one member whose name differs in nothing but capitals, if there is one."""
        found = self._folded.get(member.casefold(), [])
        return found[0] if len(found) == 1 else None

    def names(self) -> list[str]:
        """The members, sorted."""
        return sorted(self._names)

    def read(self, member: str) -> bytes:
        """The bytes of a member, which must be there."""
        try:
            with self._zip.open(member) as file:
                data = file.read(self.max_member_bytes + 1)
        except _DAMAGED as error:
            raise self.damaged(error) from None
        if len(data) > self.max_member_bytes:
            size = f"{self.max_member_bytes / (1 << 20):,.0f} MiB"
            raise DocumentError(f"{self.name}: {_shown(member)} is larger than {size} unpacked")
        return data

    def read_xml(self, member: str) -> ElementTree.Element:
        """The root of an XML member; what no document needs, such as entities, is refused."""
        try:
            return parse_xml(self.read(member))
        except XmlRefusedError as error:
            raise DocumentError(f"{self.name}: {_shown(member)} {error}") from None
        except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
            raise DocumentError(f"{self.name}: {_shown(member)} is not XML ({error})") from None

    def damaged(self, error: BaseException) -> DocumentError:
        """The refusal of an archive that can't be unpacked."""
        reason = " ".join(str(error).split()) or type(error).__name__
        if len(reason) > _REASON_CHARACTERS:  # it may quote a member's name
            reason = reason[: _REASON_CHARACTERS - 3] + "..."
        return DocumentError(f"{self.name}: damaged or not a ZIP archive ({reason})")

    def _check(self, member: zipfile.ZipInfo) -> None:
        path = member.filename
        if _UNSAFE_NAME.search(path):
            raise DocumentError(f"{self.name}: holds the unsafe name {_shown(path)}; not read")
        if member.flag_bits & 1:
            raise DocumentError(f"{self.name}: its contents are locked; save it without a password")
        packed = max(1, member.compress_size)
        if member.file_size > _RATIO_FROM and member.file_size > _MAX_RATIO * packed:
            ratio = member.file_size // packed
            raise DocumentError(f"{self.name}: {_shown(path)} expands {ratio:,} times; not read")


def _shown(path: str) -> str:
    return ascii(path) if len(path) <= 80 else ascii(path[:77]) + "..."
