"""Items that one call takes together. Each has the outcome of its own entry."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from engate import AuthFailed, EngateError, Forbidden, Rejected
from engate.model import Batch, Item
from engate_shopify.client import row_of

T = TypeVar("T")
MOST = 250
"""Entries of an input list."""


def chunks(items: Sequence[T], size: int = MOST) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def lots(groups: Iterable[Sequence[T]]) -> list[Sequence[T]]:
    """Groups, each in parts that an input list may hold."""
    return [part for items in groups for part in chunks(items)]


async def in_groups(batch: Batch[T], at_once: int, groups: Iterable[Sequence[Item[T]]], push: Callable[[Any], Awaitable[None]]) -> None:
    """Pushes each group by itself. The error of a group is that of its items; a missing permission ends all groups."""
    todo = iter(groups)
    stopped: list[EngateError] = []

    async def worker() -> None:
        for items in todo:
            try:
                if not stopped:
                    await push(items)
                    continue
                error = stopped[0]
            except (AuthFailed, Forbidden) as raised:
                stopped.append(raised)
                error = raised
            except EngateError as raised:
                error = raised
            for item in items:
                if item.key not in batch.outcomes:
                    batch.failed(item, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


def accepted_only(batch: Batch[T], check: Callable[[Item[T]], object]) -> list[Item[T]]:
    """The items that pass the check. The others are reported, or were already."""
    good: list[Item[T]] = []
    for item in batch.unreported():
        try:
            check(item)
            good.append(item)
        except Rejected as error:
            batch.failed(item, error)
    return good


def by_row(faults: Iterable[Mapping[str, Any]], rows: int) -> dict[int, list[Mapping[str, Any]]]:
    """The refusals of each entry. One that names no entry is of all of them."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for fault in faults:
        row = row_of(fault)
        for at in range(rows) if row is None or row >= rows else (row,):
            found[at].append(fault)
    return dict(found)
