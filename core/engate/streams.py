"""Request bodies that are sent as they come, so that 100 MB take no more memory than 100 kB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import BinaryIO, cast

PIECE = 256 * 1024

Content = bytes | BinaryIO | AsyncIterable[bytes] | Callable[[], AsyncIterable[bytes]]
"""A body: bytes; a seekable file, sent from its current position; an iterator, which can be sent once; or a function that makes an iterator
as often as needed."""


class Body:
    """One body that is streamed. `again`: whether it can be sent a second time. `size`: of a file, because some servers need it."""

    def __init__(self, content: BinaryIO | AsyncIterable[bytes] | Callable[[], AsyncIterable[bytes]]) -> None:
        self._file = cast(BinaryIO, content) if hasattr(content, "read") else None
        self._content = content
        self._start, self.size = _extent(self._file) if self._file is not None else (0, None)
        self.again = self._file is not None or not isinstance(content, AsyncIterable)

    def pieces(self) -> AsyncIterable[bytes]:
        if self._file is not None:
            return self._read(self._file)
        if isinstance(self._content, AsyncIterable):
            return cast("AsyncIterable[bytes]", self._content)
        return cast("Callable[[], AsyncIterable[bytes]]", self._content)()

    async def _read(self, file: BinaryIO) -> AsyncIterator[bytes]:
        file.seek(self._start)
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _extent(file: BinaryIO) -> tuple[int, int]:
    """(current position, bytes from there on)"""
    start = file.tell()
    end = file.seek(0, 2)
    file.seek(start)
    return start, end - start
