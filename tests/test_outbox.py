"""What happened is told at least once, whatever dies or breaks on the way, and nobody waits for one who does not listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.support.engine import engine
from tests.support.goods import goods
from tests.support.observing import FILE, Selling, Watching, breaks, hangs
from tests.support.selling import asleep, entered, sell, state
from tests.support.stage import SHORT, Stage, faked, neighbour
from tests.test_forbidden import Rights, pair
from tests.test_guards import let_go, take

from engate import observers
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.operations import links, trigger
from engate.operations.scope import Scope
from engate.store import archive, config, health, outbox
from engate.store.config import NewIntegration
from engate.store.tables import connection, integration
from engate.testing.facts import Fault
from engate.views import queue
from engate.views.paging import Window

KEY = "F00001"
SLOWLY = 60.0
NEVER = msgspec.structs.replace(SHORT, retry_first=3600.0, retry_most=3600.0)
"""Nothing is tried a second time."""


async def unsent(stage: Stage, target: str = "%") -> list[str]:
    """The keys of what is not told yet."""
    rows = await stage.sql("select key from outbox where sent_at is null and target like :target order by id", target=target)
    return [row.key for row in rows]


async def all_told(stage: Stage, target: str = "%") -> bool:
    return not await unsent(stage, target)


async def sold(stage: Stage, count: int) -> list[str]:
    """So many orders, each in the ERP before the next is placed."""
    keys: list[str] = []
    for number in range(1, count + 1):
        keys.append(sell(stage, number=number))
        await entered(stage, keys[-1])
    return keys


@pytest.mark.trap("engine.outbox-imported", "engine.outbox-run")
async def test_each_is_told_once_and_in_order(database: str) -> None:
    watching = Watching()
    async with faked(database, seed=goods(2), observers={"watching": watching}) as stage:
        await stage.selling()
        keys = await sold(stage, 3)
        await stage.until(lambda: len(watching.orders()) >= 3)
        await stage.until(lambda: all_told(stage))
        assert watching.orders() == [f"order/{key}" for key in keys]
        assert {what for what, _ in watching.taken if what.startswith("run/")} >= {"run/products", "run/prices", "run/stock"}
        written = await stage.sql("select key from outbox order by id")
        assert sorted(watching.events) == sorted(f"{stage.integration_id}/{row.key}" for row in written)
        assert len(watching.events) == len(set(watching.events))
        in_erp = {f"order/{order.reference.partition('/')[0]}": [order.key] for order in stage.erp.taken.values()}
        assert {what: more for what, more in watching.taken if what.startswith("order/")} == in_erp


@pytest.mark.trap("engine.outbox-event-of")
async def test_orders_of_the_same_number_in_two_integrations_are_two_events(sqlite_database: str) -> None:
    """Even if their ERPs give them the same key."""
    watching = Watching()
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"watching": watching}) as stage:
        [one] = [await entered(stage, sell(stage))]
        async with neighbour(stage, "Outra loja", seed=goods(1)) as other:
            await other.selling()
            [two] = [await entered(other, sell(other))]
            assert [order.key for order in one] == [order.key for order in two]
            await stage.until(lambda: len(watching.orders()) == 2)
        assert watching.orders() == [f"order/{KEY}"] * 2
        orders = {event for event in watching.events if "/imported/" in event}
        assert {event.partition("/")[0] for event in orders} == {str(stage.integration_id), str(other.integration_id)}


@pytest.mark.timeout(150)
async def test_what_was_not_told_when_a_process_died_is_told_by_the_next(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, hold = tmp_path / "told.txt", tmp_path / "told.hold"
    monkeypatch.setenv(FILE, str(file))
    hold.touch()
    async with faked(sqlite_database, seed=goods(1), selling=True, run=False) as stage:
        with engine(sqlite_database, "filing=tests.support.observing:Filing") as killed:
            key = sell(stage)
            killed.start()
            await stage.until(lambda: unsent(stage, "filing"), SLOWLY)
            assert await stage.sql("select id from part where erp_key is not null"), "written with the key itself"
            killed.kill()
            assert not file.exists()
            hold.unlink()
            killed.start()
            await stage.until(lambda: all_told(stage), SLOWLY)
    assert file.read_text().split() == [key]


@pytest.mark.trap("engine.outbox-marked-after")
@pytest.mark.timeout(150)
async def test_what_was_taken_by_a_process_that_died_before_it_said_so_is_told_again_as_the_same_event(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, hold = tmp_path / "told.txt", tmp_path / "told.hold"
    monkeypatch.setenv(FILE, str(file))
    hold.touch()
    async with faked(sqlite_database, seed=goods(1), selling=True, run=False) as stage:
        stage.erp.switches.refuses = "Não"
        with engine(sqlite_database, "dying=tests.support.observing:Dying") as killed:
            key = sell(stage)
            killed.start()
            await stage.until(lambda: file.exists() and file.read_text().endswith("\n"), SLOWLY)
            killed.kill()
            hold.unlink()
            killed.start()
            await stage.until(lambda: all_told(stage), SLOWLY)
    first, *again = file.read_text().splitlines()
    assert first.startswith(f"order/{key} fake.422 ") and again == [first]


@pytest.mark.trap("engine.outbox-nobody")
@pytest.mark.parametrize("watchers", [{}, {"selling": Selling()}], ids=["nobody", "of-orders"])
async def test_nothing_is_written_that_nobody_wants_to_know(sqlite_database: str, watchers: dict[str, Selling]) -> None:
    async with faked(sqlite_database, seed=goods(1), observers=watchers) as stage:
        await stage.selling()
        stage.erp.switches.refuses = "Não"
        sell(stage, number=2)
        await stage.until(lambda: stage.waits("F00002", "fake.422"))
        stage.erp.switches.refuses = ""
        sell(stage)
        [entered_as] = await entered(stage, KEY)
        await stage.until(lambda: all_told(stage))
        assert [row.key for row in await stage.sql("select key from outbox")] == [f"imported/{KEY}/1/{entered_as.key}" for _ in watchers]
        lanes = await stage.sql("select name from lane where name like 'outbox%'")
        assert [row.name for row in lanes] == [f"outbox/observer/{name}" for name in watchers]


# ---- one that breaks or hangs ----


async def test_one_that_breaks_is_told_again_and_keeps_no_other(sqlite_database: str) -> None:
    broken, watching = Watching(), Watching()
    broken.takes = breaks
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"broken": broken, "watching": watching}) as stage:
        keys = await sold(stage, 3)
        await stage.until(lambda: len(watching.orders()) == 3)
        await stage.until(lambda: len(broken.heard) > 5)
        assert broken.taken == [] and len(await unsent(stage, "broken")) >= 3
        [error] = {row.error for row in await stage.sql("select error from outbox where error <> ''")}
        assert error == "RuntimeError", "its words may hold anything"
        broken.takes = None
        await stage.until(lambda: all_told(stage))
        assert sorted(broken.orders()) == sorted(f"order/{key}" for key in keys)
        assert len(watching.heard) == len(watching.taken), "nobody else was told again"


@pytest.mark.trap("engine.outbox-hangs")
async def test_one_that_hangs_keeps_nobody_and_is_told_again(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, watching, mended = Watching(), Watching(), asyncio.Event()

    hanging.takes = hangs(mended)
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"hanging": hanging, "watching": watching}) as stage:
        keys = await sold(stage, 2)
        await stage.until(lambda: len(watching.orders()) == 2)
        assert len(hanging.heard) == 1 and hanging.taken == []
        monkeypatch.setattr(observers, "TIMEOUT", 0.05)
        await stage.stop()  # what hangs now would do so for the old time
        stage.start()
        await stage.until(lambda: len(hanging.heard) > 4)
        assert any(row.error == "no answer within 0 s" for row in await stage.sql("select error from outbox"))
        mended.set()
        await stage.until(lambda: all_told(stage))
        assert set(hanging.orders()) == {f"order/{key}" for key in keys}


@pytest.mark.trap("engine.outbox-cancels-itself")
async def test_one_that_cancels_itself_has_not_taken_it(sqlite_database: str) -> None:
    """Its lane is not cancelled with it: that would be tried anew without a pause."""
    watching = Watching()

    async def cancels(what: str) -> None:
        raise asyncio.CancelledError

    watching.takes = cancels
    async with faked(sqlite_database, seed=goods(1), selling=True, delays=NEVER, observers={"watching": watching}) as stage:
        await sold(stage, 1)

        async def failed() -> bool:
            return bool(await stage.sql("select id from outbox where error = 'CancelledError'"))

        await stage.until(failed)
        assert [what for what, _ in watching.heard if what.startswith("order/")] == [f"order/{KEY}"]


@pytest.mark.trap("engine.outbox-passes", "engine.outbox-ill")
@pytest.mark.parametrize(
    "broken", [{"order/F00001"}, {"order/F00001", "order/F00002"}, {"order/F00001", "order/F00003"}], ids=["one", "two", "apart"]
)
async def test_one_message_that_breaks_holds_no_other_and_an_ill_observer_is_left_alone(sqlite_database: str, broken: set[str]) -> None:
    """Two failures in a row are the observer's."""
    watching = Watching()

    async def takes(what: str) -> None:
        if what in broken:
            raise RuntimeError

    watching.takes = hangs()
    async with faked(sqlite_database, seed=goods(1), selling=True, delays=NEVER, observers={"watching": watching}) as stage:
        await sold(stage, 4)
        await stage.stop()
        watching.heard.clear()
        watching.takes = takes
        stage.start()
        orders = [f"order/F0000{n}" for n in range(1, 5)]
        ill = broken == {"order/F00001", "order/F00002"}

        async def done() -> bool:
            held = await stage.sql("select not_before from lane where name = 'outbox/observer/watching' and lease is null")
            return bool(held and held[0].not_before) if ill else len(await unsent(stage, "watching")) == len(broken)

        await stage.until(done)
        heard = [what for what, _ in watching.heard]
        assert heard == (orders[:2] if ill else orders)
        assert watching.orders() == ([] if ill else [each for each in orders if each not in broken])


