"""Operations that outlast the call that began them: nothing is submitted twice, every line has its outcome, and nobody waits for ever."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.engine import engine
from tests.support.goods import goods
from tests.support.stage import SHORT, Stage, faked
from tests.test_guards import let_go, take

from engate import NotYet, Unavailable, Unknown, batch
from engate.model import Check
from engate.operations import links
from engate.store import config
from engate.testing.facts import Change, Fault
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import lacking
from engate.text import Text

BULK: dict[str, dict[str, object]] = {"fake_shop": {"bulk": ["stock"], "ask_after": 0.05}}


async def records(stage: Stage, kind: str = "stock") -> dict[str, Any]:
    rows = await stage.sql(
        "select r.key, r.state, r.operation_id, r.answer, c.code from record r left join cause c on c.id = r.cause_id where r.kind = :kind",
        kind=kind,
    )
    return {row.key: row for row in rows}


async def operations(stage: Stage) -> list[Any]:
    return await stage.sql("select * from operation")


async def under_way(stage: Stage) -> bool:
    return bool(await operations(stage))


async def asked_again(stage: Stage, times: int) -> None:
    """So often what became of its operation."""
    asked = stage.shop.counts.by_operation["GET /bulk/{ticket}"]
    before = asked["200"]
    await stage.until(lambda: asked["200"] > before + times)


def submitted(stage: Stage) -> list[list[tuple[str, float]]]:
    """The lines of each operation: (key, quantity)."""
    return [[(line["key"], float(line["want"]["quantity"])) for line in lines] for _, lines in stage.shop.operated.values()]


async def restock(stage: Stage, quantity: int) -> None:
    stage.erp.change([Change(sku.key, stock={"1": quantity}) for sku in stage.erp.state()])
    await stage.resync(["stock"], full=False)


@pytest.mark.trap("engine.operation-kept")
async def test_a_load_as_one_operation_settles_line_by_line(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(12), settings=BULK) as stage:
        await stage.activate()
        await stage.until(lambda: stage.shop.state() and all(sku.visible for sku in stage.shop.state()), 10)
        await stage.quiet()
        assert [len(lines) for lines in submitted(stage)] == [12], "one operation, submitted once"
        assert {row.state for row in (await records(stage)).values()} == {"settled"}
        assert await operations(stage) == [] and {row.operation_id for row in (await records(stage)).values()} == {None}


@pytest.mark.trap("engine.operation-rest")
async def test_each_line_has_its_own_outcome_and_what_is_not_told_is_unknown(sqlite_database: str) -> None:
    slow = msgspec.structs.replace(SHORT, unknown_after=3600.0)
    async with faked(sqlite_database, seed=goods(6), settings=BULK, delays=slow) as stage:
        keys = sorted(f"{sku.key}@1" for sku in stage.erp.state())
        stage.shop.switches.refuses, stage.shop.switches.drops = frozenset(keys[:1]), frozenset(keys[1:3])
        await stage.activate()

        async def told() -> bool:
            asked = stage.shop.counts.by_operation.get("GET /bulk/{ticket}/lines")
            return bool(asked) and not await operations(stage)

        await stage.until(told, 10)
        rows = await records(stage)
        assert (rows[keys[0]].state, rows[keys[0]].code) == ("waiting", "fake.line")
        assert [rows[key].state for key in keys[1:3]] == ["sent", "sent"]
        assert "no outcome" in rows[keys[1]].answer or "no result" in rows[keys[1]].answer
        assert [rows[key].state for key in keys[3:]] == ["settled"] * 3
        assert len(submitted(stage)) == 1, "the unknown ones are not sent again before their time"


@pytest.mark.trap("engine.operation-claims")
async def test_a_wish_that_changes_meanwhile_waits_until_the_operation_is_over(sqlite_database: str) -> None:
    hasty = msgspec.structs.replace(SHORT, unknown_after=0.1)
    async with faked(sqlite_database, seed=goods(3), settings=BULK, delays=hasty, selling=True) as stage:
        before = {sku.key: sku.stock for sku in stage.shop.state()}
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: under_way(stage))
        await asked_again(stage, 10)  # long after a push without an answer would have gone again
        await restock(stage, 9)
        await asked_again(stage, 10)
        assert [quantity for _, quantity in submitted(stage)[-1]] == [8.0] * 3 and len(submitted(stage)) == 2
        assert {sku.key: sku.stock for sku in stage.shop.state()} == before, "nothing went by calls beside the operation"
        stage.shop.switches.works = True
        await stage.until(lambda: all(sku.stock == {"main": 9} for sku in stage.shop.state()))
        await stage.quiet()
        assert [quantity for _, quantity in submitted(stage)[-1]] == [9.0] * 3 and len(submitted(stage)) == 3


async def test_an_operation_survives_a_restart(database: str) -> None:
    async with faked(database, seed=goods(3), settings=BULK, selling=True) as stage:
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: under_way(stage))
        await stage.stop()
        stage.shop.switches.works = True
        stage.start()
        await stage.until(lambda: all(sku.stock == {"main": 8} for sku in stage.shop.state()))
        await stage.quiet()
        assert len(submitted(stage)) == 2, "the first load and this one"


@pytest.mark.trap("engine.operation-endless")
async def test_an_operation_that_never_ends_is_given_up_in_words(sqlite_database: str) -> None:
    delays = msgspec.structs.replace(SHORT, operation_most=0.5, unknown_after=3600.0)
    async with faked(sqlite_database, seed=goods(2), settings=BULK, delays=delays) as stage:
        stage.shop.switches.works = False
        await stage.activate()

        async def given_up() -> bool:
            return bool(submitted(stage)) and all(row.answer for row in (await records(stage)).values())

        await stage.until(given_up, 8)
        rows = (await records(stage)).values()
        assert {row.state for row in rows} == {"sent"} and all("did not end the operation bulk-1" in row.answer for row in rows)
        assert {row.operation_id for row in rows} == {None}, "they are looked at and sent again like every push of unknown effect"


async def test_what_was_given_up_goes_again_as_uncertain(sqlite_database: str) -> None:
    delays = msgspec.structs.replace(SHORT, operation_most=0.2, unknown_after=0.2)
    async with faked(sqlite_database, seed=goods(1), settings=BULK, delays=delays) as stage:
        stage.shop.switches.works = False
        await stage.activate()
        await stage.until(lambda: len(submitted(stage)) >= 2)
        stage.shop.switches.works = True
        await stage.until(lambda: [sku.visible for sku in stage.shop.state()] == [True])


@pytest.mark.trap("engine.operation-held")
async def test_who_lost_the_lane_of_an_operation_stores_nothing_of_its_answer(sqlite_database: str) -> None:
    stages: list[Stage] = []
    stolen: list[str] = []

    async def check_stock(self: FakeShop, ticket: str, batch: Any) -> float | None:
        seconds = await FakeShop.check_stock(self, ticket, batch)
        if stages and seconds is None and not stolen:
            [row] = await stages[0].sql("select name from lane where name like 'check/%' and lease is not null")
            stolen.append(row.name)
            take(stages[0], row.name)
        return seconds

    async with faked(sqlite_database, seed=goods(2), settings=BULK, manifests=(lacking(FAKE_SHOP, check_stock=check_stock),)) as stage:
        await stage.selling()
        stages.append(stage)
        await restock(stage, 8)
        await stage.until(lambda: stolen)
        await stage.until(lambda: not stage.runner.busy)
        assert {row.state for row in (await records(stage)).values()} == {"sent"} and await operations(stage)
        let_go(stage)
        await stage.quiet()
        assert {row.state for row in (await records(stage)).values()} == {"settled"}
        assert len(submitted(stage)) == 2


@pytest.mark.trap("engine.operation-asked-held")
async def test_who_lost_the_lane_of_an_operation_does_not_even_ask(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), settings=BULK, selling=True) as stage:
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: under_way(stage))
        [row] = await operations(stage)
        await stage.stop()
        name = f"check/stock/{row.id}"
        asked = stage.shop.counts.by_operation["GET /bulk/{ticket}"]["200"]
        finding = stage.store.reading

        async def found_and_lost(work: Any) -> Any:
            answer = await finding(work)
            if await finding(lambda c: c.execute(sa.text("select 1 from lane where name = :n and lease is not null"), {"n": name}).first()):
                take(stage, name)
            return answer

        stage.store.reading = found_and_lost  # type: ignore[method-assign]
        stage.start()

        async def is_stolen() -> bool:
            return bool(await stage.sql("select id from lane where name = :name and lease = 'thief'", name=name))

        await stage.until(is_stolen)
        await stage.until(lambda: not stage.runner.busy)
        assert stage.shop.counts.by_operation["GET /bulk/{ticket}"]["200"] == asked
        stage.store.reading = finding  # type: ignore[method-assign]


async def test_lines_that_were_reported_before_a_check_failed_stay_settled(sqlite_database: str) -> None:
    failing: list[str] = []

    async def check_stock(self: FakeShop, ticket: str, batch: Any) -> float | None:
        if failing or len(batch.items) < 2:
            return await FakeShop.check_stock(self, ticket, batch)
        failing.append(ticket)
        batch.accepted(batch.items[0], "stock-1")
        raise Unavailable(Text("caiu", "down"))

    async with faked(sqlite_database, seed=goods(2), settings=BULK, manifests=(lacking(FAKE_SHOP, check_stock=check_stock),)) as stage:
        await stage.activate()
        await stage.until(lambda: failing)
        await stage.until(lambda: all(sku.visible for sku in stage.shop.state()) and stage.shop.state())
        await stage.quiet()
        assert len(submitted(stage)) == 1 and {row.state for row in (await records(stage)).values()} == {"settled"}


@pytest.mark.trap("engine.operation-unchecked")
async def test_a_plugin_that_defers_what_it_cannot_ask_for_leaves_a_doubt(sqlite_database: str) -> None:
    slow = msgspec.structs.replace(SHORT, unknown_after=3600.0)
    manifest = lacking(FAKE_SHOP, "check_stock")
    async with faked(sqlite_database, seed=goods(2), settings=BULK, delays=slow, manifests=(manifest,)) as stage:
        await stage.activate()
        await stage.until(lambda: submitted(stage))

        async def said() -> bool:
            return all("check_stock" in (row.answer or "") for row in (await records(stage)).values())

        await stage.until(said, 8)
        assert await operations(stage) == [] and {row.state for row in (await records(stage)).values()} == {"sent"}


@pytest.mark.trap("engine.operation-after-failure")
async def test_a_ticket_counts_even_if_the_push_fails_after_it(sqlite_database: str) -> None:
    async def push_stock(self: FakeShop, batch: Any) -> None:
        await FakeShop.push_stock(self, batch)
        raise Unknown(Text("?", "?"))

    async with faked(sqlite_database, seed=goods(2), settings=BULK, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.activate()
        await stage.until(lambda: all(sku.visible for sku in stage.shop.state()) and stage.shop.state())
        await stage.quiet()
        assert len(submitted(stage)) == 1


async def test_an_operation_goes_on_while_the_integration_is_switched_off(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), settings=BULK, selling=True) as stage:
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: under_way(stage))
        await stage.store.writing(lambda c: c.execute(sa.text("update integration set active = false")))
        stage.shop.switches.works = True

        async def over() -> bool:
            return not await operations(stage)

        await stage.until(over, 10)
        assert {row.state for row in (await records(stage)).values()} == {"settled"}


# ---- kill -9 ----


SLOWLY = 60.0
"""Seconds: a process of its own has to start first."""


@pytest.mark.timeout(150)
async def test_an_operation_survives_kill_9_and_is_submitted_once(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), settings=BULK, run=False) as stage:
        with engine(sqlite_database) as killed:
            stage.shop.switches.works = False
            await stage.activate()
            killed.start()
            await stage.until(lambda: under_way(stage), SLOWLY)
            killed.kill()
            stage.shop.switches.works = True
            killed.start()
            await stage.until(lambda: stage.shop.state() and all(sku.visible for sku in stage.shop.state()), SLOWLY)
            await stage.quiet()
    assert len(submitted(stage)) == 1


@pytest.mark.timeout(150)
async def test_killed_between_submission_and_ticket_its_records_are_of_unknown_effect(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), settings=BULK, run=False) as stage:
        with engine(sqlite_database) as killed:
            stage.shop.faults.set([Fault("timeout_applied", "POST /bulk/{kind}", milliseconds=15_000)])
            await stage.activate()
            killed.start()
            await stage.until(lambda: submitted(stage), SLOWLY)
            killed.kill()
            assert await operations(stage) == [] and {row.state for row in (await records(stage)).values()} == {"sent"}
            killed.start()
            await stage.until(lambda: stage.shop.state() and all(sku.visible for sku in stage.shop.state()), SLOWLY)
            await stage.quiet()
    assert len(submitted(stage)) == 2, "nobody knew of the first: it was sent again as uncertain"


# ---- beside an operation ----


class Loads:
    """A fake shop that takes stock in batches of 4, or of 12 as an operation; what each batch was."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, bool]] = []

        @batch(max=4, bulk=12)
        async def push_stock(shop: FakeShop, batch: Any) -> None:
            self.sizes.append((len(batch.items), batch.may_defer))
            if batch.may_defer:
                await FakeShop.push_stock(shop, batch)
            else:
                await FakeShop._put(shop, "stock", batch)

        self.manifest = lacking(FAKE_SHOP, push_stock=push_stock)


@pytest.mark.trap("engine.operation-beside", "engine.operation-bulk")
async def test_what_comes_beside_a_load_goes_by_calls_of_its_own(sqlite_database: str) -> None:
    """The first batch may be large and one operation; while that is under way the next ones are small and begin no other."""
    loads = Loads()
    async with faked(sqlite_database, seed=goods(20), settings=BULK, manifests=(loads.manifest,)) as stage:
        await stage.selling()
        loads.sizes.clear()
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: sum(size for size, _ in loads.sizes) == 20)
        assert loads.sizes == [(12, True), (4, False), (4, False)]
        await stage.until(lambda: sum(sku.stock == {"main": 8} for sku in stage.shop.state()) == 8)
        assert len(await operations(stage)) == 1
        stage.shop.switches.works = True
        await stage.until(lambda: all(sku.stock == {"main": 8} for sku in stage.shop.state()))
        loads.sizes.clear()
        await restock(stage, 9)
        await stage.until(lambda: loads.sizes)
        assert loads.sizes[0] == (12, True), "the next load may be one operation again"


@pytest.mark.trap("engine.operation-not-yet")
async def test_what_was_too_much_for_an_operation_goes_when_it_is_over(sqlite_database: str) -> None:
    """With pauses of an hour between tries."""
    pieces: list[int] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        whole, batch.items = batch.items, batch.items[:2]
        pieces.append(len(batch.items))
        for item in whole[2:]:
            batch.failed(item, NotYet(Text("Ainda não.", "Not yet.")))
        await FakeShop.push_stock(self, batch)
        batch.items = whole

    patient = msgspec.structs.replace(SHORT, retry_first=3600.0, retry_most=3600.0, unknown_after=3600.0)
    manifests = (lacking(FAKE_SHOP, push_stock=push_stock),)
    async with faked(sqlite_database, seed=goods(5), settings=BULK, delays=patient, manifests=manifests) as stage:
        await stage.selling()
        assert pieces == [2, 2, 1] and len(submitted(stage)) == 3


