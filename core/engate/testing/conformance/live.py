"""The suite on a real account: checks that are safe there are run, and the others are listed with the reason why they were not.

    async with account(manifest, values) as found:
        async for result in found.results():
            print(result.hook, result.check, result.state, result.why)

Reading changes nothing. `writes=True` also runs `WRITES`: checks that take something from the account or leave something in it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import msgspec

from engate.clock import SystemClock
from engate.context import Context
from engate.errors import EngateError
from engate.hooks import Connection, Storefront
from engate.http import Services, Transport
from engate.plugins import Manifest
from engate.settings import Secret, load, secret_fields
from engate.testing.conformance import basics, cases_at, pushes, readings, scopes, sends
from engate.testing.conformance.trial import Case, Check, NotTried, Trial
from engate.testing.connect import CountingJournal, MemoryTokens

PAGES = 5
"""Pages read of each list."""
SAFE: frozenset[Check] = frozenset(
    (
        *(check for checks in basics.CHECKS.values() for check in checks.values()),
        readings.choices, readings.resumes, readings.by_key, readings.killed, readings.since, scopes.scopes,
        sends.known,
    )
)  # fmt: skip
WRITES = frozenset({("read_order_events", "feed"), ("push_categories", "twice"), ("push_brands", "twice")})
WRITES_SAID = (
    "--write also reads the feed of orders, and whatever the platform does not tell a second time is then lost to engate; and it makes one "
    f"category and one brand called '{pushes.OWN}' in the shop, twice the same, which stay there. Nothing else is written."
)
SANDBOX, WRITING = "needs the platform's sandbox", "changes the account: --write"
SERVED, BEFORE = "the shop does this by calling engate", "the connection does not work"
State = Literal["ok", "failed", "not tried"]
MOST = 400
"""Characters of a reason."""


class Result(msgspec.Struct, frozen=True):
    """The outcome of one check. `why`: of one that failed or was not tried."""

    hook: str
    check: str
    state: State
    why: str = ""
    seconds: float = 0.0


class Account:
    """One connection, for all of its cases: it logs in once."""

    def __init__(self, manifest: Manifest, connection: Connection, secrets: list[str], pages: int) -> None:
        self.manifest, self.connection, self._secrets, self._pages = manifest, connection, secrets, pages
        self.unavailable = {name: text.en for name, text in connection.unavailable().items()}
        self.served = connection.served() if isinstance(connection, Storefront) else frozenset[str]()

    @asynccontextmanager
    async def trial(self, case: Case) -> AsyncGenerator[Trial]:
        del case
        yield Trial(self.connection, self._secrets, pages=self._pages)

    def cases(self) -> list[Case]:
        """Those of the suite, and the feed."""
        found: list[Case] = []
        for case in cases_at(self.manifest, self):
            found.append(case)
            if case.hook == "read_order_events" and case.check is sends.reached:
                found.append(Case("feed", case.hook, sends.feed, self.manifest, self))
        return found

    async def results(self, *, writes: bool = False) -> AsyncIterator[Result]:
        """Runs each check of the suite, in order. If the connection itself fails nothing else is tried: a wrong password sent repeatedly
        locks an account."""
        works = True
        for case in self.cases():
            why = self._not_tried(case, writes) or ("" if works else BEFORE)
            result = Result(case.hook, case.name, "not tried", why) if why else await self._tried(case)
            works = works and not (case.hook == "test_connection" and result.state == "failed")
            yield result

    def _not_tried(self, case: Case, writes: bool) -> str:
        """Why the case is not tried; "": it is."""
        if case.hook in self.served:
            return SERVED
        if case.hook in self.unavailable:
            return f"this account cannot: {self.unavailable[case.hook]}"
        if (case.hook, case.name) in WRITES:
            return "" if writes else WRITING
        return "" if case.check in SAFE or case.hook == "texts" else SANDBOX

    async def _tried(self, case: Case) -> Result:
        began = time.monotonic()
        state, why = "ok", ""
        try:
            await case.attempt()
        except NotTried as error:
            state, why = "not tried", str(error)
        except AssertionError as error:
            state, why = "failed", str(error)
        except EngateError as error:
            state, why = "failed", f"{type(error).__name__}: {error.text.en} {error.hint.en}"
        except Exception as error:  # a plugin that breaks
            state, why = "failed", f"{type(error).__name__}: {error}"
        return Result(case.hook, case.name, state, self._redacted(why), round(time.monotonic() - began, 2))

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***") if secret else text
        return " ".join(text.split())[:MOST]


@asynccontextmanager
async def account(manifest: Manifest, values: Mapping[str, object], pages: int = PAGES) -> AsyncGenerator[Account]:
    """An account with these settings, including secrets; `Invalid` names a wrong one. It is built with its own facts (`learn`)."""
    settings: Any = load(manifest.settings, dict(values))
    given = [getattr(settings, name) for name in sorted(secret_fields(manifest.settings))]
    secrets = [secret.reveal() for secret in given if isinstance(secret, Secret)]
    build = manifest.connection_class()
    async with Transport() as transport:
        services = Services(
            account=manifest.key, clock=SystemClock(), transport=transport, tokens=MemoryTokens(), journal=CountingJournal()
        )
        facts: dict[str, str] = {}
        with suppress(EngateError):
            facts = await build(Context(settings, services)).learn()
        yield Account(manifest, build(Context(settings, services, facts)), secrets, pages)