@pytest.mark.trap("engine.outbox-busy")
async def test_one_that_hangs_holds_few_slots_however_many_integrations_there_are(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "TOGETHER", 1)
    monkeypatch.setattr(observers, "TIMEOUT", 1000.0)
    hanging, gone = Watching(), asyncio.Event()

    hanging.takes = hangs(gone)
    monkeypatch.setattr(Stage, "slots", 3)  # of which one serves orders alone
    async with faked(sqlite_database, seed=goods(1), observers={"hanging": hanging}) as stage:
        await stage.activate()
        await stage.until(lambda: hanging.heard)
        async with neighbour(stage, "Outra loja", seed=goods(2)) as other:
            await other.selling()
            await other.until(lambda: unsent(other))

            async def waits_longer() -> bool:
                mine = "select tries from lane where integration_id = :id and name like 'outbox%'"
                [row] = await stage.sql(mine, id=other.integration_id)
                return row.tries > 2

            await other.until(waits_longer)
            assert len(hanging.heard) == 1
            gone.set()
            await stage.until(lambda: all_told(stage))


# ---- whose lane it is ----


@pytest.mark.trap("engine.outbox-held", "engine.outbox-was-told")
async def test_who_lost_the_lane_tells_nothing_more_and_what_it_told_is_not_told_again(sqlite_database: str) -> None:
    watching, gone = Watching(), asyncio.Event()

    watching.takes = hangs(gone)
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"watching": watching}) as stage:
        await sold(stage, 2)
        await stage.until(lambda: watching.heard)
        take(stage, "outbox/observer/watching")
        gone.set()
        await stage.until(lambda: watching.taken)
        await stage.until(lambda: not stage.runner.busy)
        assert len(watching.heard) == 1
        let_go(stage)
        await stage.until(lambda: all_told(stage))
        assert [what for what, _ in watching.heard] == ["order/F00001", "order/F00002"]