@pytest.mark.trap("engine.operation-gathers")
async def test_what_is_new_waits_for_the_next_operation(sqlite_database: str) -> None:
    loads = Loads()
    async with faked(sqlite_database, seed=goods(20), settings=BULK, manifests=(loads.manifest,)) as stage:
        await stage.selling()
        assert {may_defer for _, may_defer in loads.sizes} == {True}
        assert sum(size for size, _ in loads.sizes) == 20


@pytest.mark.trap("engine.operation-untested")
async def test_an_operation_goes_on_when_the_changed_connection_has_passed_its_test(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), settings=BULK, selling=True) as stage:
        stage.shop.switches.works = False
        await restock(stage, 8)
        await stage.until(lambda: under_way(stage))
        changed = "update connection set revision = revision + 1 where id in (select storefront_id from integration)"
        await stage.store.writing(lambda c: c.execute(sa.text(changed)))
        stage.runner.poke()
        await stage.until(lambda: stage.sql("select id from lane where name like 'check/%' and lease is null and not_before > 0"))
        stage.shop.switches.works = True
        await stage.store.writing(lambda c: passes(c, stage))
        stage.runner.poke()
        await stage.until(lambda: all(sku.stock == {"main": 8} for sku in stage.shop.state()))


def passes(c: sa.Connection, stage: Stage) -> None:
    """The test of the storefront's connection, as the API stores it."""
    id, revision, now = *c.execute(sa.text(STOREFRONT)).one(), stage.clock.now().timestamp()
    config.tested(c, id, revision, config.Tested([Check("login", True, Text("", ""))]), now)
    links.revive(c, stage.tenant_id, [stage.integration_id], now)


STOREFRONT = "select c.id, c.revision from connection c join integration i on i.storefront_id = c.id"
