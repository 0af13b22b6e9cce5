"""A request that cannot be served says which field it is, what it takes and what to do next, in each language on its own."""

from __future__ import annotations

from typing import Any

import pytest
from api.tests.conftest import House, Loaded
from tests.support.goods import goods


def raw(loaded: Loaded, content: bytes, media: str | None) -> Any:
    """The problem of a body as somebody's tool sends it."""
    headers = {"authorization": f"Bearer {loaded.admin.key}", **({"content-type": media} if media else {})}
    answer = loaded.house.client.request("POST", f"{loaded.path}/resync", content=content, headers=headers)
    assert answer.status_code == 400, answer.text
    return answer.json()


def the_error(problem: Any) -> Any:
    [error] = problem["errors"]
    return error


# ---- one of a few values ----


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "where", "values"),
    [
        ("GET", "/orders?state=foo", 422, None, "state", ("awaiting_payment", "delivered")),
        ("GET", "/records?state=foo", 400, None, "query.state", ("to_send", "settled")),
        ("GET", "/records?kind=foo", 422, None, "kind", ("product", "stock")),
        ("GET", "/causes?owner=foo", 400, None, "query.owner", ("person", "storefront")),
        ("GET", "/causes?sort=foo", 400, None, "query.sort", ("impact", "age")),
        ("POST", "/resync", 400, {"mode": "foo"}, "body.mode", ("full", "delta")),
        ("PATCH", "", 422, {"options": {"stock_sent": "foo"}}, "options.stock_sent", ("available", "Saldo físico")),
        ("PATCH", "", 422, {"options": {"product_fields": ["name", "foo"]}}, "options.product_fields[1]", ("ncm", "Peso líquido")),
    ],
)
def test_what_is_none_of_a_few_is_refused_with_those_there_are(
    loaded: Loaded, method: str, path: str, status: int, body: object, where: str, values: tuple[str, ...]
) -> None:
    problem = loaded.admin.refused(method, loaded.path + path, status, body)
    error = the_error(problem)
    assert error["where"] == where
    said = f"{problem['detail']} {problem['hint']} {error['detail']}"
    assert all(value in said for value in values), said
    assert "Invalid" not in said and "Expected" not in said and error["detail"] != error["detail_en"]


# ---- settings ----


def settings_of(house: House) -> dict[str, Any]:
    said = house.erp.about
    return {"name": "ERP", "platform": said.platform, "settings": dict(said.settings), "secrets": dict(said.secrets)}


def test_a_setting_that_is_missing_is_named_by_its_field_and_title(house: House) -> None:
    admin, given = house.tenant("Loja"), settings_of(house)
    name = next(iter(given["settings"]))
    del given["settings"][name]
    problem = admin.refused("POST", "/connections", 422, given)
    assert the_error(problem)["where"] == name
    assert "falta '" in problem["detail"] and "is missing" in problem["detail_en"] and problem["hint"]


def test_a_setting_of_another_type_is_said_in_each_language(house: House) -> None:
    admin, given = house.tenant("Loja"), settings_of(house)
    given["settings"]["at_once"] = "muitas"
    problem = admin.refused("POST", "/connections", 422, given)
    error = the_error(problem)
    assert error["where"] == "at_once" and "número inteiro" in error["detail"] and "whole number" in error["detail_en"]
    assert "Expected" not in str(problem)


def test_a_secret_of_another_type_is_not_shown(house: House) -> None:
    admin, given = house.tenant("Loja"), settings_of(house)
    name = next(iter(given["secrets"]))
    problem = admin.refused("POST", "/connections", 400, given | {"secrets": {name: 98765432101}})
    assert the_error(problem)["where"].startswith("body.secrets") and "98765432101" not in str(problem)


# ---- bodies ----