# ---- whatever state the integration is in ----


async def inactive(stage: Stage) -> None:
    await stage.store.writing(lambda c: trigger.deactivate(Scope(c, stage.tenant_id, stage.integration_id, 0.0)))


async def refused(stage: Stage) -> None:
    await stage.store.writing(lambda c: c.execute(sa.update(connection).values(health="reauth_required")))


async def untested(stage: Stage) -> None:
    await stage.store.writing(lambda c: c.execute(sa.update(connection).values(passed_revision=None)))


@pytest.mark.trap("engine.outbox-anyhow")
@pytest.mark.parametrize("becomes", [inactive, refused, untested])
async def test_what_happened_is_told_whatever_state_the_integration_is_in(sqlite_database: str, becomes: Callable[[Stage], Any]) -> None:
    watching = Watching()
    watching.takes = breaks
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"watching": watching}) as stage:
        await sold(stage, 1)
        await asleep(stage, KEY)
        await stage.until(lambda: watching.heard)
        await becomes(stage)
        watching.takes = None
        await stage.until(lambda: all_told(stage))
        assert watching.orders() == [f"order/{KEY}"]


async def put_away(stage: Stage) -> None:
    now = stage.clock.now().timestamp()
    await stage.store.writing(lambda c: archive.put_away(c, stage.tenant_id, stage.integration_id, now))


async def rows(stage: Stage) -> list[int]:
    return [row.id for row in await stage.sql("select id from integration order by id")]


@pytest.mark.trap("engine.outbox-archive-lanes", "engine.outbox-archive-waits")
async def test_what_an_archive_has_not_told_is_told_and_then_it_goes(sqlite_database: str) -> None:
    watching = Watching()
    watching.takes = breaks
    async with faked(sqlite_database, seed=goods(1), observers={"watching": watching}) as stage:
        await stage.selling()
        sell(stage)
        await entered(stage, KEY)
        await put_away(stage)
        for phase in ("invoiced", "shipped", "delivered"):
            stage.erp.progress(phase, None)

        async def delivered() -> bool:
            return (await stage.order(KEY)).state == "delivered"

        await stage.until(delivered)
        await asleep(stage, KEY)
        assert await rows(stage) == [stage.integration_id], "something is still to be told"
        watching.takes = None
        await stage.until(lambda: _gone(stage))
        assert watching.orders() == [f"order/{KEY}"]


@pytest.mark.trap("engine.outbox-archive-ends")
async def test_an_archive_that_tells_two_goes_when_the_last_is_told(sqlite_database: str) -> None:
    """The lane of the other may still be in hand, with nothing left to tell."""
    a, b, gone = Watching(), Watching(), asyncio.Event()

    a.takes = b.takes = hangs(gone)
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"a": a, "b": b}) as stage:
        await sold(stage, 1)
        await stage.until(lambda: a.heard and b.heard)
        await put_away(stage)
        for phase in ("invoiced", "shipped", "delivered"):
            stage.erp.progress(phase, None)
        await state(stage, KEY, "delivered")
        await asleep(stage, KEY)
        assert await rows(stage) == [stage.integration_id], "both are still being told"
        take(stage, "outbox/observer/b")  # it tells, marks, and then stands still
        gone.set()
        await stage.until(lambda: _gone(stage), 10.0)
        assert (a.orders(), b.orders()) == ([f"order/{KEY}"], [f"order/{KEY}"])


@pytest.mark.trap("engine.outbox-archive-kept")
async def test_an_archive_stays_while_a_person_may_ask_for_what_was_given_up(sqlite_database: str) -> None:
    watching, dead = Watching(), Watching()
    dead.takes = breaks
    hopeless = msgspec.structs.replace(SHORT, retry_first=0.01, retry_most=0.01, outbox_most=-1.0)
    both = {"watching": watching, "dead": dead}
    async with faked(sqlite_database, seed=goods(1), delays=hopeless, observers=both) as stage:
        await stage.selling()
        sell(stage)
        await entered(stage, KEY)
        await put_away(stage)
        for phase in ("invoiced", "shipped", "delivered"):
            stage.erp.progress(phase, None)

        async def left() -> bool:
            waits = await stage.sql("select id from outbox where sent_at is null and cause_id is null")
            return not waits and (await stage.order(KEY)).state == "delivered"

        await stage.until(left)
        await asleep(stage, KEY)
        await stage.until(lambda: not stage.runner.busy)
        assert await rows(stage) == [stage.integration_id]
        month = stage.clock.now().timestamp() + outbox.GIVEN_UP_KEPT + 1.0
        await stage.store.writing(lambda c: outbox.purge(c, month))  # what was told first
        stage.runner.poke()
        await stage.until(lambda: _gone(stage))


async def _gone(stage: Stage) -> bool:
    return not await rows(stage)


@pytest.mark.trap("engine.outbox-adopted")
async def test_who_adopts_the_orders_of_an_archive_tells_the_rest_too(database: str) -> None:
    watching = Watching()
    watching.takes = breaks
    async with faked(database, seed=goods(1), observers={"watching": watching}) as stage:
        await stage.selling()
        sell(stage)
        await entered(stage, KEY)
        await stage.until(lambda: watching.heard)
        await put_away(stage)
        [row] = await stage.sql("select erp_id, storefront_id from integration")
        kept = await stage.store.reading(lambda c: c.execute(sa.select(integration.c.options, integration.c.mapping)).one())
        options, mapping = msgspec.convert(kept.options, Options), msgspec.convert(kept.mapping, PairMapping)
        new = NewIntegration("outra", row.erp_id, row.storefront_id, options, mapping)
        made = await stage.store.writing(lambda c: config.create_integration(c, stage.tenant_id, new, 0.0))
        untold = len(await unsent(stage))
        await stage.store.writing(lambda c: archive.adopt(c, stage.tenant_id, made, stage.clock.now().timestamp()))
        assert await rows(stage) == [made] and len(await unsent(stage)) == untold > 0
        watching.takes = None
        stage.runner.poke()
        await stage.until(lambda: all_told(stage))
        assert watching.orders() == [f"order/{KEY}"]


# ---- who never listens ----


async def listed(stage: Stage) -> list[Any]:
    found = await stage.store.reading(lambda c: queue.listing(c, [stage.integration_id], Window(), queue.Filters()))
    return found.items


@pytest.mark.trap("engine.outbox-given-up", "engine.outbox-retried")
async def test_who_takes_nothing_for_days_is_given_up_in_words_until_a_person_asks(database: str) -> None:
    watching = Watching()
    watching.takes = breaks
    impatient = msgspec.structs.replace(SHORT, retry_first=0.01, retry_most=0.01, outbox_most=0.0)
    async with faked(database, seed=goods(1), delays=impatient, observers={"watching": watching}) as stage:
        await stage.selling()
        await sold(stage, 1)
        await stage.until(lambda: listed(stage))

        async def all_given_up() -> bool:
            return not await stage.sql("select id from outbox where sent_at is null and cause_id is null")

        await stage.until(all_given_up)
        heard = len(watching.heard)
        [cause] = await listed(stage)
        assert (cause.code, cause.owner, cause.messages) == ("outbox.given_up", "person", len(await unsent(stage)))
        assert "watching" in cause.text.pt and "watching" in cause.text.en
        await stage.until(lambda: not stage.runner.busy)
        assert len(watching.heard) == heard and watching.taken == []
        watching.takes = None
        asked = trigger.Retried(cause.id)
        now = stage.clock.now().timestamp()
        again = await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), asked))
        assert again == (cause.messages, cause.messages, False)
        stage.runner.poke()
        await stage.until(lambda: all_told(stage))
        assert watching.orders() == [f"order/{KEY}"] and await listed(stage) == []


@pytest.mark.trap("engine.outbox-patient")
async def test_however_old_it_is_a_first_failure_gives_nothing_up(sqlite_database: str) -> None:
    """engate itself may have been away for days."""
    watching = Watching()

    async def thrice(what: str) -> None:
        if len(watching.heard) <= 3:
            raise RuntimeError

    watching.takes = thrice
    old = msgspec.structs.replace(SHORT, retry_first=0.01, retry_most=0.01, outbox_most=-1.0)
    async with faked(sqlite_database, seed=goods(1), selling=True, delays=old, observers={"watching": watching}) as stage:
        await sold(stage, 1)
        await stage.until(watching.orders)
        assert len(watching.heard) == 4 and await listed(stage) == []


