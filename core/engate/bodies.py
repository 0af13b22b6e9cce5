"""The body of an answer, unpacked as it comes and limited in size: neither 4 GB, nor 2 MB that unpack to 2 GB, are held in memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator

MOST_BYTES = 64 * 1024 * 1024
MOST_LINE = 1024 * 1024
_STEP = 256 * 1024
ENCODINGS = "gzip, deflate"
"""The encodings that are accepted. An answer in any other encoding is not read."""


class TooLarge(Exception):
    """The body is larger than allowed."""


class Undecodable(Exception):
    """The body is in an unknown encoding, or broken."""


async def read(chunks: AsyncIterable[bytes], encoding: str, most: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it has more than `most` bytes, packed or unpacked."""
    unpack = _unpacker(encoding)
    parts: list[bytes] = []
    came = size = 0
    async for chunk in chunks:
        came += len(chunk)
        for part in unpack.fed(chunk):
            size += len(part)
            if size > most:
                raise TooLarge
            parts.append(part)
        if came > most + _STEP:  # the packed form may be a few bytes longer
            raise TooLarge
    if came and not unpack.whole():
        raise Undecodable
    return b"".join(parts)


async def lines(chunks: AsyncIterable[bytes], encoding: str, most: int) -> AsyncIterator[bytes]:
    """The lines, without line ends and empty lines; only one is held at a time. Raises TooLarge for one longer than `most` bytes."""
    unpack = _unpacker(encoding)
    begun = bytearray()
    came = False
    async for chunk in chunks:
        came = True
        for part in unpack.fed(chunk):
            *ended, rest = part.split(b"\n")
            for line in ended:
                whole = (bytes(begun) + line if begun else line).rstrip(b"\r")
                begun.clear()
                if len(whole) > most:
                    raise TooLarge
                if whole:
                    yield whole
            begun += rest
            if len(begun) > most:
                raise TooLarge
    if came and not unpack.whole():
        raise Undecodable
    if begun:
        yield bytes(begun)


class _Plain:
    def fed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def whole(self) -> bool:
        return True


class _Zlib:
    """gzip, or deflate with or without its header (servers differ)."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._first = True

    def fed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpacks in steps: a few bytes may unpack to a thousand times as many."""
        more = True
        while more and not self._inner.eof:
            try:
                part = self._inner.decompress(chunk, _STEP)
            except zlib.error:
                if not self._first:
                    raise Undecodable from None
                self._first, self._inner = False, zlib.decompressobj(-zlib.MAX_WBITS)
                continue
            self._first = False
            chunk = self._inner.unconsumed_tail
            more = bool(chunk) or len(part) == _STEP
            yield part

    def whole(self) -> bool:
        return self._inner.eof


def _unpacker(encoding: str) -> _Plain | _Zlib:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Zlib()
        case _:
            raise Undecodable
