"""The whole way of a tenant: credentials in, test, couple, activate, products appear, an order comes back."""

from __future__ import annotations

import msgspec
from api.tests.conftest import House
from tests.support.goods import goods, sale


def test_from_two_credentials_to_an_imported_order(house: House) -> None:
    house.erp.post("seed", goods(8))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    made = admin.post(f"/integrations/{id}/activate", {})
    assert made["status"] == "Ativa"
    assert made["pilot"] is None
    assert made["runs"]
    house.quiet(admin, id)
    summary = admin.get(f"/integrations/{id}/summary")
    assert summary["skus"] == {"total": 8, "attention": {}, "awaiting": 0, "waiting": 0, "settled": 8}
    assert summary["moving"] == 0
    assert sum(sku.get("visible", True) for sku in house.shop.get("state")) == 8
    first = house.shop.get("state")[0]
    key = house.shop.post("sell", [msgspec.to_builtins(sale(1, (first["key"], 1, first["price"])))])["1"]
    order = house.until(lambda: next((o for o in admin.get(f"/integrations/{id}/orders")["items"] if o["state"] == "in_erp"), None))
    assert order["key"] == key