@pytest.mark.trap("engine.outbox-poison")
@pytest.mark.parametrize("poisoned", [1, 2])
async def test_messages_that_always_break_are_given_up_alone(sqlite_database: str, poisoned: int) -> None:
    """However old those beside them are, as after days in which engate was away: they are told."""
    watching = Watching()
    broken = {f"order/F0000{n}" for n in range(1, poisoned + 1)}

    async def takes(what: str) -> None:
        if what in broken:
            raise RuntimeError

    watching.takes = hangs()
    hasty = msgspec.structs.replace(SHORT, retry_first=0.01, retry_most=0.01, outbox_most=-1.0)
    async with faked(sqlite_database, seed=goods(1), selling=True, delays=hasty, observers={"watching": watching}) as stage:
        await sold(stage, 4)
        await stage.stop()
        watching.takes = takes
        stage.start()

        async def given_up() -> bool:
            return len(await stage.sql("select id from outbox where cause_id is not null")) == poisoned

        await stage.until(given_up)
        await stage.until(lambda: len(watching.orders()) == 4 - poisoned)
        assert await stage.sql("select id from outbox where cause_id is null and sent_at is null") == []
        assert {row.key.split("/")[1] for row in await stage.sql("select key from outbox where cause_id is not null")} == {
            each.removeprefix("order/") for each in broken
        }


# ---- attention ----


@pytest.mark.trap("engine.outbox-found")
async def test_an_order_that_a_listing_brings_back_is_told_of(sqlite_database: str) -> None:
    """The ERP took it, the answer was lost, and its listing shows our reference."""
    watching = Watching()
    patient = msgspec.structs.replace(SHORT, settles_within=3600.0)
    settings: dict[str, dict[str, object]] = {"fake_erp": {"search": False}}
    seen = {"watching": watching}
    async with faked(sqlite_database, seed=goods(1), settings=settings, delays=patient, selling=True, observers=seen) as stage:
        stage.erp.faults.set([Fault("500_applied", "POST /orders", times=1)])
        sell(stage)
        [order] = await entered(stage, KEY)
        await asleep(stage, KEY)
        await stage.until(lambda: all_told(stage))
        assert [(what, more) for what, more in watching.taken if what.startswith("order/")] == [(f"order/{KEY}", [order.key])]


@pytest.mark.trap("engine.outbox-forbidden")
async def test_an_order_that_lacks_a_permission_is_told_of(sqlite_database: str) -> None:
    watching, rights = Watching(), Rights()
    rights.lacking.add("find_order")
    async with faked(sqlite_database, seed=goods(1), manifests=pair(rights), observers={"watching": watching}) as stage:
        await stage.selling()
        sell(stage)
        await stage.until(watching.attention)
        assert [(what, cause) for what, cause, _ in watching.attention()] == [(f"order/{KEY}", "forbidden")]


async def failures(stage: Stage, key: str) -> int:
    """How often in a row the lane of this order has failed."""
    rows = await stage.sql("select tries from lane where name = :name and lease is null", name=f"order/{key}")
    return rows[0].tries if rows else 0


@pytest.mark.trap("engine.outbox-once")
@pytest.mark.parametrize("how", ["forbidden", "failing"])
async def test_what_an_order_waits_for_is_told_once_however_often_it_is_tried(sqlite_database: str, how: str) -> None:
    """Each try looks at the order anew, and for a moment it waits for nothing."""
    watching, rights = Watching(), Rights()
    delays = msgspec.structs.replace(SHORT, retry_first=0.01, retry_most=0.05)
    seen = {"watching": watching}
    async with faked(sqlite_database, seed=goods(1), manifests=pair(rights), delays=delays, observers=seen) as stage:
        await stage.selling()
        if how == "forbidden":
            rights.lacking.add("find_order")
        else:
            stage.erp.faults.set([Fault("500", "GET /orders", times=1_000_000)])
        sell(stage)
        await stage.until(watching.attention)

        async def tried() -> bool:
            return await failures(stage, KEY) >= 7

        await stage.until(tried)
        await stage.until(lambda: all_told(stage))
        assert len(watching.attention()) == 1
        rights.lacking.clear()
        stage.erp.faults.set([])
        await entered(stage, KEY)
        await asleep(stage, KEY)
        assert len(watching.attention()) == 1
        [row] = await stage.sql("select told_cause from shop_order")
        assert row.told_cause is None, "it is over: the next time is another event"


@pytest.mark.trap("engine.outbox-event")
async def test_the_same_order_may_wait_for_the_same_reason_again(sqlite_database: str) -> None:
    """Each time it is told of, as an event of its own."""
    watching = Watching()
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"watching": watching}) as stage:
        stage.erp.switches.refuses = "Não"
        sell(stage)
        await stage.until(lambda: len(watching.attention()) == 1)
        await asleep(stage, KEY)
        await stage.retry_order(KEY)
        await stage.until(lambda: len(watching.attention()) == 2)
        assert {(what, cause) for what, cause, _ in watching.attention()} == {(f"order/{KEY}", "fake.422")}
        assert len({which for *_, which in watching.attention()}) == 2


