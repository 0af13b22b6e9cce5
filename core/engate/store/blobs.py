"""Documents as bytes: msgpack, zlib where it is worth it; and digests that mean "the same for the storefront"."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_WORTH = 400
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


class Unreadable(Exception):
    """A stored document that is no document of its kind (any more): it concerns its own record and nothing else."""


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
        # without the values: they may be a person's
        raise Unreadable(f"a stored {kind.__name__} cannot be read: {type(error).__name__}") from None


def readable(blob: bytes | None, kind: type[T]) -> T | None:
    """The document, or None where there is none that can be read."""
    try:
        return unpack(blob, kind) if blob else None
    except Unreadable:
        return None


UNSENT = frozenset({"problems", "packaging"})
_fields: dict[type, list[tuple[str, Any]]] = {}


def digest(doc: msgspec.Struct, refs: Mapping[str, str]) -> bytes:
    """16 bytes. Only fields that differ from their default count (a new field with a default changes nothing), Decimals are normalised
    (1.50 is 1.5); problems and what is nobody's business but engate's never count."""
    fields = _fields.get(type(doc))
    if fields is None:
        fields = _fields[type(doc)] = [(f.name, f.default) for f in msgspec.structs.fields(type(doc)) if f.name not in UNSENT]
    values: list[Any] = []
    for name, default in fields:
        value = getattr(doc, name)
        if value != default:
            values.append(name)
            values.append(str(value.normalize()) if isinstance(value, Decimal) else value)
    return blake2b(_encoder.encode((values, sorted(refs.items()))), digest_size=16).digest()
