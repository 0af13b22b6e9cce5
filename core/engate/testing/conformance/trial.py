"""A plugin connected to its platform for a check: to its own sandbox or to a real account."""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol

from engate.errors import EngateError
from engate.hooks import Connection
from engate.model import Query
from engate.plugins import Manifest, closing
from engate.testing.connect import connected, values_of
from engate.testing.facts import Fault, Seed, SkuState
from engate.testing.sandbox import Sandbox

ALWAYS = 1_000_000
DEADLINE = 1.0
"""Seconds that a call may take in a check that drips."""


class NotTried(Exception):
    """There is nothing to run the check on; the text says what is missing."""


class Trial:
    """`secrets`: what no error may ever show. Without a sandbox it is an account that is somebody's: of each list only so many `pages` are
    read there, and what must be seen from the platform's side cannot be."""

    def __init__(self, connection: Connection, secrets: Iterable[str], sandbox: Sandbox | None = None, pages: int | None = None) -> None:
        self.connection = connection
        self._secrets = [secret for secret in secrets if secret]
        self._sandbox, self._pages = sandbox, pages

    @property
    def live(self) -> bool:
        return self._sandbox is None

    @property
    def sandbox(self) -> Sandbox:
        if self._sandbox is None:
            raise NotTried("needs the platform's sandbox")
        return self._sandbox

    def state(self) -> list[SkuState]:
        """Every SKU as the sandbox holds it; unknown for an account."""
        return [] if self._sandbox is None else self._sandbox.state()

    def sick(self, *faults: Fault) -> None:
        """How the platform behaves from now on."""
        self.sandbox.faults.set(faults)

    def fresh(self) -> Connection:
        """The same account in a new process, which has only the stored session."""
        return type(self.connection)(self.connection.context)

    async def read(self, hook: str, query: Query, connection: Connection | None = None) -> list[Any]:
        """All pages; of an account the first ones."""
        found: list[Any] = []
        async with closing(getattr(connection or self.connection, hook)(query)) as pages:
            async for page in pages:
                found.append(page)
                if len(found) == self._pages:
                    break
        return found

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
        assert not self.shows(shown), f"{type(error).__name__} shows a secret"

    def shows(self, text: str) -> bool:
        """Whether the text holds a secret."""
        return any(secret in text for secret in self._secrets)


Check = Callable[[Trial, str], Awaitable[None]]


class Place(Protocol):
    """Where a case gets its connection from."""

    def trial(self, case: Case) -> AbstractAsyncContextManager[Trial]: ...


class Case(NamedTuple):
    """One check of one hook."""

    name: str
    hook: str
    check: Check
    manifest: Manifest
    place: Place

    def __str__(self) -> str:
        return f"{self.hook}-{self.name}"

    async def run(self) -> None:
        """Raises AssertionError with an explanation where the plugin fails the check."""
        with suppress(NotTried):
            await self.attempt()

    async def attempt(self) -> None:
        """The same; raises NotTried where there is nothing to try it on."""
        async with self.place.trial(self) as trial:
            await self.check(trial, self.hook)


class Boxed(NamedTuple):
    """A sandbox for each case alone. `settings`: of the connection, besides what the sandbox describes."""

    sandbox: type[Sandbox]
    seed: Seed
    settings: Mapping[str, object] = {}

    @asynccontextmanager
    async def trial(self, case: Case) -> AsyncGenerator[Trial]:
        box = self.sandbox(limits=False)
        if box.role == "erp":
            box.seed(self.seed)
        async with box.listening():
            said = box.describe()
            values = {**values_of(case.manifest, said), **self.settings}
            deadline = DEADLINE if case.name == "drips" else None
            async with connected(case.manifest, values, deadline=deadline) as connection:
                yield Trial(connection, said.secrets.values(), box)


def key_of(item: Any) -> str:
    return str(getattr(item, "key", None) or getattr(item, "sku", None) or item)


def keys_of(pages: Sequence[Any]) -> list[str]:
    return [key_of(item) for page in pages for item in page.items]


def ended(pages: Sequence[Any]) -> bool:
    """Whether the list was read to its end."""
    return not pages or pages[-1].cursor is None
