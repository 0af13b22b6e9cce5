"""The stage of our own tests: the public one (`engate.testing.stage`), by names, and with pairs whose first load is copied."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from tests.support.loaded import LOADED, Loaded, kept

from engate.clock import Clock
from engate.plugins import Manifest
from engate.sync.work import Delays
from engate.testing import stage as public
from engate.testing.stage import PATIENCE, SHORT, OrderRow, Pair, Side, Stage, couple, installed, merged_mapping, played, side

__all__ = ["PATIENCE", "SHORT", "OrderRow", "Pair", "Side", "Stage", "couple", "faked", "merged_mapping", "neighbour", "side", "staged"]


@asynccontextmanager
async def staged(
    url: str,
    *,
    erp_name: str = "winthor",
    shop_name: str = "vtex",
    manifests: tuple[Manifest, ...] = (),
    run: bool = True,
    runners: int = 1,
    selling: bool = False,
    **more: Any,
) -> AsyncGenerator[Stage]:
    """`manifests`: in the place of those of the same key (`engate.testing.fakes.lacking`). `selling`: as after `Stage.selling()`; on SQLite
    that is a copy of a pair that was loaded once, by the platforms as they are. `more`: of the public `staged`."""
    others = {manifest.key: manifest for manifest in manifests}
    sides = [each._replace(manifest=others.get(each.manifest.key, each.manifest)) for each in (side(erp_name), side(shop_name))]
    runners = runners if run else 0
    if selling and url.startswith("sqlite") and "mapping" not in more:
        async with _copied(url, sides, runners, more) as stage:
            yield stage
        return
    async with public.staged(url, erp=sides[0], shop=sides[1], runners=runners, **more) as stage:
        if selling:
            await stage.selling()
        yield stage


@asynccontextmanager
async def _copied(url: str, sides: list[Side], runners: int, more: dict[str, Any]) -> AsyncGenerator[Stage]:
    """Of what the load depends on, a copy is made of that; the rest is this test's own."""
    given = {name: more.pop(name, None) for name in ("seed", "options", "settings")}
    delays: Delays = more.pop("delays", SHORT)
    clock: Clock | None = more.pop("clock", None)
    loaded = await _loaded((sides[0].manifest.key, sides[1].manifest.key), {**given, "delays": delays})
    boxes = loaded.copied(url)
    async with boxes[0].listening(), boxes[1].listening(), installed(url, [each.manifest for each in sides], clock, **more) as registry:
        await registry.store.writing(lambda c: loaded.moved(c, boxes, given["settings"] or {}))
        made = Stage(registry, *boxes, (loaded.tenant_id, loaded.integration_id), delays)
        assert await made.flows() == loaded.flows, "the manifests of this test offer others: call stage.selling()"
        async with played(made, runners) as stage:
            yield stage


async def _loaded(pair: tuple[str, str], given: dict[str, Any]) -> Loaded:
    made_of = (pair, msgspec.json.encode(given))
    if made_of not in LOADED:
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'loaded.db'}"
            how = {name: value for name, value in given.items() if value is not None}
            async with public.staged(url, erp=pair[0], shop=pair[1], **how) as first:
                await first.selling()
                flows = await first.flows()
            LOADED[made_of] = kept(url, (first.erp, first.shop), (first.tenant_id, first.integration_id), flows)
    return LOADED[made_of]


@asynccontextmanager
async def faked(url: str, **more: Any) -> AsyncGenerator[Stage]:
    """With the fake pair: `stage.erp.switches` and `stage.shop.switches` say how they behave."""
    async with staged(url, erp_name="fake_erp", shop_name="fake_shop", **more) as stage:
        yield stage


@asynccontextmanager
async def neighbour(
    stage: Stage, name: str, *, seed: Any, erp_name: str = "fake_erp", shop_name: str = "fake_shop"
) -> AsyncGenerator[Stage]:
    """Another tenant of the same installation, whose lanes the same runners work on."""
    sides = [side(erp_name), side(shop_name)]
    for each in sides:
        if each.manifest.key not in stage.registry.platforms:
            stage.registry.add(each.manifest)
    left, right = (each.sandbox(limits=False) for each in sides)
    async with left.listening() as erp, right.listening() as shop:
        erp.seed(seed)
        other = Stage(stage.registry, erp, shop, await couple(stage.registry, name, Pair(erp, shop)), stage.delays)
        other.runner = stage.runner
        yield other
