"""Credentials go in, are tested line by line, and never come out."""

from __future__ import annotations

from typing import Any

from api.tests.conftest import House, Loaded
from tests.support.goods import goods

from engate.store import health


def body(house: House, **more: Any) -> dict[str, Any]:
    said = house.shop.about
    return {"name": "loja", "platform": said.platform, "settings": {**said.settings, **said.unlimited}, "secrets": said.secrets} | more


def test_platforms_say_what_they_need(loaded: Loaded) -> None:
    items = {each["key"]: each for each in loaded.admin.get("/platforms")["items"]}
    for box in (loaded.house.erp, loaded.house.shop):
        platform = items[box.about.platform]
        assert platform["failure"] is None
        assert platform["role"] == box.about.role
        assert platform["hooks"]
        schema = platform["settings_schema"]
        properties = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
        for name in box.about.secrets:
            assert properties[name]["writeOnly"] is True


def test_made_changed_tested_and_deleted(house: House) -> None:
    admin = house.tenant("Loja")
    made = admin.post("/connections", body(house))
    assert made["status"] == "untested"
    assert made["secrets_set"] == sorted(house.shop.about.secrets)
    assert made["health"] == {"state": "ok", "reason": None, "hint": None}
    id = made["id"]
    passed = admin.post(f"/connections/{id}/test")
    assert passed["passed"] and passed["identity"] and all(check["ok"] for check in passed["checks"])
    shown = admin.get(f"/connections/{id}")
    assert (shown["status"], shown["identity"]) == ("tested", passed["identity"])
    secret = next(iter(house.shop.about.secrets))
    changed = admin.patch(f"/connections/{id}", {"name": "outra", "secrets": {secret: "wrong-secret-value"}})
    assert (changed["name"], changed["status"], changed["checks"]) == ("outra", "untested", [])
    assert changed["settings"] == made["settings"]
    failed = admin.post(f"/connections/{id}/test")
    assert not failed["passed"]
    line = next(check for check in failed["checks"] if not check["ok"])
    assert line["text"]["pt"] and line["text"]["en"]
    assert admin.get(f"/connections/{id}")["status"] == "failed"
    assert all("wrong-secret-value" not in answer.text for answer in house.seen)
    admin.delete(f"/connections/{id}")
    admin.refused("GET", f"/connections/{id}", 404)


def test_what_cannot_be_accepted(house: House) -> None:
    admin = house.tenant("Loja")
    secret = next(iter(house.shop.about.secrets))
    value = "leak-if-stored-in-the-open"
    misspelt = admin.refused("POST", "/connections", 422, body(house, settings={**house.shop.about.settings, secret + "x": value}))
    assert misspelt["errors"][0]["where"] == f"settings.{secret}x"
    in_the_open = admin.refused("POST", "/connections", 422, body(house, settings={**house.shop.about.settings, secret: value}))
    assert in_the_open["errors"][0]["where"] == f"settings.{secret}" and "secrets" in in_the_open["hint"]
    missing = admin.refused("POST", "/connections", 422, body(house, secrets={}))
    assert missing["code"] == "invalid" and missing["hint"] and missing["errors"][0]["where"] in house.shop.about.secrets
    assert house.shop.about.platform in admin.refused("POST", "/connections", 422, body(house, platform="nenhuma"))["hint"]
    assert admin.refused("POST", "/connections", 400, body(house, secrets={secret: 5}))["errors"]
    assert all(value not in answer.text for answer in house.seen)
    assert admin.get("/connections")["items"] == []
    admin.post("/connections", body(house))
    assert admin.refused("POST", "/connections", 409, body(house))["code"] == "name_taken"


