"""What items of a batch share: a value read once for all, and turns where two would write the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from engate.errors import EngateError

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is read once, when it is first needed. `load`: an async function without parameters.
    `keeps_failure`: for a batch, whose 250 items must not each try again; without it, the next call after a failure tries again.

        units = Once(self._client.units)  # in a hook, or for as long as the connection lives
        factor = (await units.get())[row.product]
    """

    def __init__(self, load: Callable[[], Awaitable[T]], *, keeps_failure: bool = False) -> None:
        self._load, self._keeps_failure = load, keeps_failure
        self._lock = asyncio.Lock()
        self._held: list[T] = []
        self._error: EngateError | None = None

    async def get(self) -> T:
        """The result of `load`. Raises the `EngateError` that it raised."""
        async with self._lock:
            if self._error is not None:
                raise self._error
            if not self._held:
                try:
                    self._held.append(await self._load())
                except EngateError as error:
                    self._error = error if self._keeps_failure else None
                    raise
            return self._held[0]


class Turns:
    """One at a time per name: two items that would create the same thing, or write the same parent, take turns.

        async with self._turns.of(item.want.brand):
            ...  # look for it, and create it where it is not there

    Held by the connection, or by one call of a hook.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> AbstractAsyncContextManager[None]:
        """The turn of this name, to be held with `async with`."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock
