"""A dispatch only wakes workers. What is due stands in the lanes in the database, so a lost or doubled wake loses nothing."""

from __future__ import annotations

from typing import Protocol

from engate.sync.runner import Runner


class Dispatch(Protocol):
    async def wake(self, integration_id: int) -> None:
        """Something of this integration may be due now."""
        ...

    async def ready(self) -> bool:
        """Whether wakes get through."""
        ...

    async def close(self) -> None: ...


class Embedded:
    """The lanes run in this process."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def wake(self, integration_id: int) -> None:
        del integration_id
        self._runner.poke()

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None
