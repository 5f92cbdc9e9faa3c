"""Pictures of pages, and where quotes stand on them, from a limited child process.

A PDF may be a stranger's: whatever it does to pdfium ends in the child, in time and in memory.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lcirc_cli.documents.child import ChildProcess, WorkerLostError
from lcirc_cli.documents.limits import DEFAULT_LIMITS
from lcirc_cli.documents.ocr import Word
from lcirc_cli.serve.problems import Problem

Box = list[float]  # left, top, right, bottom, as shares of the page

_SECONDS = 20.0  # for one page
_WIDTH = 1_400  # pixels
_KEPT_BYTES = 32 << 20  # of pictures that were made


class Pictures:
    """One child, asked by one thread at a time; a new one after any page that broke it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._kept: OrderedDict[tuple[Path, int], bytes] = OrderedDict()

    def picture(self, path: Path, page: int) -> bytes:
        """A page of a PDF, or a picture, as PNG.

        Raises:
            Problem: it can't be shown.
        """
        with self._lock:
            key = path, page
            if key not in self._kept:
                self._kept[key] = self._ask(path, page, {"width": _WIDTH})[1]
                while sum(map(len, self._kept.values())) > _KEPT_BYTES and len(self._kept) > 1:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def boxes(
        self,
        path: Path,
        page: int,
        texts: Sequence[tuple[str, str]],
        *,
        words: Sequence[Word] | None = None,
    ) -> list[list[Box]]:
        """For each text, with what stands before it on the page, the boxes of its lines.

        Args:
            words: of a page that was read from its picture; None: its letters say it.

        Raises:
            Problem: the page can't be shown.
        """
        with self._lock:
            wanted = {"texts": list(texts), "words": words}
            boxes: list[list[Box]] = self._ask(path, page, wanted)[0]["boxes"]
            return boxes

    def forget(self, folder: Path) -> None:
        """Keep no picture of what lies in a folder any more."""
        with self._lock:
            for key in [key for key in self._kept if key[0].is_relative_to(folder)]:
                del self._kept[key]

    def close(self) -> None:
        """Leave no process behind."""
        with self._lock:
            self._end()

    def _ask(self, path: Path, page: int, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._child is None:
            self._child = ChildProcess(
                "page_worker", memory_bytes=DEFAULT_LIMITS.memory_bytes, cpu_seconds=None
            )
        self._child.send({"path": os.fspath(path), "page": page, **wanted})
        try:
            answer, data = self._child.receive(_SECONDS)
        except WorkerLostError:
            self._end()
            answer, data = {"error": "lost"}, b""
        if "error" in answer:
            raise Problem("this page can't be shown as a picture", status=422, code="no_picture")
        return answer, data

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None
