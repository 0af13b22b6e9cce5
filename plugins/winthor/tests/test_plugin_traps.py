"""What WinThor does that no other test of the plugin meets: see docs/traps.md."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import Rejected
from engate.clock import SystemClock
from engate.model import PartItem, Query
from engate.testing.facts import Change, Seed, SeedBranch, SeedProduct, SeedSku

Gather = Callable[[Any], Awaitable[list[Any]]]
UN = "7891000100103-1"
LOGIN = "POST /winthor/autenticacao/v1/login"
PRICES = "/api/wholesale/v1/price/list"
REGIONS = "GET /winthor/cliente/v1/regiao"


class HoursAhead(SystemClock):
    """Our clock, while the ERP's stands ten hours behind it."""

    def now(self) -> Any:
        return super().now() + timedelta(hours=10)


@pytest.mark.trap("winthor.token-clock")
async def test_an_erp_clock_hours_behind_does_not_log_in_at_every_call(connect: Any, control: Any, gather: Gather) -> None:
    async with connect(clock=HoursAhead()) as erp:
        for _ in range(3):
            await gather(erp.list_brands(Query()))
    assert await control.count(LOGIN) == 1


@pytest.mark.trap("winthor.names-of-pages")
async def test_choices_of_many_pages(connect: Any, control: Any, gather: Gather) -> None:
    async with connect(page_size=1) as small, connect() as large:
        for kind in ("terms", "charges", "price_tables"):
            found = [choice.key for choice in await gather(small.list_choices(kind))]
            assert sorted(found) == sorted(choice.key for choice in await gather(large.list_choices(kind))) and len(found) > 1


@pytest.mark.trap("winthor.size-of-pages")
async def test_a_long_list_of_regions_is_one_page(connect: Any, control: Any, gather: Gather) -> None:
    branches = tuple(SeedBranch(str(number), f"Filial {number}", f"112223330{number:03}81") for number in range(1, 13))
    await control("seed", Seed(branches=branches))
    async with connect(branches=[branch.key for branch in branches]) as erp:
        assert len(await gather(erp.list_choices("price_tables"))) == 12
    assert await control.count(REGIONS) == 1


@pytest.mark.trap("winthor.committed-late")
async def test_what_was_committed_late_is_read_by_the_next_reading(erp: Any, control: Any) -> None:
    """The row's stamp is of when its change began; we read up to a minute later, before it was committed."""
    await control("advance", {"seconds": 7200})
    await control("change", [Change(UN, name="Alterado")])
    [changed] = [page.watermark async for page in erp.list_products(Query())]
    beyond = erp.client.local(erp.client.instant(changed) + timedelta(seconds=60))
    found = [product.key async for page in erp.list_products(Query(since=beyond)) for product in page.items]
    assert found == ["1"]


