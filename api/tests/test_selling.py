"""The support desk's first question: can a buyer buy it now, at which price, and if not why not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from api.tests.conftest import House, Live
from tests.support.goods import goods, gtin, product

from engate.testing.facts import Seed, SeedSku

Explained = dict[str, Any]


def one(*, price: str = "12.90", units: int = 10, **more: Any) -> Seed:
    sku = SeedSku("50000", gtin(0), "UN", 1, Decimal(price), {"1": units})
    return msgspec.structs.replace(goods(0), products=(product(0, skus=(sku,), **more),))


class Desk:
    """One product of an active integration, as the ERP has it and as the support desk sees it."""

    def __init__(self, sold: Live) -> None:
        self.house, self.admin, id = sold
        self.path = f"/integrations/{id}"

    def erp_has(self, **more: Any) -> None:
        self.house.erp.post("seed", one(**more))

    def asked(self) -> Explained:
        return self.admin.get(f"{self.path}/explain/sku/{gtin(0)}")

    def until(self, check: Callable[[Explained], object]) -> Explained:
        def look() -> Explained | None:
            said = self.asked()
            return said if check(said) else None

        return self.house.until(look)


@pytest.fixture
def desk(selling: Callable[..., Live]) -> Desk:
    return Desk(selling(one(), products=0.2, prices=0.2, stock=0.2))


@pytest.mark.trap("engine.since-of-the-answer")
def test_it_sells_at_its_price_and_since_when(desk: Desk) -> None:
    said = desk.until(lambda said: said["buyable"] and Decimal(said["price"]) == Decimal("12.90"))
    assert said["verdict"]["text"]["pt"].startswith("Um comprador pode comprar agora por R$ 12,90 (desde ")
    assert said["verdict"]["text"]["en"].startswith("A buyer can buy it now for R$ 12.90 (since ")
    assert "UTC" not in str(said["verdict"])
    assert said["verdict"]["owner"] is None and said["verdict"]["code"] == "settled"
    since = said["verdict"]["since"]
    desk.erp_has(units=9)
    moved = desk.until(lambda now: Decimal(now["stock"][0]["last_sent"]["quantity"]) == 9)
    assert moved["stock"][0]["answered_at"] != said["stock"][0]["answered_at"]
    assert moved["verdict"]["since"] == since, "9 units instead of 10 is the same answer"
    desk.erp_has(units=9, price="13.50")
    dearer = desk.until(lambda now: now["price"] and Decimal(now["price"]) == Decimal("13.50"))
    assert dearer["verdict"]["text"]["pt"].startswith("Um comprador pode comprar agora por R$ 13,50")


def test_no_stock_anywhere(desk: Desk) -> None:
    before = desk.asked()["verdict"]["since"]
    desk.erp_has(units=0)
    said = desk.until(lambda said: not said["buyable"])
    assert said["verdict"]["text"]["pt"].startswith("Um comprador não pode comprar agora: o estoque é zero em todos os depósitos")
    assert (said["verdict"]["code"], said["verdict"]["owner"]) == ("out_of_stock", "person")
    assert said["verdict"]["since"] > before and "estoque" in said["verdict"]["hint"]["pt"]
    desk.erp_has(units=3)
    back = desk.until(lambda now: now["buyable"])
    assert back["verdict"]["since"] > said["verdict"]["since"]


def test_a_category_that_was_emptied_leaves_it_on_sale_as_it_was(desk: Desk) -> None:
    desk.erp_has(category=None)
    said = desk.until(lambda said: said["cause"] is not None)
    assert said["buyable"] and said["verdict"]["text"]["pt"].startswith("Um comprador pode comprar agora por R$ 12,90")
    assert "ainda vende como antes" in said["verdict"]["text"]["pt"] and said["cause"]["text"]["pt"] in said["verdict"]["text"]["pt"]
    assert said["verdict"]["owner"] == "person" and said["verdict"]["where"]["kind"] == "product"
    assert said["verdict"]["hint"]["pt"] == said["cause"]["hint"]["pt"]


@pytest.mark.parametrize("price", ["-5", "0"])
def test_a_price_that_is_none(desk: Desk, price: str) -> None:
    """Whether it was kept back (the shop sells at the old one) or accepted (nobody can buy): the first sentence says which."""
    desk.erp_has(price=price)
    said = desk.until(lambda said: said["cause"] is not None or not said["buyable"])
    text = said["verdict"]["text"]["pt"]
    if said["buyable"]:
        assert text.startswith("Um comprador pode comprar agora por R$ 12,90") and "ainda vende como antes" in text
    else:
        assert text.startswith("Um comprador não pode comprar agora: o preço é R$ ")
    assert said["verdict"]["owner"] == "person" and said["verdict"]["hint"]["pt"] != "Nada a fazer."


def test_a_flow_that_is_off_is_said(desk: Desk) -> None:
    desk.admin.patch(f"{desk.path}/flows/prices", {"enabled": False})
    said = desk.asked()
    assert said["buyable"] and said["verdict"]["text"]["pt"].startswith("Um comprador pode comprar agora por R$ 12,90")
    assert "A carga 'Preços' está desligada" in said["verdict"]["text"]["pt"]
    assert "'Prices'" in said["verdict"]["text"]["en"]
    assert (said["verdict"]["code"], said["verdict"]["owner"]) == ("flow_disabled", "person")


def test_an_inactive_integration_is_said(desk: Desk) -> None:
    desk.admin.post(f"{desk.path}/deactivate")
    said = desk.asked()
    assert said["buyable"] and "A integração está inativa" in said["verdict"]["text"]["pt"]
    assert said["verdict"]["text"]["pt"].startswith("Um comprador pode comprar agora")


def test_outside_the_pilot(house: House) -> None:
    house.erp.post("seed", goods(2))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    keys = sorted(sku["key"] for sku in house.erp.get("state"))
    admin.post(f"/integrations/{id}/activate", {"pilot": keys[:1]})
    house.quiet(admin, id)
    said = admin.get(f"/integrations/{id}/explain/sku/{keys[1]}")
    assert not said["buyable"] and said["price"] is None
    assert said["verdict"]["code"] == "not_in_pilot"
    assert said["verdict"]["text"]["pt"].startswith("Um comprador não pode comprar agora: ainda não está na loja.")
    assert "piloto" in said["verdict"]["text"]["pt"]
