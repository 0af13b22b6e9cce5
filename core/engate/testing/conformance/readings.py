"""What every hook that answers in pages must hold, of both roles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engate.errors import AuthFailed, Forbidden, RateLimited
from engate.model import Query
from engate.testing.conformance.trial import ALWAYS, Check, Trial, key_of, keys_of
from engate.testing.world import Change, Fault

PATIENCE = 2.0
"""Seconds after which a call that waits for its rate is believed to go on waiting."""


async def resumes(trial: Trial, hook: str) -> None:
    """From the cursor of any page the rest comes, and nothing of it is lost."""
    pages = await trial.read(hook, Query())
    keys = keys_of(pages)
    assert len(set(keys)) == len(keys), "a full reading gave something twice"
    for n, page in enumerate(pages[:-1]):
        assert page.cursor is not None, f"page {n} of {len(pages)} has no cursor: a reading that stops there begins anew"
        rest = set(keys_of(await trial.read(hook, Query(cursor=page.cursor))))
        lost = set(keys_of(pages[n + 1 :])) - rest
        assert not lost, f"resumed after page {n}, {len(lost)} items are missing: {sorted(lost)[:3]}"


async def by_key(trial: Trial, hook: str) -> None:
    """`query.keys` gives just these, also those at the end of the list."""
    known = keys_of(await trial.read(hook, Query()))
    if not known:
        return
    asked = tuple(dict.fromkeys((known[-1], known[0])))
    found = keys_of(await trial.read(hook, Query(keys=asked)))
    assert sorted(found) == sorted(asked), f"asked for {asked}, got {found[:5]}"


LATER = (timedelta(hours=1), timedelta(days=20), timedelta(days=20))
"""Steps that pass the end of a day's hours and of a month, whatever the date is: a stamp that begins with the day sorts wrongly then."""


async def stamps(trial: Trial, hook: str) -> None:
    """Stamps sort as text, and a reading since the newest one sees what changed after it. A list without stamps is read whole."""
    newest = newest_of(await trial.read(hook, Query()))
    if newest is None:
        return
    for n, step in enumerate(LATER):
        trial.sandbox.clock.advance(step)
        sku = trial.sandbox.state()[-1]
        changed = Change(sku.key, name=f"Outro nome {n}", price=_other(sku.price), stock=dict.fromkeys(sku.stock, 3 + n))
        trial.sandbox.change([changed])
        newest = await later(trial, hook, newest, {sku.key, sku.product})


def newest_of(pages: Sequence[Any]) -> str | None:
    return max((page.watermark for page in pages if page.watermark is not None), default=None)


async def later(trial: Trial, hook: str, newest: str, about: set[str]) -> str:
    """The newest stamp of a reading since this one, which must hold what changed after it."""
    pages = await trial.read(hook, Query(since=newest))
    after = newest_of(pages)
    assert after is not None and after >= newest, f"after {newest} came {after}: a later stamp sorts before an earlier one"
    assert any({key_of(item), getattr(item, "sku", "")} & about for page in pages for item in page.items), (
        f"the reading since {newest} does not hold what changed after it"
    )
    return after


async def a_session_that_ends(trial: Trial, hook: str) -> None:
    """It costs a login and loses nothing. (Credentials that travel with every call may be refused for good.)"""
    whole = keys_of(await trial.read(hook, Query()))
    trial.sick(Fault("401"))
    try:
        assert keys_of(await trial.read(hook, Query())) == whole
    except AuthFailed as error:
        trial.hides(error)


async def refused(trial: Trial, hook: str) -> None:
    trial.sick(Fault("401", times=ALWAYS))
    await trial.fails(trial.read(hook, Query()))


async def forbidden(trial: Trial, hook: str) -> None:
    """One missing permission is no lost session: only what needs it waits."""
    await trial.read(hook, Query())  # there is a session
    trial.sick(Fault("403", times=ALWAYS))
    error = await trial.fails(trial.read(hook, Query()))
    assert isinstance(error, Forbidden), f"a 403 ends as {type(error).__name__}"


async def throttled(trial: Trial, hook: str) -> None:
    """The call waits as the platform wants it, or ends as what it is; it is never answered."""
    await trial.read(hook, Query())
    trial.sick(Fault("429", times=ALWAYS))
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            error = await trial.fails(trial.read(hook, Query()))
            assert isinstance(error, RateLimited), f"a 429 ends as {type(error).__name__}"


async def recovers(trial: Trial, hook: str) -> None:
    """After one refusal, one reset and one failure of every call a reading gives the same."""
    whole = keys_of(await trial.read(hook, Query()))
    trial.sick(Fault("reset"), Fault("500"))
    assert keys_of(await trial.read(hook, Query())) == whole


async def html(trial: Trial, hook: str) -> None:
    """A proxy's page with status 200 is no empty list."""
    trial.sick(Fault("html", times=ALWAYS))
    await trial.fails(trial.read(hook, Query()))


async def reset(trial: Trial, hook: str) -> None:
    trial.sick(Fault("reset", times=ALWAYS))
    await trial.fails(trial.read(hook, Query()))


async def drips(trial: Trial, hook: str) -> None:
    """A byte now and then keeps every timeout of a single read away: the call ends all the same."""
    trial.sick(Fault("drip", times=ALWAYS, milliseconds=1500))
    await trial.fails(trial.read(hook, Query()))


FAULTS: dict[str, Check] = {
    "a session that ends": a_session_that_ends, "401": refused, "403": forbidden, "429": throttled, "recovers": recovers, "html": html,
    "reset": reset, "drips": drips,
}  # fmt: skip


def _other(price: Decimal | None) -> Decimal | None:
    return None if price is None else price + 1
