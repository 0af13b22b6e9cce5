"""A permission that is missing stops the one flow that needs it, with a cause that says which; everything else goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, Stage, faked

from engate.errors import AuthFailed, Forbidden
from engate.hooks import Connection
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.plugins import Manifest
from engate.store import health
from engate.store.health import Trouble
from engate.testing.facts import Change
from engate.testing.fake_erp.plugin import FAKE_ERP, FakeErp
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import lacking
from engate.text import Text

PATIENT = msgspec.structs.replace(SHORT, forbidden_wait=3600.0)


class Rights:
    """What the accounts may not do just now: hook names."""

    def __init__(self) -> None:
        self.lacking: set[str] = set()

    def ask(self, hook: str) -> None:
        if hook in self.lacking:
            raise Forbidden(Text(f"Sem permissão em {hook}.", f"No permission at {hook}."), operation=f"op {hook}")


def guarded(manifest: Manifest, cls: type[Connection], hooks: tuple[str, ...], rights: Rights) -> Manifest:
    """The platform whose hooks first ask for the right; none of them names its connection."""

    def pages(name: str) -> Any:
        async def hook(self: Any, query: Any) -> Any:
            rights.ask(name)
            async for page in getattr(cls, name)(self, query):
                yield page

        return hook

    def batch(name: str) -> Any:
        async def hook(self: Any, batch: Any) -> None:
            rights.ask(name)
            await getattr(cls, name)(self, batch)

        return hook

    def part(name: str) -> Any:
        async def hook(self: Any, part: Any) -> Any:
            rights.ask(name)
            return await getattr(cls, name)(self, part)

        return hook

    makers = {"list": pages, "read": pages, "push": batch}
    return lacking(manifest, **{name: makers.get(name.partition("_")[0], part)(name) for name in hooks})


def pair(rights: Rights) -> tuple[Manifest, ...]:
    return (
        guarded(FAKE_ERP, FakeErp, ("list_prices", "find_order"), rights),
        guarded(FAKE_SHOP, FakeShop, ("push_prices",), rights),
    )


@pytest.mark.trap("engine.forbidden-flow")
@pytest.mark.parametrize(("hook", "side"), [("list_prices", "fake_erp"), ("push_prices", "fake_shop")])
async def test_only_the_flow_that_lacks_it_waits_and_it_goes_on_when_a_person_asks(sqlite_database: str, hook: str, side: str) -> None:
    rights = Rights()
    async with faked(sqlite_database, seed=goods(2), delays=PATIENT, manifests=pair(rights), selling=True) as stage:
        rights.lacking.add(hook)
        first, second = stage.erp.state()
        stage.erp.change([Change(first.key, price=Decimal("77.00"))])
        await stage.resync(["prices"])
        [cause] = await stage.until(lambda: _flow_causes(stage))
        assert (cause.name, cause.code, cause.owner) == ("prices", "forbidden", "person")
        assert f"op {hook}" in str(cause.hint) and hook in str(cause.text)
        assert await _health(stage) == {side: "degraded"}
        # stock, events and orders do not care
        stage.erp.change([Change(second.key, stock={"1": 3})])
        await stage.resync(["stock"])
        await stage.until(lambda: next(s for s in stage.shop.state() if s.key == second.key).stock == {"main": 3})
        stage.shop.sell([sale(1, (second.key, 1, str(second.price)))])
        await stage.until(stage.erp.orders)
        [still] = await _flow_causes(stage)
        assert still.id == cause.id and await _health(stage) == {side: "degraded"}, "what works elsewhere grants nothing"
        rights.lacking.clear()
        now = stage.clock.now().timestamp()
        asked = trigger.Retried(cause.id)
        again = await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), asked))
        assert again == trigger.Again(1, messages=0, more=False)
        stage.runner.poke()
        await stage.until(lambda: next(s for s in stage.shop.state() if s.key == first.key).price == Decimal("77.00"))
        await stage.until(lambda: _well(stage))
        assert await _flow_causes(stage) == []


@pytest.mark.trap("engine.forbidden-outlasts-readings")
async def test_a_reading_of_the_flow_does_not_hide_what_its_push_lacks(sqlite_database: str) -> None:
    rights = Rights()
    async with faked(sqlite_database, seed=goods(1), delays=PATIENT, manifests=pair(rights), selling=True) as stage:
        rights.lacking.add("push_prices")
        [sku] = stage.erp.state()
        stage.erp.change([Change(sku.key, price=Decimal("77.00"))])
        await stage.resync(["prices"])
        [cause] = await stage.until(lambda: _flow_causes(stage))
        [before] = await stage.sql("select read_at from flow where name = 'prices'")
        await stage.store.writing(lambda c: c.execute(sa.text("update lane set due_at = 1 where name = 'read/prices'")))
        stage.runner.poke()
        await stage.until(lambda: stage.sql("select read_at from flow where name = 'prices' and read_at > :at", at=before.read_at))
        assert [row.id for row in await _flow_causes(stage)] == [cause.id]


async def test_a_lane_that_gets_through_by_itself_ends_its_cause(sqlite_database: str) -> None:
    rights = Rights()
    hasty = msgspec.structs.replace(SHORT, forbidden_wait=0.3)
    async with faked(sqlite_database, seed=goods(1), delays=hasty, manifests=pair(rights), selling=True) as stage:
        rights.lacking.add("list_prices")
        await stage.resync(["prices"])
        await stage.until(lambda: _flow_causes(stage))
        rights.lacking.clear()
        await stage.until(lambda: _well(stage))
        assert await _flow_causes(stage) == [] and await stage.sql("select id from cause where code = 'forbidden'") == []


async def test_an_order_that_lacks_it_waits_alone_with_its_own_cause(sqlite_database: str) -> None:
    rights = Rights()
    async with faked(sqlite_database, seed=goods(1), delays=PATIENT, manifests=pair(rights), selling=True) as stage:
        rights.lacking.add("find_order")
        [sku] = stage.shop.state()
        keys = stage.shop.sell([sale(n, (sku.key, 1, str(sku.price))) for n in (1, 2)])
        for key in keys.values():
            await stage.until(lambda key=key: stage.waits(key, "forbidden"))
        [row] = await stage.sql("select distinct owner, c.key from cause c join shop_order o on o.cause_id = c.id")
        assert row.owner == "person", "one permission, one cause"
        assert await _health(stage) == {"fake_erp": "degraded"} and await _flow_causes(stage) == []
        rights.lacking.clear()
        await stage.until(lambda: len(stage.erp.orders()) == 2)
        for key in keys.values():
            await stage.until(lambda key=key: stage.waits(key, None))
        await stage.until(lambda: _well(stage))


@pytest.mark.trap("engine.forbidden-items")
async def test_single_items_that_are_forbidden_stop_the_push_and_the_others_are_settled(sqlite_database: str) -> None:
    spared: list[str] = []

    async def push_prices(self: FakeShop, batch: Any) -> None:
        for item in batch.items:
            if item.key in spared or not spared:
                batch.accepted(item, item.key)
            else:
                batch.failed(item, Forbidden(Text("Não.", "No."), operation="price"))

    manifests = (lacking(FAKE_SHOP, push_prices=push_prices),)
    async with faked(sqlite_database, seed=goods(2), delays=PATIENT, manifests=manifests, run=False) as stage:
        spared.append(stage.erp.state()[0].key)
        stage.start()
        await stage.activate()
        [cause] = await stage.until(lambda: _flow_causes(stage))
        assert (cause.name, cause.code) == ("prices", "forbidden") and await _health(stage) == {"fake_shop": "degraded"}
        states = await stage.sql("select key, state from record where kind = 'price' order by key")
        assert [row.state for row in states] == ["settled", "to_send"]


@pytest.mark.trap("engine.reauth-stands")
async def test_refused_credentials_stay_the_word_whatever_else_fails(sqlite_database: str) -> None:
    """A lane that meets an outage at the same time does not hide that a person must renew them."""
    async with faked(sqlite_database, seed=goods(1), run=False) as stage:
        [lane, *_] = await _lanes(stage)

        def both(c: Any) -> None:
            health.refused(c, 1, {"code": "auth_failed", "text": {"pt": "a", "en": "a"}, "hint": {"pt": "", "en": ""}})
            health.met(c, lane, Trouble(1, {"code": "unavailable", "text": {"pt": "b", "en": "b"}, "hint": {"pt": "", "en": ""}}))

        await stage.store.writing(both)
        assert await _health(stage) == {"fake_erp": "reauth_required"}
        await stage.store.writing(lambda c: health.got_through(c, stage.integration_id, lane))
        assert await _health(stage) == {"fake_erp": "reauth_required"}, "only a test ends it"


async def test_an_error_that_a_plugin_raises_itself_is_shown_on_its_side(sqlite_database: str) -> None:
    """A 200 that says that the login is over: no call failed, so no client could say whose error it is."""

    async def find_order(self: FakeErp, part: Any) -> Any:
        del self, part
        raise AuthFailed(Text("Sessão recusada.", "Session refused."))

    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_ERP, find_order=find_order),), selling=True) as stage:
        [sku] = stage.shop.state()
        stage.shop.sell([sale(1, (sku.key, 1, str(sku.price)))])
        await stage.until(lambda: _is(stage, {"fake_erp": "reauth_required"}))


async def _is(stage: Stage, wanted: dict[str, str]) -> bool:
    return await _health(stage) == wanted


async def _flow_causes(stage: Stage) -> list[Any]:
    return await stage.sql("select f.name, c.id, c.code, c.owner, c.text, c.hint from flow f join cause c on c.id = f.cause_id")


async def _health(stage: Stage) -> dict[str, str]:
    """Platform -> health, of those that are not ok."""
    return {row.platform: row.health for row in await stage.sql("select platform, health from connection where health <> 'ok'")}


async def _well(stage: Stage) -> bool:
    return not await _health(stage)


async def _lanes(stage: Stage) -> list[int]:
    await stage.activate()
    return [row.id for row in await stage.sql("select id from lane order by id")]
