"""Documents as bytes: msgpack, zlib where it is worth it."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_WORTH = 400
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


class Unreadable(Exception):
    """A stored document that cannot be read as its kind (any more). It affects only its own record."""


def pack(doc: Any) -> bytes:
    """First byte: 0 plain, 1 compressed."""
    raw = _encoder.encode(doc)
    return b"\0" + raw if len(raw) < _WORTH else b"\1" + zlib.compress(raw, 1)


def unpack(blob: bytes, kind: type[T]) -> T:
    """Raises `Unreadable`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        return decoder.decode(blob[1:] if blob[0] == 0 else zlib.decompress(memoryview(blob)[1:]))
    except (msgspec.MsgspecError, zlib.error, ValueError, IndexError) as error:
        # without the values: they may be personal data
        raise Unreadable(f"a stored {kind.__name__} cannot be read: {type(error).__name__}") from None


def readable(blob: bytes | None, kind: type[T]) -> T | None:
    """The document, or None where there is none that can be read."""
    try:
        return unpack(blob, kind) if blob else None
    except Unreadable:
        return None
