"""Before going live: what a pair lacks, in words (R15)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.goods import goods

from .conftest import House, Loaded


def lines(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of what is not as it should be, by name."""
    assert said["ready"] == all(line["ok"] for line in said["lines"])
    return {line["name"]: line for line in said["lines"] if not line["ok"]}


def test_a_pair_that_lacks_nothing_is_ready_and_nothing_is_written(house: House) -> None:
    house.erp.post("seed", goods(3))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    said = admin.get(f"/integrations/{id}/readiness")
    assert said["ready"], lines(said)
    assert "Produtos: o ERP informa 3." in [line["text"]["pt"] for line in said["lines"]]
    assert admin.get(f"/integrations/{id}/summary")["records"] == {} and house.shop.get("state") == []


@pytest.mark.trap("engine.readiness-reasons", "engine.readiness-weight")
def test_what_would_wait_is_counted_with_an_example(loaded: Loaded) -> None:
    wrong = lines(loaded.admin.get(f"{loaded.path}/readiness"))
    attention = set(loaded.admin.get(f"{loaded.path}/summary")["skus"]["attention"])
    assert attention & set(wrong), "what the load ended with is what was foretold"
    assert any("1 de 8 com pendência" in line["text"]["pt"] for line in wrong.values())
    assert "SKUs: 1 de 8 com pendência" in wrong["weight"]["text"]["pt"] and "Peso padrão" in wrong["weight"]["hint"]["pt"]


@pytest.mark.trap("engine.readiness-connection")
def test_a_connection_that_was_not_tested_is_the_first_thing_to_see_to(house: House) -> None:
    admin = house.tenant("Loja")
    ids = [house.connect(admin, box, test=False) for box in (house.erp, house.shop)]
    body = {"name": "par", "erp_connection": ids[0], "storefront_connection": ids[1], "mapping": {}}
    id = admin.post("/integrations", body)["id"]
    said = admin.get(f"/integrations/{id}/readiness")
    assert [line["name"] for line in said["lines"]] == ["connection", "connection"] and not said["ready"]
    assert house.erp.get("ledger")["requests"] == 0


@pytest.mark.trap("engine.readiness-rows")
def test_what_has_no_row_in_the_mapping_is_named(house: House) -> None:
    house.erp.post("seed", goods(1))
    admin = house.tenant("Loja")
    mapping = {**house.mapping(), "warehouses": [], "payments": []}
    id = house.couple(admin, mapping=mapping)
    wrong = lines(admin.get(f"/integrations/{id}/readiness"))
    assert {"mapping.warehouses", "mapping.payments"} <= set(wrong)
    assert "sem linha para 1" in wrong["mapping.warehouses"]["text"]["pt"]
    assert "não está mapeada" in wrong["mapping.warehouse"]["text"]["pt"], "what the stock of that branch would wait for"
    assert "Pix" in wrong["mapping.payments"]["text"]["pt"] and "Pagamentos" in wrong["mapping.payments"]["hint"]["pt"]


@pytest.mark.trap("engine.readiness-images")
def test_a_shop_that_hides_what_has_no_image_and_an_erp_that_serves_none(house: House) -> None:
    house.erp.post("seed", goods(1))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    assert "images" not in lines(admin.get(f"/integrations/{id}/readiness"))
    admin.patch(f"/integrations/{id}/flows/images", {"enabled": False})
    line = lines(admin.get(f"/integrations/{id}/readiness"))["images"]
    assert "não mostra item sem imagem" in line["text"]["pt"]


def test_an_erp_that_lists_nothing_is_said_of_each_kind(house: House) -> None:
    admin = house.tenant("Loja")
    id = house.couple(admin)
    wrong = lines(admin.get(f"/integrations/{id}/readiness"))
    assert {"product", "sku", "price", "stock"} <= set(wrong)
    assert wrong["product"]["text"] == {"pt": "Produtos: o ERP não informa nada.", "en": "Products: the ERP lists nothing."}
