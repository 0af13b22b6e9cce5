"""The public stage (`engate.testing.stage`), as an author of a plugin uses it: on two platforms that no installation knows."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engate.clock import ManualClock
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.errors import Invalid
from engate.model import Problem
from engate.testing import conformance
from engate.testing.facts import Description
from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fakes import FAKE_ERP, SANDBOXES, lacking
from engate.testing.goods import goods, sale
from engate.testing.stage import GROUP, Side, Waiting, side, staged
from engate.text import Text


async def test_a_plugin_is_coupled_by_its_manifest_to_a_partner_that_need_not_be_named(tmp_path: Path) -> None:
    """A catalogue there, an order back."""
    erp = Side(lacking(FAKE_ERP, "list_images"), SANDBOXES["fake_erp"])
    async with staged(f"sqlite:///{tmp_path}/engate.db", erp=erp, seed=goods(3)) as stage:
        assert "images" not in await stage.flows() and "orders" in await stage.flows()
        await stage.selling()
        assert await stage.waiting() == []
        sku = stage.erp.state()[0]
        [key] = stage.shop.sell([sale(1, (sku.key, 2, str(sku.price)))]).values()
        await stage.until(lambda: [order for order in stage.erp.orders() if order.storefront_key == key])
        await stage.until(lambda: stage.shop.placed[key].state == "handling")
        assert (await stage.order(key)).cause is None
        assert (await stage.order("unknown")).state == ""


async def test_what_waits_is_told_with_its_reason(tmp_path: Path) -> None:
    async with staged(f"sqlite:///{tmp_path}/engate.db", seed=goods(2)) as stage:
        why = Problem("erp.name", Text("Sem nome.", "No name."), Text("Preencha o nome.", "Fill in the name."))
        stage.erp.put("product", msgspec.structs.replace(stage.erp.doc("product", "1001"), problems=(why,)))
        await stage.activate()
        await stage.until(lambda: any(sku.key == "1000-50000" and sku.visible for sku in stage.shop.state()))
        await stage.quiet()
        waiting = await stage.waiting()
        assert Waiting("product", "1001", "erp.name", why.text) in waiting
        assert {each.key.partition("-")[0].partition("@")[0].partition("/")[0] for each in waiting} == {"1001"}


async def test_the_engine_goes_by_the_clock_that_is_given(tmp_path: Path) -> None:
    """Nothing is due again before that clock says so."""
    clock = ManualClock(datetime(2026, 11, 28, 12, tzinfo=UTC))
    async with staged(f"sqlite:///{tmp_path}/engate.db", seed=goods(1), clock=clock) as stage:
        await stage.selling()
        stage.erp.change([])
        stage.erp.put("brand", msgspec.structs.replace(stage.erp.doc("brand", "5"), name="Outra Marca"))
        before = stage.erp.counts.requests
        clock.advance(timedelta(hours=2))
        stage.runner.poke()
        await stage.until(lambda: stage.shop.held["brand"]["5"]["want"]["name"] == "Outra Marca")
        assert stage.erp.counts.requests > before


def test_a_platform_that_is_installed_is_found_by_its_name() -> None:
    for name in ("winthor", "fake_shop"):
        assert side(name).manifest.key == side(name).sandbox.platform == name


class InTheWrongHalf(FakeErpSandbox):
    def describe(self) -> Description:
        said = super().describe()
        return msgspec.structs.replace(said, settings={"base_url": self.base_url}, secrets={**said.secrets, "search": "yes"})


class Misspelt(FakeErpSandbox):
    def describe(self) -> Description:
        said = super().describe()
        return msgspec.structs.replace(said, settings={**said.settings, "adress": "x"})


@pytest.mark.trap("engine.described-as-rest")
@pytest.mark.parametrize(("box", "where"), [(InTheWrongHalf, "secrets.search"), (Misspelt, "settings.adress")])
async def test_what_a_sandbox_says_of_a_connection_is_refused_as_rest_refuses_it(tmp_path: Path, box: Any, where: str) -> None:
    """On the stage and in the conformance suite, so that a demo is not the first one to say it."""
    with pytest.raises(Invalid) as refused:
        async with staged(f"sqlite:///{tmp_path}/engate.db", erp=Side(FAKE_ERP, box)):
            pass
    assert refused.value.where == where
    [case] = [case for case in conformance.cases(FAKE_ERP, box) if str(case) == "test_connection-lines"]
    with pytest.raises(Invalid) as refused:
        await case.run()
    assert refused.value.where == where


async def test_what_is_no_mapping_and_no_options_is_refused(tmp_path: Path) -> None:
    """By their types, with where they come from; a flow that there is not, with the list of those that there are."""
    url = f"sqlite:///{tmp_path}/engate.db"
    nothing: Any = 1
    bogus: Any = {"bogus": 1}
    async with staged(url) as stage:
        with pytest.raises(TypeError, match=r"mapping: not 1; give PairMapping, from engate\.domain\.mapping"):
            await stage.change(mapping=nothing, flows=["orders"])
        with pytest.raises(TypeError, match=r"options: not \{'bogus': 1\}; give Options, from engate\.domain\.options"):
            await stage.change(options=bogus, flows=["orders"])
        with pytest.raises(ValueError, match="no flow 'order'.*orders"):
            await stage.change(options=Options(), flows=["order"])
        await stage.change(mapping=PairMapping(), flows=["orders"])
        assert [row.mapping for row in await stage.sql("select mapping from integration")] in ([{}], ["{}"])
    with pytest.raises(TypeError, match="mapping: not 1"):
        async with staged(f"{url}.2", mapping=lambda _mapping: nothing):
            pass
    with pytest.raises(TypeError, match="options"):
        async with staged(f"{url}.3", options=bogus):
            pass


@pytest.mark.parametrize("platform", sorted(entry_points(group=GROUP).names))
def test_a_sandbox_that_does_not_listen_yet_can_be_copied(platform: str) -> None:
    """Tests that begin with a loaded pair copy one. What copies no more on the next Python is a warning on 3.13, and so an error here."""
    first = side(platform).sandbox()
    if side(platform).manifest.role == "erp":
        first.seed(goods(2))
    second = copy.deepcopy(first)
    assert second is not first and second.state() == first.state()
