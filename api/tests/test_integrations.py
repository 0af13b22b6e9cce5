"""Coupling, mapping, going live and stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from api.tests.conftest import House, Live, Loaded
from tests.support.goods import goods, sale


def test_what_is_shown(loaded: Loaded) -> None:
    shown = loaded.admin.get(loaded.path)
    assert shown["status"] == "Ativa"
    assert shown["health"]["state"] == "ok"
    assert shown["options"]["stock_buffer"] == 0
    assert shown["mapping"]["warehouses"]
    flows = {flow["name"]: flow for flow in shown["flows"]}
    assert flows["stock"]["offered"] and flows["stock"]["why"] is None and flows["stock"]["read_at"]
    assert flows["orders"]["every"] == 0.2
    schemas = loaded.admin.get("/integrations/schema")
    assert "stock_buffer" in str(schemas["options"]) and "payments" in str(schemas["mapping"])
    choices = loaded.admin.get(f"{loaded.path}/choices")
    mapped = shown["mapping"]
    assert mapped["warehouses"][0]["branch"] in [choice["key"] for choice in choices["branches"]]
    assert mapped["payments"][0]["form"] in [choice["key"] for choice in choices["payments"]]


def test_a_typo_in_the_mapping_is_refused_with_what_there_is(loaded: Loaded) -> None:
    right = loaded.admin.get(loaded.path)["mapping"]["payments"]
    wrong = [{**right[0], "charge": "PIXX"}, *right[1:]]
    problem = loaded.admin.refused("PATCH", loaded.path, 422, {"mapping": {"payments": wrong}})
    assert problem["code"] == "mapping"
    assert [error["where"] for error in problem["errors"]] == ["mapping.payments[0].charge"]
    assert right[0]["charge"] in problem["errors"][0]["detail"]
    assert loaded.admin.get(loaded.path)["mapping"]["payments"] == right
    unknown = loaded.admin.refused("PATCH", loaded.path, 422, {"mapping": {"pagamentos": []}})
    assert unknown["errors"][0]["where"].startswith("mapping")
    assert (
        loaded.admin.refused("PATCH", loaded.path, 422, {"options": {"stock_buffer": -1}})["errors"][0]["where"] == "options.stock_buffer"
    )
    connections = loaded.admin.get("/connections")["items"]
    ids = {each["role"]: each["id"] for each in connections}
    twice = [*right, right[0]]
    problem = loaded.admin.refused("PATCH", loaded.path, 422, {"mapping": {"payments": twice}})
    assert [error["where"] for error in problem["errors"]] == [f"mapping.payments[{len(right)}].form"]
    new = {"name": "outro", "erp_connection": ids["erp"], "storefront_connection": ids["storefront"], "mapping": {"payments": right}}
    taken = loaded.admin.refused("POST", "/integrations", 409, new)
    assert taken["code"] == "in_use" and "par" in taken["detail"], "two integrations would share the shop's events between them"
    assert [each["name"] for each in loaded.admin.get("/integrations")["items"]] == ["par"]


@pytest.mark.trap("engine.mapping-rows")
def test_rows_of_the_mapping_come_and_go_one_by_one(house: House) -> None:
    """What a hint says (map this form) never takes the other forms away."""
    house.erp.post("seed", goods(1))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    path = f"/integrations/{id}"
    before = admin.get(path)["mapping"]["payments"]
    first = before[0]
    lost = admin.refused("PATCH", path, 409, {"mapping": {"payments": [first]}})
    assert lost["code"] == "mapping_rows_gone"
    gone = [f"payments/{row['form']}" for row in before[1:]]
    assert gone and all(each in lost["detail"] and each in lost["hint"] for each in gone)
    assert len(lost["errors"]) == len(gone)
    assert admin.refused("PATCH", path, 409, {"mapping": {"payments": [first]}, "remove": ["payments/x"]})["code"] == "mapping_rows_gone"
    assert admin.get(path)["mapping"]["payments"] == before
    admin.delete(f"{path}/mapping/payments/{first['form']}")
    assert admin.get(f"{path}/mapping/payments")["items"] == before[1:]
    admin.refused("DELETE", f"{path}/mapping/payments/{first['form']}", 404)
    row = {name: value for name, value in first.items() if name != "form"}
    made = admin.put(f"{path}/mapping/payments/{first['form']}", row)
    assert {**made, "import_when": "paid"} == {**first, "import_when": "paid"}
    assert [each["form"] for each in admin.get(f"{path}/mapping/payments")["items"]] == [*(r["form"] for r in before[1:]), first["form"]]
    changed = admin.put(f"{path}/mapping/payments/{first['form']}", {**row, "charge": before[-1]["charge"]})
    assert changed["charge"] == before[-1]["charge"]
    assert len(admin.get(f"{path}/mapping/payments")["items"]) == len(before)
    wrong = admin.refused("PUT", f"{path}/mapping/payments/{first['form']}", 422, {**row, "charge": "PIXX"})
    assert wrong["code"] == "mapping" and first["charge"] in wrong["errors"][0]["detail"]
    assert admin.refused("PUT", f"{path}/mapping/payments/nada", 422, row)["code"] == "mapping"
    assert admin.refused("PUT", f"{path}/mapping/payments/{first['form']}", 422, {**row, "form": "outra"})["errors"][0]["where"] == "form"
    assert "payments" in admin.refused("PUT", f"{path}/mapping/pagamentos/1", 422, row)["hint"]
    agreed = admin.patch(path, {"mapping": {"payments": [first]}, "remove": gone})
    assert [each["form"] for each in agreed["mapping"]["payments"]] == [first["form"]]


def test_a_row_whose_key_holds_slashes(house: House) -> None:
    """Nothing has been asked of the platforms yet: keys are as people write them."""
    admin = house.tenant("Loja")
    ids = [house.connect(admin, box, test=False) for box in (house.erp, house.shop)]
    id = admin.post("/integrations", {"name": "par", "erp_connection": ids[0], "storefront_connection": ids[1]})["id"]
    for key in ("envio/expresso", "a b", "ção", "1"):
        at = f"/integrations/{id}/mapping/carriers/{quote(key, safe='/')}"
        assert admin.put(at, {"carrier": "501"}) == {"shipping": key, "carrier": "501"}
    assert [row["shipping"] for row in admin.get(f"/integrations/{id}/mapping/carriers")["items"]] == ["envio/expresso", "a b", "ção", "1"]
    admin.delete(f"/integrations/{id}/mapping/carriers/envio/expresso")
    assert len(admin.get(f"/integrations/{id}")["mapping"]["carriers"]) == 3


def test_an_order_that_waits_for_its_form_goes_on_when_its_row_is_there(selling: Callable[..., Live]) -> None:
    house, admin, id = selling(goods(1))
    path = f"/integrations/{id}"
    forms = admin.get(path)["mapping"]["payments"]
    for row in forms:
        admin.delete(f"{path}/mapping/payments/{row['form']}")
    good = house.shop.get("state")[0]
    order = house.shop.post("sell", [sale(1, (good["key"], 1, good["price"]))])["1"]

    def waits() -> object:
        found = admin.call("GET", f"{path}/orders/{order}")
        return found.is_success and found.json()["cause"]

    cause = house.until(waits)
    assert cause["code"] == "mapping.payment"
    for row in forms:
        admin.put(f"{path}/mapping/payments/{row['form']}", {name: value for name, value in row.items() if name != "form"})
    house.until(lambda: [each for each in house.erp.get("orders") if each["storefront_key"] == order])


def test_options_decide_anew_what_the_shop_holds(loaded: Loaded) -> None:
    def offered() -> dict[str, Any]:
        return next(sku for sku in loaded.house.shop.get("state") if sku["key"] == loaded.erp_keys["1003"])

    before = sum(offered()["stock"].values())
    loaded.admin.patch(loaded.path, {"options": {"stock_buffer": 3}})
    loaded.house.until(lambda: sum(offered()["stock"].values()) == before - 3)
    loaded.admin.patch(loaded.path, {"options": {"stock_buffer": 0}})
    loaded.house.until(lambda: sum(offered()["stock"].values()) == before)


def test_flows_are_switched_and_scheduled(house: House) -> None:
    admin = house.tenant("Loja")
    id = house.couple(admin)
    shown = admin.patch(f"/integrations/{id}/flows/images", {"enabled": False, "every": 77, "full_every": 777})
    flow = next(each for each in shown["flows"] if each["name"] == "images")
    assert (flow["enabled"], flow["every"], flow["full_every"]) == (False, 77, 777)
    shown = admin.patch(f"/integrations/{id}/flows/images", {"every": None})
    flow = next(each for each in shown["flows"] if each["name"] == "images")
    assert (flow["enabled"], flow["every"], flow["full_every"]) == (False, 3600, 777)
    assert "images" in admin.refused("PATCH", f"/integrations/{id}/flows/imagens", 422, {})["hint"]
    admin.refused("PATCH", f"/integrations/{id}/flows/images", 400, {"every": 0})


def test_only_tested_connections_go_live(house: House) -> None:
    admin = house.tenant("Loja")
    erp, shop = house.connect(admin, house.erp), house.connect(admin, house.shop, test=False)
    swapped = admin.refused("POST", "/integrations", 422, {"name": "par", "erp_connection": shop, "storefront_connection": erp})
    assert swapped["code"] == "wrong_role"
    id = admin.post("/integrations", {"name": "par", "erp_connection": erp, "storefront_connection": shop, "mapping": house.mapping()})[
        "id"
    ]
    assert admin.get(f"/integrations/{id}")["status"] == "Não conectada"
    problem = admin.refused("POST", f"/integrations/{id}/activate", 409)
    assert problem["code"] == "not_connected" and "test" in problem["hint"]
    admin.post(f"/connections/{shop}/test")
    assert admin.post(f"/integrations/{id}/activate", {})["status"] == "Ativa"
    stopped = admin.post(f"/integrations/{id}/deactivate")
    assert stopped["status"] == "Inativa"
    assert admin.refused("POST", f"/integrations/{id}/resync", 409)["code"] == "inactive"


def test_a_shop_with_products_asks_for_a_pilot(selling: Callable[..., Live]) -> None:
    house, first, id = selling(goods(6))
    first.post(f"/integrations/{id}/deactivate")
    assert first.post(f"/integrations/{id}/activate", {})["pilot"] is None  # switched on again: as decided before
    first.post(f"/integrations/{id}/deactivate")

    second = house.tenant("Outra")
    id = house.couple(second)
    problem = second.refused("POST", f"/integrations/{id}/activate", 409)
    assert problem["code"] == "pilot_needed" and "everything" in problem["hint"]
    skus = [sku["key"] for sku in house.erp.get("state")]
    second.refused("POST", f"/integrations/{id}/activate", 400, {"pilot": []})
    second.refused("POST", f"/integrations/{id}/activate", 422, {"pilot": skus[:1], "everything": True})
    made = second.post(f"/integrations/{id}/activate", {"pilot": skus[:2]})
    assert made["pilot"] == skus[:2]
    house.quiet(second, id)
    linked = {link["key"] for link in second.get(f"/integrations/{id}/links", kind="sku")["items"]}
    assert linked == set(skus[:2])
    out = second.get(f"/integrations/{id}/explain/sku/{skus[5]}")
    assert out["verdict"]["code"] == "not_in_pilot" and "piloto" in out["verdict"]["text"]["pt"]
    assert second.post(f"/integrations/{id}/activate", {"everything": True})["pilot"] is None
    house.quiet(second, id)
    assert {link["key"] for link in second.get(f"/integrations/{id}/links", kind="sku")["items"]} == set(skus)


def test_deleting_asks_for_the_name(house: House) -> None:
    house.erp.post("seed", goods(4))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    admin.post(f"/integrations/{id}/activate", {})
    admin.refused("DELETE", f"/integrations/{id}", 409)
    assert admin.refused("DELETE", f"/integrations/{id}", 409, params={"confirm": "outro"})["code"] == "confirm"
    admin.delete(f"/integrations/{id}", confirm="par")
    admin.refused("GET", f"/integrations/{id}", 404)
    for connection in admin.get("/connections")["items"]:
        admin.delete(f"/connections/{connection['id']}")
