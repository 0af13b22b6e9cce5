"""Connections: `first` or `last` is mandatory and at most 250, and nobody pages past 25,000 objects."""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from typing import Any

from engate_shopify_sandbox.errors import refuse

MOST = 250
REACH = 25_000
_WHOLE: ContextVar[bool] = ContextVar("whole", default=False)


@contextmanager
def unpaged() -> Generator[None]:
    """Inside, every connection is whole: a bulk query names no sizes."""
    before = _WHOLE.set(True)
    try:
        yield
    finally:
        _WHOLE.reset(before)


class Connection:
    """What a connection field answers. A cursor is a position in the list as it is: a row that moves meanwhile is lost or comes twice."""

    __slots__ = ("after", "before", "nodes", "start")

    def __init__(self, nodes: Sequence[Any], start: int, before: bool, after: bool) -> None:
        self.nodes, self.start, self.before, self.after = nodes, start, before, after

    @property
    def edges(self) -> list[dict[str, Any]]:
        return [{"node": node, "cursor": encode(self.start + index)} for index, node in enumerate(self.nodes)]

    @property
    def page_info(self) -> dict[str, Any]:
        last = self.start + len(self.nodes) - 1
        return {
            "hasNextPage": self.after,
            "hasPreviousPage": self.before,
            "startCursor": encode(self.start) if self.nodes else None,
            "endCursor": encode(last) if self.nodes else None,
        }


def encode(position: int) -> str:
    return base64.b64encode(f'{{"position":{position}}}'.encode()).decode()


def decode(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        return int(text.removeprefix('{"position":').removesuffix("}"))
    except ValueError:
        raise refuse("INVALID", f"Invalid cursor for current pagination sort: {cursor}") from None


def page(items: Sequence[Any], args: dict[str, Any], reach: int = REACH) -> Connection:
    first, last = args.get("first"), args.get("last")
    if _WHOLE.get():
        return Connection(items[::-1] if args.get("reverse") else items, 0, before=False, after=False)
    if first is None and last is None:
        raise refuse("BAD_REQUEST", "you must provide one of first or last")
    if first is not None and last is not None:
        raise refuse("BAD_REQUEST", "providing both first and last is not supported")
    size = first if first is not None else last or 0
    if not 1 <= size <= MOST:
        raise refuse("BAD_REQUEST", f"{'first' if first is not None else 'last'} must be between 1 and {MOST}")
    if args.get("reverse"):
        items = items[::-1]
    low = decode(args["after"]) + 1 if args.get("after") else 0
    high = decode(args["before"]) if args.get("before") else len(items)
    low, high = min(low, len(items)), min(high, len(items))
    start, stop = (low, min(low + size, high)) if first is not None else (max(high - size, low), high)
    if stop > reach:
        raise refuse("BAD_REQUEST", f"Pagination is limited to {reach} objects. Narrow the query instead.")
    return Connection(items[start:stop], start, start > 0, stop < len(items))


def ordered(items: Sequence[Any], key: Callable[[Any], Any]) -> list[Any]:
    """By `key`, and by id where that is equal; what has none comes first."""
    floor: dict[type, Any] = {str: "", int: 0, Decimal: Decimal(0), bool: False}

    def comparable(item: Any) -> tuple[bool, Any]:
        value = key(item)
        if isinstance(value, datetime):
            return True, value.timestamp()
        return value is not None, value if value is not None else floor.get(type(value), 0)

    return sorted(items, key=lambda item: (*comparable(item), item.id))
