"""The version of the readers: another one may read the same file otherwise.

It is a digest of their code and the versions of the libraries that they stand on, so that nobody
has to remember to count it up.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

_LIBRARIES = ("pypdfium2", "pypdf")


@cache
def reader_version() -> str:
    """64 hexadecimal digits; takes some milliseconds."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return digest.hexdigest()
