"""Where `lcirc serve` listens, and how much it takes from whoever asks. Loads nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lcirc_cli.errors import UsageError

HOST, PORT = "127.0.0.1", 8421


@dataclass(frozen=True)
class Limits:
    """What one client, or all of them together, may ask for."""

    body_bytes: int = 1 << 20  # of a request that is no document
    body_seconds: float = 30.0  # for that; a document has as long as it keeps coming ...
    upload_rate: int = 16 << 10  # ... at so many bytes a second
    upload_bytes: int = 256 << 20  # of a document
    jobs: int = 16  # documents that are being read or wait for it
    memories: int = 500  # dropped in
    waiting: int = 16  # questions that wait; beyond it 429
    question: int = 8_000  # characters
    turns: int = 40  # earlier questions with their answers
    new_tokens: int = 1_024  # of an answer
    passages: int = 20  # of a search, and quotes of an answer
    chosen: int = 50  # memories that are asked at once


@dataclass(frozen=True)
class ServeSettings:
    """Where the server listens.

    Attributes:
        host: an address or a name of this machine.
        port: 0 takes any that is free.
        public_url: what people call it by where a proxy stands before it, such as
            https://ask.example.org; None: itself.
        token: who has none gets nothing; None: everybody on this machine may ask.
    """

    host: str = HOST
    port: int = PORT
    public_url: str | None = None
    token: str | None = field(default=None, repr=False)
    limits: Limits = Limits()

    def validate(self) -> None:
        """Raises UsageError with the first setting that can't be used."""
        if not self.host or any(c in self.host for c in "/@ \t\r\n"):
            raise UsageError(f"--host takes a name or an address of this machine, not {self.host}")
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
                raise UsageError(
                    f"--public-url takes an address such as https://ask.example.org, not "
                    f"{self.public_url}"
                )
        if not self.is_private and not self.token:
            where = self.public_url or self.host
            raise UsageError(f"{where} can be reached by others: it needs a token, LCIRC_TOKEN")
        if self.token is not None and (
            len(self.token) < 16 or not self.token.isascii() or not self.token.isprintable()
        ):
            raise UsageError("LCIRC_TOKEN needs 16 or more characters of ASCII; make a longer one")

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can reach it, by a proxy neither."""
        return self.public_url is None and is_loopback(self.host)

    @property
    def secure(self) -> bool:
        """Whether browsers come by TLS, which a proxy does."""
        return (self.public_url or "").startswith("https:")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own address for itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
