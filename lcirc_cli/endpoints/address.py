"""Where requests go and with which key: the address checked, and the key kept out of all text.

Knows nothing about connections.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from lcirc_cli.errors import UsageError

KEY_VARIABLES = ("LCIRC_API_KEY", "OPENAI_API_KEY")
HIDDEN = "[key]"
_LEAST_KEY = 6  # a shorter one is no secret, and its letters stand in any text


@dataclass(frozen=True)
class Address:
    """A server's base address, e.g. http://localhost:8000/v1.

    Raises:
        UsageError: not such an address, or one that holds a password.
    """

    url: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise UsageError(
                f"{_shown(self.url)!r} is not an address like http://localhost:8000/v1"
            )
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                f"an address with a password in it ends up in logs: set {KEY_VARIABLES[0]} instead"
            )
        if not self.url.isascii() or any(c.isspace() for c in self.url):
            raise UsageError(f"{_shown(self.url)!r} holds what an address can't have")

    def __str__(self) -> str:
        """What may be shown: without a query, which may hold a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    def below(self, path: str) -> str:
        """The address of something on this server; `path` begins with a slash."""
        parts = urlsplit(self.url)
        return parts._replace(path=parts.path.rstrip("/") + path, fragment="").geturl()

    @property
    def host(self) -> str:
        """Host and port, where one is given."""
        return urlsplit(self.url).netloc

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this machine: text sent there doesn't leave it."""
        name = urlsplit(self.url).hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _shown(url: str) -> str:
    """What came before an @ may be a password."""
    return url.rpartition("@")[2]


class Key:
    """The secret of the environment, "" where there is none (servers of one's own ask for none).

    Raises:
        UsageError: it can't be sent.
    """

    def __init__(self) -> None:
        found = (os.environ.get(name, "").strip() for name in KEY_VARIABLES)
        self._text = next((key for key in found if key), "")
        if not self._text.isascii() or not self._text.isprintable():
            raise UsageError(f"the key in {KEY_VARIABLES[0]} has letters that no key has")

    def header(self) -> dict[str, str]:
        """What a request carries of it."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}

    def hidden(self, text: str) -> str:
        """The text without the key: servers repeat it in messages, and models in replies."""
        return text.replace(self._text, HIDDEN) if len(self._text) >= _LEAST_KEY else text

    def possible(self, text: str) -> int:
        """How many letters at the end of a text may be the beginning of the key."""
        most = min(len(self._text) - 1, len(text)) if len(self._text) >= _LEAST_KEY else 0
        sizes = range(most, 0, -1)
        return next((size for size in sizes if text.endswith(self._text[:size])), 0)
