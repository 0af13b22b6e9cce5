"""Raw words have their title beside them, and sentences say times in the tenant's zone."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api.tests.conftest import House, Loaded


def pt(title: Any) -> str:
    assert title["en"]
    return title["pt"]


def test_states_codes_and_steps_have_titles(loaded: Loaded) -> None:
    admin = loaded.admin
    shown = loaded.shown()
    assert (shown["state"], pt(shown["state_title"])) == ("invoiced", "Faturado")
    assert [pt(part["state_title"]) for part in shown["parts"]] == ["Faturado"]
    steps = {each["name"]: pt(each["title"]) for each in shown["timeline"]}
    assert steps["imported"] == "Entrou no ERP" and steps["invoice_sent"] == "Nota enviada à loja"
    [line] = admin.get(f"{loaded.path}/orders")["items"]
    assert pt(line["state_title"]) == "Faturado" and pt(line["parts"][0]["state_title"]) == "Faturado"
    run = admin.get(f"{loaded.path}/runs")["items"][-1]
    assert (pt(run["state_title"]), pt(run["trigger_title"])) == ("Concluída", "Ativação")
    causes = admin.get("/causes")["items"]
    assert causes and all(pt(each["title"]) and pt(each["owner_title"]) == "Uma pessoa" for each in causes)
    assert pt(admin.get(loaded.path)["status_title"]) == "Ativa"


def test_an_explanation_has_titles_for_its_chain(loaded: Loaded) -> None:
    said = loaded.admin.get(f"{loaded.path}/explain/sku/{loaded.good['key']}")
    assert pt(said["state_title"]) == "Em dia na loja" and pt(said["verdict"]["title"]) == "Em dia na loja"
    link = next(each for each in said["chain"] if each["kind"] == "product")
    assert pt(link["title"]) == f"Produto {link['key']}" and pt(link["state_title"]) == "Em dia na loja"
    order = loaded.admin.get(f"{loaded.path}/explain/order/{loaded.order}")
    assert pt(order["state_title"]) == pt(order["verdict"]["title"]) == "Faturado"
    [hit] = loaded.admin.get("/search", q=loaded.order)["items"]
    assert pt(hit["state_title"]) == "Faturado"


# ---- times ----


@pytest.mark.trap("engine.zone")
def test_times_are_said_in_the_tenants_zone(loaded: Loaded) -> None:
    """Acre is two hours behind Brasília, all year."""
    at = f"{loaded.path}/explain/sku/{loaded.good['key']}"
    since = datetime.fromisoformat(loaded.admin.get(at)["verdict"]["since"])
    try:
        for zone in ("America/Sao_Paulo", "America/Rio_Branco"):
            assert loaded.admin.patch("/me", {"zone": zone})["tenant"]["zone"] == zone
            here = since.astimezone(ZoneInfo(zone))
            said = loaded.admin.get(at)
            assert f"(desde {here:%d/%m/%Y} às {here:%H:%M})" in said["verdict"]["text"]["pt"]
            assert f"(since {here:%Y-%m-%d %H:%M})" in said["verdict"]["text"]["en"]
            placed = datetime.fromisoformat(loaded.shown()["placed_at"]).astimezone(ZoneInfo(zone))
            [_, row] = list(csv.reader(io.StringIO(loaded.admin.get(f"{loaded.path}/orders.csv").lstrip("\ufeff")), delimiter=";"))
            assert f"{placed:%d/%m/%Y} às {placed:%H:%M}" in row
            listed = loaded.admin.get(f"{loaded.path}/orders", since=f"{placed:%Y-%m-%d}", until=f"{placed:%Y-%m-%d}")
            assert [each["key"] for each in listed["items"]] == [loaded.order]
    finally:
        loaded.admin.patch("/me", {"zone": "America/Sao_Paulo"})


def test_a_zone_that_does_not_exist_is_refused(house: House) -> None:
    problem = house.installer.refused("POST", "/tenants", 422, {"name": "Loja", "zone": "Brasilia"})
    assert problem["errors"][0]["where"] == "zone" and "America/Manaus" in problem["hint"]
    key = house.installer.post("/tenants", {"name": "Loja", "zone": "America/Manaus"})["admin_key"]
    admin = house.caller(key)
    assert admin.get("/me")["tenant"]["zone"] == "America/Manaus"
    admin.refused("PATCH", "/me", 422, {"zone": "../etc/passwd"})
    operator = house.with_role(admin, "operator")
    operator.refused("PATCH", "/me", 403, {"zone": "America/Manaus"})
