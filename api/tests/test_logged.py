"""What people do over the API is in the log, with who did it and never with what is secret."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from api.tests.conftest import House

from engate import logs


@pytest.mark.trap("engine.log-of-people")
def test_who_did_what_is_a_line_each(house: House) -> None:
    logs.configure("DEBUG")
    with structlog.testing.capture_logs() as told:
        admin = house.tenant("Loja")
        made = admin.post("/keys", {"name": "leitura", "role": "read"})
        house.caller(made["key"]).refused("POST", "/keys", 403, {"name": "x", "role": "admin"})
        admin.delete(f"/keys/{made['id']}")
        house.caller(made["key"]).refused("GET", "/me", 401)
        secret = next(iter(house.shop.about.secrets))
        id = house.couple(admin)
        shop = admin.get(f"/integrations/{id}")["storefront_connection"]
        admin.patch(f"/connections/{shop}", {"secrets": {secret: "a-wrong-one-that-nobody-may-read"}})
        assert not admin.post(f"/connections/{shop}/test")["passed"]
        admin.patch(f"/connections/{shop}", {"secrets": {secret: house.shop.about.secrets[secret]}})
        admin.post(f"/connections/{shop}/test")
        admin.patch(f"/integrations/{id}", {"options": {"stock_buffer": 1}})
        admin.post(f"/integrations/{id}/activate", {})
        admin.post(f"/integrations/{id}/deactivate", {})
        admin.delete(f"/integrations/{id}", confirm="par")
        admin.delete(f"/connections/{shop}")

    def lines(event: str) -> list[Any]:
        return [line for line in told if line["event"] == event]

    key = lines("key_made")[0]
    assert (key["key"], key["role"]) == (made["id"], "read") and key["by"] and key["tenant"]
    assert [line["key"] for line in lines("key_revoked")] == [made["id"]]
    assert [(line["method"], line["path"], line["code"]) for line in lines("key_refused")] == [
        ("POST", "/keys", "forbidden"),
        ("GET", "/me", "no_key"),
    ]
    assert {line["platform"] for line in lines("connection_made")} == {house.erp.about.platform, house.shop.about.platform}
    assert len(lines("connection_tested")) == 3
    [failed] = lines("connection_test_failed")
    assert failed["connection"] == shop and failed["error"] and failed["line"]
    assert {line["what"] for line in lines("connection_changed")} == {secret}
    for event in ("integration_made", "integration_activated", "integration_deactivated", "integration_deleted"):
        assert [line["integration"] for line in lines(event)] == [id], event
    assert "options" in {line["what"] for line in lines("integration_changed")}
    assert [line["connection"] for line in lines("connection_deleted")] == [shop]
    whole = str(told)
    assert "a-wrong-one" not in whole and made["key"] not in whole and admin.key not in whole
    assert not [value for box in (house.erp, house.shop) for value in box.about.secrets.values() if value in whole]