@pytest.mark.trap("winthor.local-time")
async def test_a_changed_since_goes_in_the_erps_local_time(erp: Any, control: Any, gather: Gather) -> None:
    await control("advance", {"seconds": 4 * 3600})
    await control("change", [Change(UN, name="Alterado")])
    now = SystemClock().now() + timedelta(hours=4)
    found = await gather(erp.list_products(Query(since=now.isoformat(timespec="seconds"))))
    assert [product.name for product in found] == ["Alterado"]
    later = now + timedelta(hours=erp.overlap_seconds // 3600 + 1)
    assert await gather(erp.list_products(Query(since=later.isoformat(timespec="seconds")))) == []


@pytest.mark.trap("winthor.deleted-product")
async def test_a_product_excluded_in_the_erp_is_inactive(erp: Any, control: Any, gather: Gather) -> None:
    await control("corrupt", {"kind": "deleted", "key": UN})
    found = {product.key: product.active for product in await gather(erp.list_products(Query()))}
    assert (found["1"], found["2"]) == (False, True)


@pytest.mark.trap("winthor.never-unlimited")
async def test_show_when_out_of_stock_is_not_sell_without_limit(erp: Any, control: Any, gather: Gather) -> None:
    await control("corrupt", {"kind": "show_without_stock", "key": UN})
    await control("change", [Change(UN, stock={"1": 0})])
    [level] = await gather(erp.list_stock(Query(keys=(f"{UN}@1",))))
    assert (level.quantity, level.unlimited) == (0, False)
    assert not any(level.unlimited for level in await gather(erp.list_stock(Query())))


@pytest.mark.trap("winthor.offer")
async def test_a_running_offer_is_the_price(erp: Any, control: Any, gather: Gather) -> None:
    offered = SeedSku("909", "", "UN", 1, Decimal("8.00"), {"1": 1}, list_price=Decimal("10.00"))
    sizes = (Decimal(1), Decimal(10), Decimal(10), Decimal(10))
    await control("seed", Seed(products=(SeedProduct("9", "Produto 9", "", "1", "1", "1", "1", *sizes, (offered,)),)))
    [price] = await gather(erp.list_prices(Query(keys=("909-9",))))
    assert (price.base, price.list_price) == (Decimal("8.00"), Decimal("10.00"))


@pytest.mark.trap("winthor.never-is-1900")
async def test_an_offer_without_an_end_runs_on(quirky: Any, gather: Gather) -> None:
    row = {"branchId": "1", "skuId": "A-1", "price": 20, "offerPrice": 10}
    dates = {"offerStartDate": "2026-01-01T00:00:00", "offerEndDate": "1900-01-01T00:00:00"}
    quirky.answers[PRICES] = lambda _: {"items": [row | dates], "hasNext": False}
    async with quirky.connection() as erp:
        assert [price.base for price in await gather(erp.list_prices(Query()))] == [10]


@pytest.mark.trap("winthor.fixed-price")
@pytest.mark.parametrize("fixed", [12.34, True])
async def test_a_fixed_price_wins_over_table_and_offer(quirky: Any, gather: Gather, fixed: object) -> None:
    """Some services answer the fixed price itself, others only that the price is one."""
    dates = {"offerStartDate": "2026-01-01T00:00:00", "offerEndDate": "2062-01-01T00:00:00"}
    row = {"branchId": "1", "skuId": "A-1", "price": 12.34 if fixed is True else 20, "fixedPrice": fixed, "offerPrice": 10}
    quirky.answers[PRICES] = lambda _: {"items": [row | dates], "hasNext": False}
    async with quirky.connection() as erp:
        assert [price.base for price in await gather(erp.list_prices(Query()))] == [Decimal("12.34")]


async def single(erp: Any, key: str) -> Any:
    [found] = [order async for page in erp.list_fulfilment(Query(keys=(f"2/{key}",))) for order in page.items]
    return found


@pytest.mark.trap("winthor.blocked-customer")
async def test_an_order_of_a_blocked_customer_is_held(connect: Any, control: Any, part: Any) -> None:
    await control("corrupt", {"kind": "customer_blocked", "key": "1"})
    async with connect(customer_policy="default_customer", default_customer="1") as erp:
        made = await erp.import_order(part())
        found = await single(erp, made.key)
        assert (found.raw_state, found.state) == ("B", "held")
        await control("progress", {"to": "released", "keys": [made.key]})
        assert (await single(erp, made.key)).state == "in_erp"


@pytest.mark.trap("winthor.cut")
async def test_what_the_stock_could_not_attend_is_told(erp: Any, part: Any) -> None:
    """Branch 2 has three: two of the five are cut, and the ERP says so only in the order itself."""
    wanted = part(items=(PartItem("0", UN, Decimal(5), Decimal("11.20")),), total=Decimal("61.00"))
    found = await single(erp, (await erp.import_order(wanted)).key)
    assert [(item.quantity, item.cut) for item in found.items] == [(3, 2)]


@pytest.mark.trap("winthor.reason-nobody-shows")
async def test_a_quantity_that_is_no_multiple_is_refused_with_its_reason(erp: Any, control: Any, part: Any) -> None:
    await control("corrupt", {"kind": "multiple", "key": f"{UN}=6"})
    with pytest.raises(Rejected, match="múltipla de 6") as caught:
        await erp.import_order(part())
    assert "WinThor" in caught.value.text.pt and caught.value.hint.pt
