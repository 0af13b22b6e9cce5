"""Checks of every hook that answers in pages, of both roles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from engate.errors import AuthFailed, Forbidden, RateLimited
from engate.hooks import SHOP_CHOICES
from engate.model import Query
from engate.plugins import closing
from engate.testing.conformance.trial import ALWAYS, Check, NotTried, Trial, ended, key_of, keys_of
from engate.testing.facts import Change, Fault
from engate.testing.sandbox import Staged

ERP_CHOICES = frozenset({"branches", "charges", "terms", "carriers", "price_tables"})

PATIENCE = 2.0
"""Seconds after which a call that waits for its rate is taken to go on waiting."""


async def resumes(trial: Trial, hook: str) -> None:
    """From the cursor of any page the rest of the list comes complete."""
    pages = await trial.read(hook, Query())
    keys = keys_of(pages)
    if trial.live and not keys:
        raise NotTried("the list is empty")
    assert len(set(keys)) == len(keys), "a full reading gave something twice"
    for n, page in enumerate(pages[:-1]):
        assert page.cursor is not None, f"page {n} of {len(pages)} has no cursor: a reading that stops there begins anew"
        rest = set(keys_of(await trial.read(hook, Query(cursor=page.cursor))))
        lost = set(keys_of(pages[n + 1 :])) - rest
        assert not lost, f"resumed after page {n}, {len(lost)} items are missing: {sorted(lost)[:3]}"


async def by_key(trial: Trial, hook: str) -> None:
    """`query.keys` gives only these, also those at the end of the list."""
    known = keys_of(await trial.read(hook, Query()))
    if not known:
        raise NotTried("the list is empty")
    asked = tuple(dict.fromkeys((known[-1], known[0])))
    found = keys_of(await trial.read(hook, Query(keys=asked)))
    assert sorted(found) == sorted(asked), f"asked for {asked}, got {found[:5]}"


async def choices(trial: Trial, hook: str) -> None:
    """Every kind that a mapping can name, without duplicate keys; an unknown kind is empty."""
    kinds = SHOP_CHOICES if hook == "read_choices" else ERP_CHOICES
    for kind in sorted(kinds):
        found = await choices_of(trial, hook, kind)
        assert len(set(found)) == len(found), f"{kind}: something is listed twice"
    assert await choices_of(trial, hook, "no-such-kind") == [], "a kind that there is not has choices"


async def choices_of(trial: Trial, hook: str, kind: str) -> list[str]:
    async with closing(getattr(trial.connection, hook)(kind)) as pages:
        return [item.key async for page in pages for item in page.items]


async def killed(trial: Trial, hook: str) -> None:
    """A process dies after the first page: a new one, without memory, continues from its cursor."""
    keys = set(keys_of(await trial.read(hook, Query())))
    async with closing(getattr(trial.connection, hook)(Query())) as pages:
        first = await anext(pages, None)
    if first is None or first.cursor is None:
        raise NotTried("the list has one page")
    rest = await trial.read(hook, Query(cursor=first.cursor), trial.fresh())
    lost = keys - set(keys_of([first, *rest]))
    assert not lost, f"after a kill between two pages {len(lost)} items are missing: {sorted(lost)[:3]}"


async def since(trial: Trial, hook: str) -> None:
    """What bears the newest stamp comes again with it; and what comes with a later stamp comes with an earlier one too, as it would not
    where stamps sort otherwise than time goes."""
    marks = [page.watermark for page in await trial.read(hook, Query()) if page.watermark is not None]
    if not marks:
        raise NotTried("its pages carry no stamp: the list is read whole each time")
    newest, oldest = max(marks), min(marks)
    late = await trial.read(hook, Query(since=newest))
    early = await trial.read(hook, Query(since=oldest))
    assert keys_of(late), f"the reading since {newest} is empty, and something bears this stamp"
    after = newest_of(late)
    assert after is not None and after >= newest, f"the reading since {newest} ends at {after}, which sorts before it"
    if ended(late) and ended(early):
        more = set(keys_of(late)) - set(keys_of(early))
        assert not more, f"{sorted(more)[:3]} come since {newest} and not since {oldest}: later stamps sort before earlier ones"
        if ended(whole := await trial.read(hook, Query())):
            unknown = set(keys_of(early)) - set(keys_of(whole))
            assert not unknown, f"{sorted(unknown)[:3]} come since {oldest} and not in the whole list"


async def meanwhile(trial: Trial, hook: str) -> None:
    """A change during a reading is in this reading, or in the next one since its newest stamp: nothing is lost."""
    calls = trial.sandbox.counts.requests
    await trial.read(hook, Query())
    calls = trial.sandbox.counts.requests - calls
    skus = trial.sandbox.state()
    changed = [
        Change(sku.key, name=f"Nome novo {n}", price=_other(sku.price), stock=dict.fromkeys(sku.stock, 7 + n))
        for n, sku in enumerate((skus[0], skus[len(skus) // 2], skus[-1]))
    ]
    trial.sandbox.stage(Staged("", "change", msgspec.Raw(msgspec.json.encode(changed)), (calls + 1) // 2))
    pages = await trial.read(hook, Query())
    newest = newest_of(pages)
    if newest is None:
        raise NotTried("its pages carry no stamp: the list is read whole each time")
    held = {key_of(item): item for page in [*pages, *await trial.read(hook, Query(since=newest))] for item in page.items}
    lost = [key_of(item) for page in await trial.read(hook, Query()) for item in page.items if held.get(key_of(item)) != item]
    assert not lost, f"{lost[:3]} changed while the list was read, and the reading since {newest} does not bring it"


LATER = (timedelta(hours=1), timedelta(days=20), timedelta(days=20))
"""Steps that pass the end of a day's hours and of a month, whatever the date is: a stamp that begins with the day sorts wrongly then."""


async def stamps(trial: Trial, hook: str) -> None:
    """Stamps sort as text, and a reading since the newest one sees what changed after it. A list without stamps is read whole."""
    newest = newest_of(await trial.read(hook, Query()))
    if newest is None:
        raise NotTried("its pages carry no stamp: the list is read whole each time")
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
    """An ended session costs one login and loses nothing. (Credentials sent with every call may be refused for good.)"""
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
    """A missing permission is not a lost session: only what needs it waits."""
    await trial.read(hook, Query())  # there is a session
    trial.sick(Fault("403", times=ALWAYS))
    error = await trial.fails(trial.read(hook, Query()))
    assert isinstance(error, Forbidden), f"a 403 ends as {type(error).__name__}"


async def throttled(trial: Trial, hook: str) -> None:
    """The call waits as the platform asks, or ends with the right error; it never returns an answer."""
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
    """A proxy's page with status 200 is not taken for an empty list."""
    trial.sick(Fault("html", times=ALWAYS))
    await trial.fails(trial.read(hook, Query()))


async def reset(trial: Trial, hook: str) -> None:
    trial.sick(Fault("reset", times=ALWAYS))
    await trial.fails(trial.read(hook, Query()))


async def drips(trial: Trial, hook: str) -> None:
    """A byte every few seconds prevents timeouts of single reads: the call must still end."""
    trial.sick(Fault("drip", times=ALWAYS, milliseconds=1500))
    await trial.fails(trial.read(hook, Query()))


FAULTS: dict[str, Check] = {
    "a session that ends": a_session_that_ends, "401": refused, "403": forbidden, "429": throttled, "recovers": recovers, "html": html,
    "reset": reset, "drips": drips,
}  # fmt: skip


def _other(price: Decimal | None) -> Decimal | None:
    return None if price is None else price + 1
