"""Replies by the request that they answer, kept on disk as soon as they arrive.

One SQLite file (WAL) a shard, open in one process at a time: a second one waits for the lock,
so two processes never ask the same. A killed process loses nothing that `put` returned for.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from pathlib import Path

from lcirc_cli.endpoints.chat import Reply
from lcirc_cli.errors import StorageError
from lcirc_cli.files import make_folder

_WAIT = 120.0  # seconds for another process to end


class ReplayCache:
    """A mapping from request keys to replies."""

    def __init__(self, path: Path) -> None:
        """Open the cache, making it where it is missing.

        Raises:
            StorageError: it can't be written, is no cache, or another process keeps it open.
        """
        self._path = path
        make_folder(path.parent)
        try:
            self._connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            # Exclusive: no shared memory file, so that it also works on network file systems.
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._open()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _open(self) -> None:
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text BLOB, "
                    "complete INTEGER, prompt_tokens INTEGER, reply_tokens INTEGER) WITHOUT ROWID"
                )
                return
            except sqlite3.OperationalError as error:
                # A change of the journal's mode doesn't wait for locks by itself.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def get(self, key: str) -> Reply | None:
        """The reply to a request, or None."""
        try:
            row = self._connection.execute(
                "SELECT text, complete, prompt_tokens, reply_tokens FROM replies WHERE key = ?",
                (key,),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        if row is None:
            return None
        text = zlib.decompress(row[0]).decode("utf-8", "surrogatepass")
        return Reply(text, bool(row[1]), row[2], row[3])

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; on return it is on its way to the disk and survives the process.

        Raises:
            StorageError: no space, or not writable any more.
        """
        text = zlib.compress(reply.text.encode("utf-8", "surrogatepass"), 1)
        values = (key, text, int(reply.complete), reply.prompt_tokens, reply.reply_tokens)
        try:
            self._connection.execute("INSERT OR REPLACE INTO replies VALUES (?,?,?,?,?)", values)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._connection.close()

    def _failed(self, error: sqlite3.Error) -> StorageError:
        return StorageError(
            f"can't use the reply cache {self._path}: {error}; check the space and the "
            "permissions, or that no other run uses it; a damaged file may be deleted"
        )
