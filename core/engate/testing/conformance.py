"""What every plugin must hold, whatever its platform: checks made from a plugin and its sandbox, run by the plugin's own tests.

    @pytest.mark.parametrize("case", conformance.cases(manifest, AcmeSandbox), ids=str)
    async def test_conformance(case: conformance.Case) -> None:
        await case.run()

A case drives the plugin over real HTTP against the sandbox and raises AssertionError in words. Only what the plugin offers is checked.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from engate.errors import AuthFailed, EngateError, Forbidden, RateLimited
from engate.hooks import Connection
from engate.model import Batch, Item, Query
from engate.model.kinds import KINDS, Kind
from engate.plugins import Manifest, closing, implements
from engate.testing.connect import connected
from engate.testing.goods import goods
from engate.testing.sandbox import Sandbox
from engate.testing.world import Change, Fault, Seed

ALWAYS = 1_000_000
ROWS = 230
"""Products of the seed: more than two pages of what platforms usually give."""

KEYED = ("product", "sku", "image", "price", "stock")
"""Kinds that the engine asks for by key."""

DEADLINE = 1.0
"""Seconds that a call may take where an answer drips."""


class Trial:
    """A plugin connected to its sandbox."""

    def __init__(self, sandbox: Sandbox, connection: Connection, secrets: Iterable[str]) -> None:
        self.sandbox, self.connection = sandbox, connection
        self._secrets = [secret for secret in secrets if secret]

    async def read(self, hook: str, query: Query) -> list[Any]:
        """All pages."""
        async with closing(getattr(self.connection, hook)(query)) as pages:
            return [page async for page in pages]

    async def fails(self, call: Awaitable[object]) -> EngateError:
        """The error that it must end with, which shows no secret."""
        try:
            answered = await call
        except EngateError as error:
            self.hides(error)
            return error
        raise AssertionError(f"answered as if all were well: {answered!r:.200}")

    def hides(self, error: EngateError) -> None:
        shown = "".join(traceback.format_exception(error))
        shown += " ".join((error.text.pt, error.text.en, error.hint.pt, error.hint.en, repr(error)))
        assert not [secret for secret in self._secrets if secret in shown], f"{type(error).__name__} shows a secret"


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
            async with connected(self.manifest, values, deadline=DEADLINE if self.name == "drips" else None) as connection:
                yield Trial(box, connection, said.secrets.values())


def cases(manifest: Manifest, sandbox: type[Sandbox], seed: Seed | None = None) -> list[Case]:
    """Every check that this plugin's hooks ask for. `seed`: what the ERP's sandbox holds, by default 230 products."""
    offered = implements(manifest.connection_class())
    given = seed or goods(ROWS)
    found = [
        (name, hook, check)
        for hooks, checks in TABLE
        for hook in hooks
        if hook in offered
        for name, check in checks.items()
    ]
    return [Case(name, hook, check, manifest, sandbox, given) for name, hook, check in found]


# ---- readings ----


def _keys(pages: Sequence[Any]) -> list[str]:
    return [_key(item) for page in pages for item in page.items]


def _key(item: Any) -> str:
    return str(getattr(item, "key", None) or getattr(item, "sku", None) or item)


async def _resumes(trial: Trial, hook: str) -> None:
    """From the cursor of any page the rest comes, and nothing of it is lost."""
    pages = await trial.read(hook, Query())
    assert len(set(_keys(pages))) == len(_keys(pages)), "a full reading gave something twice"
    for n, page in enumerate(pages[:-1]):
        assert page.cursor is not None, f"page {n} of {len(pages)} has no cursor: a reading that stops there begins anew"
        rest = set(_keys(await trial.read(hook, Query(cursor=page.cursor))))
        lost = set(_keys(pages[n + 1 :])) - rest
        assert not lost, f"resumed after page {n}, {len(lost)} items are missing: {sorted(lost)[:3]}"


async def _by_key(trial: Trial, hook: str) -> None:
    """`query.keys` gives just these, also those at the end of the list."""
    known = _keys(await trial.read(hook, Query()))
    if not known:
        return
    asked = tuple(dict.fromkeys((known[-1], known[0])))
    found = _keys(await trial.read(hook, Query(keys=asked)))
    assert sorted(found) == sorted(asked), f"asked for {asked}, got {found[:5]}"


async def _stamps(trial: Trial, hook: str) -> None:
    """Stamps sort as text, and a reading since the newest one sees what changed after it."""
    first = await trial.read(hook, Query())
    stamps = [page.watermark for page in first if page.watermark is not None]
    if not stamps:
        return  # a platform without change stamps is read whole
    newest = max(stamps)
    trial.sandbox.clock.advance(_MOMENT)
    sku = trial.sandbox.state()[-1]
    there = next(iter(sku.stock))
    trial.sandbox.change([Change(sku.key, name="Outro nome", price=Decimal("77.70"), stock={there: 3})])
    later = [page for page in await trial.read(hook, Query(since=newest)) if page.watermark is not None]
    assert later, "nothing is newer although the SKU changed"
    assert max(page.watermark for page in later) >= newest, "a later stamp sorts before an earlier one"
    changed = [item for page in later for item in page.items if sku.key in (_key(item), getattr(item, "sku", ""))]
    changed += [item for page in later for item in page.items if _key(item) == sku.product]
    assert changed, f"the reading since {newest} does not hold what changed"


async def _renews(trial: Trial, hook: str) -> None:
    """A session that ends costs a login and loses nothing; credentials that travel with each call are refused for good."""
    trial.sandbox.faults.set([Fault("401", times=1)])
    try:
        await trial.read(hook, Query())
    except AuthFailed as error:
        trial.hides(error)


async def _refused(trial: Trial, hook: str) -> None:
    trial.sandbox.faults.set([Fault("401", times=ALWAYS)])
    await trial.fails(trial.read(hook, Query()))


async def _forbidden(trial: Trial, hook: str) -> None:
    """One missing permission is no lost session."""
    trial.sandbox.faults.set([Fault("403", times=ALWAYS)])
    error = await trial.fails(trial.read(hook, Query()))
    assert isinstance(error, Forbidden), f"a 403 ends as {type(error).__name__}"


async def _throttled(trial: Trial, hook: str) -> None:
    trial.sandbox.faults.set([Fault("429", times=ALWAYS)])
    error = await trial.fails(trial.read(hook, Query()))
    assert isinstance(error, RateLimited), f"a 429 ends as {type(error).__name__}"


async def _recovers(trial: Trial, hook: str) -> None:
    """One refusal, one reset, one failure: a reading goes on by itself and gives the same."""
    whole = _keys(await trial.read(hook, Query()))
    trial.sandbox.faults.set([Fault("429", times=1, seed=1), Fault("reset", times=1, seed=2), Fault("500", times=1, seed=3)])
    assert _keys(await trial.read(hook, Query())) == whole


async def _html(trial: Trial, hook: str) -> None:
    """A proxy's page with status 200 is no empty list."""
    trial.sandbox.faults.set([Fault("html", times=ALWAYS)])
    await trial.fails(trial.read(hook, Query()))


async def _reset(trial: Trial, hook: str) -> None:
    trial.sandbox.faults.set([Fault("reset", times=ALWAYS)])
    await trial.fails(trial.read(hook, Query()))


async def _drips(trial: Trial, hook: str) -> None:
    trial.sandbox.faults.set([Fault("drip", times=ALWAYS, milliseconds=400)])
    await trial.fails(trial.read(hook, Query()))