def test_a_connection_in_use_stays_and_stays_the_same_account(house: House) -> None:
    admin = house.tenant("Loja")
    id = house.couple(admin)
    integration = admin.get(f"/integrations/{id}")
    shop = integration["storefront_connection"]
    used = admin.refused("DELETE", f"/connections/{shop}", 409)
    assert used["code"] == "in_use" and "par" in used["detail"]
    before = admin.get(f"/connections/{shop}")["identity"]
    setting = next(name for name, value in house.shop.about.settings.items() if value == before)
    alone = admin.refused("PATCH", f"/connections/{shop}", 422, {"settings": {setting: "outraconta"}})
    assert alone["code"] == "secrets_needed", "stored credentials do not follow to another address"
    admin.patch(f"/connections/{shop}", {"settings": {setting: "outraconta"}, "secrets": house.shop.about.secrets})
    assert admin.get(f"/integrations/{id}")["status"] == "Não conectada"
    result = admin.post(f"/connections/{shop}/test")
    assert not result["passed"]
    assert result["identity"] == before
    admin.patch(f"/connections/{shop}", {"settings": {setting: before}, "secrets": house.shop.about.secrets})
    assert admin.post(f"/connections/{shop}/test")["passed"]
    assert admin.get(f"/integrations/{id}")["status"] == "Inativa"


def test_an_unreachable_platform_is_a_line_of_the_test(house: House) -> None:
    admin = house.tenant("Loja")
    settings = {name: "http://127.0.0.1:9" if str(value).startswith("http") else value for name, value in house.erp.about.settings.items()}
    said = house.erp.about
    id = admin.post("/connections", {"name": "erp", "platform": said.platform, "settings": settings, "secrets": said.secrets})["id"]
    result = admin.post(f"/connections/{id}/test")
    assert not result["passed"]
    assert any(not check["ok"] and check["hint"]["pt"] for check in result["checks"])


def test_a_wrong_password_is_told_by_the_integration_and_refuses_a_load(house: House) -> None:
    """Saved, it has not been tested; tested, it says what the platform said; and a load that cannot run is refused with that."""
    house.erp.post("seed", goods(1))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    path = f"/integrations/{id}"
    admin.post(f"{path}/activate", {})
    house.quiet(admin, id)
    erp = next(each["id"] for each in admin.get("/connections")["items"] if each["role"] == "erp")
    secrets = house.erp.about.secrets
    admin.patch(f"/connections/{erp}", {"secrets": dict.fromkeys(secrets, "errada")})
    shown = admin.get(path)
    assert shown["status"] == "Não conectada"
    assert shown["health"]["state"] == "degraded" and "teste" in shown["health"]["hint"]["pt"].lower()
    untested = admin.refused("POST", f"{path}/resync", 409, {})
    assert untested["code"] == "not_connected" and untested["detail"].endswith(shown["health"]["reason"]["pt"])
    failed = next(check for check in admin.post(f"/connections/{erp}/test")["checks"] if not check["ok"])
    for at in (path, f"/connections/{erp}"):
        told = admin.get(at)["health"]
        assert told["state"] == "reauth_required", at
        assert (told["reason"], told["hint"]) == (failed["text"], failed["hint"]), at
    problem = admin.refused("POST", f"{path}/resync", 409, {})
    assert problem["code"] == "not_connected" and failed["text"]["pt"] in problem["detail"] and problem["hint"] == failed["hint"]["pt"]
    admin.patch(f"/connections/{erp}", {"secrets": secrets})
    assert admin.post(f"/connections/{erp}/test")["passed"]
    assert admin.get(path)["health"] == {"state": "ok", "reason": None, "hint": None}
    assert admin.post(f"{path}/resync", {})["runs"]


def test_a_load_is_refused_while_the_credentials_are_refused(house: House) -> None:
    """Nothing was changed: the platform itself refuses what was good before."""
    admin = house.tenant("Loja")
    id = house.couple(admin)
    admin.post(f"/integrations/{id}/activate", {"everything": True})
    erp = next(each["id"] for each in admin.get("/connections")["items"] if each["role"] == "erp")
    said = {
        "code": "auth_failed",
        "text": {"pt": "Senha recusada.", "en": "Password refused."},
        "hint": {"pt": "Troque.", "en": "Change it."},
    }
    store = house.client.app.state.installation.store
    with store.write() as c:
        health.refused(c, erp, said)
    problem = admin.refused("POST", f"/integrations/{id}/resync", 409, {})
    assert problem["code"] == "reauth_required" and "Senha recusada." in problem["detail"] and problem["hint"] == "Troque."
