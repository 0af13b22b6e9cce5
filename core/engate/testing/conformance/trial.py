"""A plugin connected to its sandbox, as a check drives it."""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from engate.errors import EngateError
from engate.hooks import Connection
from engate.model import Query
from engate.plugins import Manifest, closing
from engate.testing.connect import connected
from engate.testing.sandbox import Sandbox
from engate.testing.world import Fault, Seed

ALWAYS = 1_000_000
DEADLINE = 1.0
"""Seconds that a call may take in a check that drips."""


class Trial:
    """`secrets`: what no error may ever show."""

    def __init__(self, sandbox: Sandbox, connection: Connection, secrets: Iterable[str]) -> None:
        self.sandbox, self.connection = sandbox, connection
        self._secrets = [secret for secret in secrets if secret]

    def sick(self, *faults: Fault) -> None:
        """How the platform behaves from now on."""
        self.sandbox.faults.set(faults)

    async def read(self, hook: str, query: Query) -> list[Any]:
        """All pages."""
        async with closing(getattr(self.connection, hook)(query)) as pages:
            return [page async for page in pages]

    async def fails(self, call: Awaitable[object]) -> EngateError:
        """The error that the call must end with; it shows no secret."""
        try:
            answered = await call
        except EngateError as error:
            self.hides(error)
            return error
        raise AssertionError(f"answered as if all were well: {answered!r:.200}")

    def hides(self, error: EngateError) -> None:
        shown = "".join(traceback.format_exception(error)) + repr(error)
        shown += " ".join((error.text.pt, error.text.en, error.hint.pt, error.hint.en))
        assert not any(secret in shown for secret in self._secrets), f"{type(error).__name__} shows a secret"


Check = Callable[[Trial, str], Awaitable[None]]


class Case(NamedTuple):
    """One check of one hook."""

    name: str
    hook: str
    check: Check
    manifest: Manifest
    sandbox: type[Sandbox]
    seed: Seed

    def __str__(self) -> str:
        return f"{self.hook}-{self.name}"

    async def run(self) -> None:
        """Raises AssertionError in words where the plugin does not hold it."""
        async with self._trial() as trial:
            await self.check(trial, self.hook)

    @asynccontextmanager
    async def _trial(self) -> AsyncGenerator[Trial]:
        box = self.sandbox(limits=False)
        if box.role == "erp":
            box.seed(self.seed)
        async with box.listening():
            said = box.describe()
            values = {**said.settings, **said.unlimited, **said.secrets}
            deadline = DEADLINE if self.name == "drips" else None
            async with connected(self.manifest, values, deadline=deadline) as connection:
                yield Trial(box, connection, said.secrets.values())


def key_of(item: Any) -> str:
    return str(getattr(item, "key", None) or getattr(item, "sku", None) or item)


def keys_of(pages: Sequence[Any]) -> list[str]:
    return [key_of(item) for page in pages for item in page.items]