def test_an_empty_body_is_said_to_be_empty(loaded: Loaded) -> None:
    problem = raw(loaded, b"", "application/json")
    assert "vazio" in problem["detail"] and "empty" in problem["detail_en"] and "{}" in problem["hint"]
    assert the_error(problem)["where"] == "body"


def test_a_form_is_said_to_be_a_form(loaded: Loaded) -> None:
    problem = raw(loaded, b"mode=full&flows=stock", "application/x-www-form-urlencoded")
    assert "formulário" in problem["detail"] and "form" in problem["detail_en"] and "application/json" in problem["hint"]
    assert "JSON válido" not in problem["detail"]


def test_json_that_is_broken_says_where(loaded: Loaded) -> None:
    problem = raw(loaded, b'{"mode": full}', "application/json")
    assert "posição 14" in problem["detail"] and "byte 14" in problem["detail_en"]


def test_a_field_that_is_missing_or_unknown_is_named_in_both_languages(loaded: Loaded) -> None:
    missing = the_error(loaded.admin.refused("POST", "/integrations", 400, {"name": "par"}))
    assert "falta o campo 'erp_connection'" in missing["detail"] and "erp_connection" in missing["detail_en"]
    unknown = the_error(loaded.admin.refused("POST", f"{loaded.path}/resync", 400, {"modo": "full"}))
    assert "não há um campo 'modo'" in unknown["detail"] and "unknown field" in unknown["detail_en"]


# ---- what is taken, or of the other kind ----


def test_a_name_that_is_taken_says_what_to_do(loaded: Loaded) -> None:
    admin, installer = loaded.admin, loaded.house.installer
    ids = [each["id"] for each in admin.get("/connections")["items"]]
    first = admin.get(f"/connections/{ids[0]}")["name"]
    taken = admin.refused("PATCH", f"/connections/{ids[1]}", 409, {"name": first})
    assert (taken["code"], the_error(taken)["where"]) == ("name_taken", "name") and "outro nome" in taken["hint"]
    taken = installer.refused("POST", "/tenants", 409, {"name": "Loja A"})
    assert taken["code"] == "name_taken" and "chave" in taken["hint"] and "another name" in taken["hint_en"]


def test_a_connection_of_the_other_role_says_which_would_fit(loaded: Loaded) -> None:
    erp, shop = (loaded.admin.get(loaded.path)[f"{role}_connection"] for role in ("erp", "storefront"))
    body = {"name": "ao contrário", "erp_connection": shop, "storefront_connection": erp}
    problem = loaded.admin.refused("POST", "/integrations", 422, body)
    assert (problem["code"], the_error(problem)["where"]) == ("wrong_role", "erp_connection")
    assert "é de uma loja, não de um ERP" in problem["detail"] and f"{erp} (" in problem["hint"] and f"{shop} (" not in problem["hint"]


def test_a_link_of_what_the_erp_does_not_have_is_refused(loaded: Loaded) -> None:
    problem = loaded.admin.refused("PUT", f"{loaded.path}/links/sku/nada", 422, {"remote": "987654"})
    assert the_error(problem)["where"] == "key" and "O ERP não tem o SKU 'nada'" in problem["detail"] and problem["hint"]


# ---- going live without a mapping ----


def test_going_live_without_a_mapping_says_what_will_wait(house: House) -> None:
    house.erp.post("seed", goods(1))
    admin = house.tenant("Loja")
    id = house.couple(admin, mapping={})
    said = admin.post(f"/integrations/{id}/activate", {})["waits"]
    assert [each["pt"].partition(":")[0] for each in said][:2] == ["O estoque e os pedidos vão esperar", "Os pedidos vão esperar"]
    assert "'Filiais e depósitos'" in said[0]["pt"] and "'Payments'" in said[1]["en"]


def test_a_mapping_that_is_there_lets_nothing_wait(house: House) -> None:
    admin = house.tenant("Loja")
    id = house.couple(admin)
    assert admin.post(f"/integrations/{id}/activate", {})["waits"] == []