@pytest.mark.trap("engine.outbox-mapping")
async def test_an_order_that_cannot_be_split_is_told_of(sqlite_database: str) -> None:
    watching = Watching()

    def unpaid(pair: PairMapping) -> PairMapping:
        return msgspec.structs.replace(pair, payments=())

    async with faked(sqlite_database, seed=goods(1), mapping=unpaid, observers={"watching": watching}) as stage:
        await stage.selling()
        sell(stage)
        await stage.until(watching.attention)
        row = await stage.order(KEY)
        assert [(what, cause) for what, cause, _ in watching.attention()] == [(f"order/{KEY}", row.cause)]


@pytest.mark.trap("engine.outbox-observer-hangs")
async def test_one_that_hangs_is_no_platforms_fault(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = Watching()

    hanging.takes = hangs()
    monkeypatch.setattr(observers, "TIMEOUT", 1000.0)
    soon = msgspec.structs.replace(SHORT, slow_after=0.2)
    async with faked(sqlite_database, seed=goods(1), delays=soon, observers={"hanging": hanging}) as stage:
        await stage.activate()

        async def shown() -> bool:
            [row] = await stage.sql("select trouble_of from lane where name = 'outbox/observer/hanging'") or [None]
            return row is not None and row.trouble_of is not None

        await stage.until(shown)
        [row] = await stage.sql("select trouble_of, trouble from lane where name = 'outbox/observer/hanging'")
        assert row.trouble_of == health.NOBODY and "extens" in str(row.trouble)
        assert {row.health for row in await stage.sql("select health from connection")} == {"ok"}


async def test_who_is_told_while_an_integration_is_switched_off_is_told_once(sqlite_database: str) -> None:
    watching, gone = Watching(), asyncio.Event()

    watching.takes = hangs(gone)
    async with faked(sqlite_database, seed=goods(1), selling=True, observers={"watching": watching}) as stage:
        await sold(stage, 1)
        await stage.until(lambda: watching.heard)
        await stage.store.writing(lambda c: links.stop(Scope(c, stage.tenant_id, stage.integration_id, 0.0)))
        await inactive(stage)
        assert [row.name for row in await stage.sql("select name from lane where cancel and name like 'outbox%'")] == []
        gone.set()
        await stage.until(lambda: all_told(stage))
        assert [what for what, _ in watching.heard] == [f"order/{KEY}"]


@pytest.mark.trap("engine.outbox-records")
async def test_what_an_operation_of_the_storefront_refuses_is_told_of(sqlite_database: str) -> None:
    watching = Watching()
    bulk: dict[str, dict[str, object]] = {"fake_shop": {"bulk": ["stock"], "ask_after": 0.05}}
    async with faked(sqlite_database, seed=goods(3), settings=bulk, observers={"watching": watching}) as stage:
        refuses = sorted(f"{sku.key}@1" for sku in stage.erp.state())[0]
        stage.shop.switches.refuses = frozenset({refuses})
        await stage.activate()
        await stage.until(watching.attention)
        assert [(what, cause) for what, cause, _ in watching.attention()] == [(f"stock/{refuses}", "fake.line")]


async def test_however_many_records_are_refused_they_are_written_at_once(sqlite_database: str) -> None:
    watching, many = Watching(), 40
    bulk: dict[str, dict[str, object]] = {"fake_shop": {"bulk": ["stock"], "ask_after": 0.05}}
    async with faked(sqlite_database, seed=goods(many), settings=bulk, observers={"watching": watching}) as stage:
        refused = sorted(f"{sku.key}@1" for sku in stage.erp.state())
        stage.shop.switches.refuses = frozenset(refused)
        written: list[str] = []

        def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("INSERT INTO outbox") and "on_attention" in str(parameters):
                written.append(statement)

        event.listen(stage.store.engine, "before_cursor_execute", hear)
        await stage.activate()
        await stage.until(lambda: len(watching.attention()) == many)
        assert sorted(what for what, *_ in watching.attention()) == [f"stock/{each}" for each in refused]
        assert len(written) < 5
