"""Deleting an integration says what is open, and nothing that the ERP or the shop still waits for is forgotten unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from api.tests.conftest import House, Live
from tests.support.goods import goods, sale

from engate.store.tables import integration


class Leaving:
    """An integration with one order in the ERP."""

    def __init__(self, sold: Live) -> None:
        self.house, self.admin, self.id = sold
        self.path = f"/integrations/{self.id}"
        self.order = self.sell(1)
        self.house.until(lambda: self.in_erp(self.order))

    def sell(self, number: int) -> str:
        good = self.house.shop.get("state")[0]
        return self.house.shop.post("sell", [sale(number, (good["key"], 1, good["price"]))])[str(number)]

    def in_erp(self, order: str) -> list[Any]:
        return [each for each in self.house.erp.get("orders") if each["storefront_key"] == order]

    def shop_phase(self, order: str) -> str:
        return next(each["phase"] for each in self.house.shop.get("orders") if each["key"] == order)

    def delete(self, **more: Any) -> None:
        self.admin.delete(self.path, confirm="par", **more)

    def ends(self) -> None:
        """The ERP bills, ships and delivers; the shop hears of each."""
        for phase in ("invoiced", "shipped", "delivered"):
            self.house.erp.post("progress", {"to": phase})
            if phase != "shipped":
                self.house.until(lambda phase=phase: self.shop_phase(self.order) == phase)

    def rows(self) -> list[int]:
        with self.house.client.app.state.installation.store.read() as c:
            return list(c.execute(sa.select(integration.c.id)).scalars())


@pytest.fixture
def leaving(selling: Callable[..., Live]) -> Leaving:
    return Leaving(selling(goods(2)))


@pytest.mark.trap("engine.open-orders")
def test_what_is_open_is_counted_and_asked_for(leaving: Leaving) -> None:
    problem = leaving.admin.refused("DELETE", leaving.path, 409, params={"confirm": "par"})
    assert problem["code"] == "open_orders"
    assert {error["where"]: error["detail"] for error in problem["errors"]} == {"orders": "1", "parts_in_erp": "1"}
    assert "archive" in problem["hint"] and "forget" in problem["hint"]
    assert leaving.admin.get(leaving.path)["status"] == "Ativa"
    assert leaving.admin.refused("DELETE", leaving.path, 400, params={"confirm": "par", "open_orders": "x"})["errors"]
    leaving.delete(open_orders="forget")
    assert leaving.rows() == []


@pytest.mark.trap("engine.archive-goes-on")
def test_an_archive_follows_its_orders_to_the_end_and_goes(leaving: Leaving) -> None:
    leaving.delete(open_orders="archive")
    assert leaving.admin.get("/integrations")["items"] == []
    for path in ("", "/summary", "/orders", "/runs"):
        leaving.admin.refused("GET", leaving.path + path, 404)
    said = leaving.admin.get(f"{leaving.path}/explain/order/{leaving.order}")
    assert said["key"] == leaving.order and "excluída" in said["verdict"]["text"]["pt"] and "inativa" not in said["verdict"]["text"]["pt"]
    new = leaving.sell(2)
    requests = leaving.house.shop.get("ledger")["requests"]
    leaving.house.until(lambda: leaving.house.shop.get("ledger")["requests"] > requests + 3)  # the feed is read on
    assert leaving.in_erp(new) == [], "no new order of a deleted integration enters the ERP"
    leaving.ends()
    leaving.house.until(lambda: leaving.rows() == [])
    leaving.admin.refused("GET", f"{leaving.path}/explain/order/{leaving.order}", 404)
    assert len(leaving.in_erp(leaving.order)) == 1


def test_an_integration_of_the_same_accounts_adopts_them(leaving: Leaving) -> None:
    """Also where it has connections of its own."""
    leaving.delete(open_orders="archive")
    ids = [leaving.house.connect(leaving.admin, box, f"nova {box.about.platform}") for box in (leaving.house.erp, leaving.house.shop)]
    body = {"name": "par", "erp_connection": ids[0], "storefront_connection": ids[1], "mapping": leaving.house.mapping()}
    new = leaving.admin.post("/integrations", body)["id"]
    assert new > leaving.id
    for flow in ("orders", "fulfilment"):
        leaving.admin.patch(f"/integrations/{new}/flows/{flow}", {"every": 0.2})
    other = leaving.admin.get(f"/integrations/{new}/explain/order/{leaving.order}")
    assert "excluída" in other["verdict"]["text"]["pt"], "until it is adopted, its tenant finds it all the same"
    assert leaving.admin.post(f"/integrations/{new}/activate", {"everything": True})["adopted"] == 1
    assert leaving.rows() == [new]
    shown = leaving.admin.get(f"/integrations/{new}/orders/{leaving.order}")
    assert shown["parts"][0]["erp_key"] and shown["timeline"]
    leaving.ends()
    assert len(leaving.in_erp(leaving.order)) == 1
    part = leaving.admin.get(f"/integrations/{new}/orders/{leaving.order}")["parts"][0]
    assert part["documents"][0]["sent_at"]
    by_note = leaving.admin.get(f"/integrations/{new}/orders", q=part["documents"][0]["number"])["items"]
    assert [each["key"] for each in by_note] == [leaving.order]


def test_its_connections_can_be_coupled_anew_and_stay_until_it_is_over(leaving: Leaving) -> None:
    ids = {each["role"]: each["id"] for each in leaving.admin.get("/connections")["items"]}
    leaving.delete(open_orders="archive")
    for id in ids.values():
        assert leaving.admin.refused("DELETE", f"/connections/{id}", 409)["code"] == "in_use"
    body = {"name": "par", "erp_connection": ids["erp"], "storefront_connection": ids["storefront"], "mapping": leaving.house.mapping()}
    leaving.admin.post("/integrations", body)
    leaving.admin.refused("POST", "/integrations", 409, {**body, "name": "terceira"})


def test_what_has_no_open_order_goes_at_once(house: House) -> None:
    admin = house.tenant("Loja")
    id = house.couple(admin)
    admin.delete(f"/integrations/{id}", confirm="par")
    admin.refused("GET", f"/integrations/{id}", 404)


def test_ids_are_never_used_twice(house: House) -> None:
    """Who still knows the old one must not be shown another tenant's, or the next one's."""
    admin = house.tenant("Loja")
    id = house.couple(admin)
    admin.post(f"/integrations/{id}/activate", {"everything": True})
    runs = [run["id"] for run in admin.get(f"/integrations/{id}/runs")["items"]]
    connections = [each["id"] for each in admin.get("/connections")["items"]]
    house.until(lambda: not [run for run in admin.get(f"/integrations/{id}/runs")["items"] if run["state"] == "reading"])
    admin.delete(f"/integrations/{id}", confirm="par", open_orders="forget")
    for each in connections:
        admin.delete(f"/connections/{each}")
    again = house.couple(admin)
    admin.post(f"/integrations/{again}/activate", {"everything": True})
    assert again > id
    assert min(each["id"] for each in admin.get("/connections")["items"]) > max(connections)
    assert min(run["id"] for run in admin.get(f"/integrations/{again}/runs")["items"]) > max(runs)
