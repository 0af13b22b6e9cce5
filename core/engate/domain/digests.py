"""Digests that mean "the same for the storefront"."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

_encoder = msgspec.msgpack.Encoder(decimal_format="string")
UNSENT = frozenset({"problems", "packaging"})
_fields: dict[type, list[tuple[str, Any]]] = {}


def digest(doc: msgspec.Struct, refs: Mapping[str, str]) -> bytes:
    """16 bytes. Only fields that differ from their default count (a new field with a default changes nothing), Decimals are normalised
    (1.50 is 1.5). Fields in `UNSENT`, such as problems, never count."""
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
