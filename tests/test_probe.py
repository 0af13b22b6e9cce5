"""Looking after the two accounts of an integration: what the plugin learns of them, what no longer works, where the platform calls."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.stage import SHORT, Stage, faked

OFTEN = msgspec.structs.replace(SHORT, probe_every=0.4, probe_again=0.2)
SOON = 10.0
HERE = "https://engate.example.com"


async def health(stage: Stage, platform: str = "fake_shop") -> Any:
    return (await stage.sql("select health, health_cause from connection where platform = :platform", platform=platform))[0]


async def is_well(stage: Stage) -> bool:
    return (await health(stage)).health == "ok"


async def is_degraded(stage: Stage) -> bool:
    return (await health(stage)).health == "degraded"


async def facts(stage: Stage) -> Any:
    row = (await stage.sql("select facts from connection where platform = 'fake_shop'"))[0]
    return msgspec.json.decode(row.facts) if isinstance(row.facts, str) else row.facts


@pytest.mark.trap("engine.facts-rebuild", "engine.facts-wake")
async def test_what_an_account_can_do_follows_from_what_is_learnt_of_it(database: str) -> None:
    """A plan without images; then somebody buys another one: no restart, no change of settings, no person asks."""
    async with faked(database, seed=goods(2), delays=OFTEN) as stage:
        stage.shop.switches.plan = "basic"
        await stage.activate()

        async def is_basic() -> bool:
            return await facts(stage) == {"plan": "basic"}

        async def sleeps() -> bool:
            return bool(await stage.sql("select id from lane where name = 'read/images' and due_at is null and lease is null"))

        await stage.until(is_basic, SOON)
        coupling = await stage.registry.coupling(stage.integration_id)
        assert coupling.unavailable["push_images"].en == "The basic plan has no images."
        await stage.resync(["images"])
        await stage.until(sleeps, SOON)
        stage.shop.held.pop("image", None)
        await stage.store.writing(lambda c: c.exec_driver_sql("delete from record where kind = 'image'"))
        stage.shop.switches.plan = "plus"
        await stage.until(lambda: len(stage.shop.held.get("image", {})) == 2, SOON)
        assert await facts(stage) == {"plan": "plus"}
        assert await stage.sql("select revision from connection where revision <> 1") == [], "no new test is needed"


@pytest.mark.trap("engine.probe-shows")
async def test_a_line_that_fails_is_the_health_until_it_passes(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=OFTEN, selling=True) as stage:
        stage.shop.switches.scope = False
        await stage.until(lambda: is_degraded(stage), SOON)
        said = msgspec.json.decode((await health(stage)).health_cause)
        assert (said["code"], said["text"]["pt"]) == ("scope", "Falta o direito de alterar pedidos.")
        assert (await stage.sql("select passed from connection where platform = 'fake_shop'"))[0].passed, "it stays connected"
        stage.shop.switches.scope = True
        await stage.until(lambda: is_well(stage), SOON)
        assert (await health(stage)).health_cause in (None, "null")


@pytest.mark.trap("engine.probe-installs")
async def test_a_subscription_that_was_lost_is_made_again(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=OFTEN) as stage:
        stage.registry.public_url = HERE
        await stage.activate()
        await stage.until(lambda: set(stage.shop.hooks) == {"orders", "stock"}, SOON)
        address = stage.shop.hooks["orders"]
        assert address.startswith(f"{HERE}/in/")
        stage.shop.hooks.clear()
        await stage.until(lambda: stage.shop.hooks.get("orders") == address, SOON)


async def test_whoever_tested_by_hand_has_looked_for_today(sqlite_database: str) -> None:
    """The first probe after an activation asks nothing of the platform that the test has not answered."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:

        async def planned() -> bool:
            rows = await stage.sql("select due_at from lane where name like 'probe/%' and lease is null")
            return len(rows) == 2 and all(row.due_at > stage.clock.now().timestamp() + 80_000 for row in rows)

        await stage.until(planned)
        assert "GET /me" not in stage.shop.counts.by_operation
