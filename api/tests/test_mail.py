"""Over REST: the mail server, the switches of letters to buyers, and how a letter will look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from api.tests.conftest import Caller, House, Live, check_secrecy
from tests.support.goods import goods, sale
from tests.support.mailbox import PASSWORD, USER, Mailbox, certificate, mailbox


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Mailbox]:
    """It asks for a login."""
    served, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = mailbox(served)
    yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def body(box: Mailbox, **more: Any) -> dict[str, Any]:
    return {"settings": box.settings(security="starttls", user=USER, **more), "secrets": {"password": PASSWORD}}


def test_a_mail_server_is_configured_shown_without_its_password_and_tried_out(house: House, box: Mailbox) -> None:
    admin = house.tenant("Loja")
    assert admin.get("/mail-server") == {"configured": False, "settings": {}, "password_set": False, "refused": None, "refused_hint": None}
    admin.refused("POST", "/mail-server/test", 404, {"to": "eu@exemplo.com.br"})
    assert admin.refused("POST", "/mail-server/test", 422, {"to": "a..b@c.dd"})["errors"][0]["where"] == "to"
    shown = admin.put("/mail-server", body(box))
    assert shown["password_set"] and shown["settings"]["user"] == USER and "password" not in shown["settings"]
    assert admin.get("/mail-server") == shown
    assert admin.post("/mail-server/test", {"to": "eu@exemplo.com.br"})["passed"]
    assert [letter["To"] for letter in box.letters] == ["eu@exemplo.com.br"]
    changed = admin.put("/mail-server", {"settings": {**shown["settings"], "reply_to": "sac@exemplo.com.br"}})
    assert changed["password_set"] and admin.post("/mail-server/test", {"to": "eu@exemplo.com.br"})["passed"], "the password stayed"
    admin.delete("/mail-server")
    assert not admin.get("/mail-server")["configured"]
    check_secrecy(house.seen, [PASSWORD])


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"host": "outro.exemplo.com"}, "host"), ({"port": 2525}, "port"), ({"security": "tls"}, "security"),
    ],
)  # fmt: skip
@pytest.mark.trap("mail.password-stays")
def test_a_stored_password_does_not_follow_to_another_address(house: House, box: Mailbox, change: dict[str, Any], where: str) -> None:
    admin = house.tenant("Loja")
    shown = admin.put("/mail-server", body(box))
    problem = admin.refused("PUT", "/mail-server", 422, {"settings": {**shown["settings"], **change}})
    assert problem["code"] == "secrets_needed" and where in problem["detail_en"]
    assert admin.get("/mail-server") == shown


@pytest.mark.parametrize(
    ("settings", "secrets", "where"),
    [
        ({"security": "none", "user": "loja"}, {"password": "x"}, "security"),
        ({"user": "loja"}, {}, "password"),
        ({}, {"password": "x"}, "password"),
        ({"sender": "loja"}, {}, "sender"),
        ({"sender": "loja..x@exemplo.com.br"}, {}, "sender"),
        ({"sender": "ação@exemplo.com.br"}, {}, "sender"),
        ({"sender": "loja@exemplo..br"}, {}, "sender"),
        ({"reply_to": "a@b.cc\nBcc: x@y.zz"}, {}, "reply_to"),
        ({"host": "smtp exemplo"}, {}, "host"),
        ({"host": None}, {}, "host"),
        ({"porta": 25}, {}, "settings.porta"),
        ({"password": "x"}, {}, "settings.password"),
    ],
)
def test_what_is_no_mail_server_is_refused_by_its_field(
    house: House, settings: dict[str, Any], secrets: dict[str, str], where: str
) -> None:
    admin = house.tenant("Loja")
    given = {"host": "smtp.exemplo.com.br", "sender": "loja@exemplo.com.br", **settings}
    problem = admin.refused("PUT", "/mail-server", 422, {"settings": given, "secrets": secrets})
    assert problem["errors"][0]["where"].endswith(where), problem
    assert not admin.get("/mail-server")["configured"]


@pytest.mark.trap("mail.needs-server", "mail.server-in-use")
def test_a_switch_needs_a_server_and_a_server_in_use_stays(house: House, box: Mailbox) -> None:
    admin = house.tenant("Loja")
    problem = admin.refused(
        "POST", "/integrations", 422, {"name": "x", "erp_connection": 1, "storefront_connection": 2, "options": {"mail_shipped": True}}
    )
    assert problem["code"] == "no_mail_server" and problem["errors"][0]["where"] == "options.mail_shipped"
    id = house.couple(admin)
    assert admin.refused("PATCH", f"/integrations/{id}", 422, {"options": {"mail_delivered": True}})["code"] == "no_mail_server"
    admin.put("/mail-server", body(box))
    assert admin.patch(f"/integrations/{id}", {"options": {"mail_delivered": True}})["options"]["mail_delivered"]
    assert admin.refused("DELETE", "/mail-server", 409)["code"] == "in_use"
    admin.patch(f"/integrations/{id}", {"options": {"mail_delivered": False}})
    admin.delete("/mail-server")


def test_the_schema_of_a_mail_server_is_served_and_hides_the_password(house: House) -> None:
    admin = house.tenant("Loja")
    fields = admin.get("/integrations/schema")["mail_server"]["$defs"]["MailServer"]["properties"]
    assert fields["password"]["writeOnly"] and fields["host"]["title"] == "Servidor" and fields["host"]["x-title-en"] == "Server"


def previewed(admin: Caller, id: int, **draft: Any) -> Any:
    return admin.post(f"/integrations/{id}/mail-preview", draft)


def test_a_letter_is_previewed_by_an_example_by_a_draft_and_by_an_order(selling: Any) -> None:
    live: Live = selling(goods(1))
    admin, id = live.admin, live.id
    shown = previewed(admin, id, what="shipped")
    assert (
        shown["sender"] == "par" and "1234567" in shown["subject"] and "AB123456789BR" in shown["body"] and "{rastreio}" in shown["words"]
    )
    assert previewed(admin, id, what="delivered", subject="{loja}: {pedido}", body="Oi, {cliente}") == {
        **shown, "subject": "par: 1234567", "body": "Oi, Maria da Silva\n",
    }  # fmt: skip
    [sku] = live.house.shop.get("state")
    key = live.house.shop.post("sell", [sale(1, (sku["key"], 1, sku["price"]))])["1"]
    live.house.until(lambda: [each for each in admin.get(f"/integrations/{id}/orders")["items"] if each["key"] == key])
    assert key in previewed(admin, id, what="shipped", order=key)["subject"]
    path = f"/integrations/{id}/mail-preview"
    assert admin.refused("POST", path, 404, {"what": "shipped", "order": "nada"})["code"] == "not_found"
    problem = admin.refused("POST", path, 422, {"what": "shipped", "body": "{nome}"})
    assert problem["errors"][0]["where"] == "options.mail_shipped_body" and "{cliente}" in problem["hint"]


@pytest.mark.trap("mail.go-on")
def test_letters_that_waited_for_the_server_go_when_it_is_mended(selling: Any, box: Mailbox) -> None:
    live: Live = selling(goods(1))
    admin, id, house = live.admin, live.id, live.house
    wrong = body(box)
    wrong["secrets"]["password"] = "errada-" + PASSWORD
    admin.put("/mail-server", wrong)
    admin.patch(f"/integrations/{id}", {"options": {"mail_shipped": True}})
    [sku] = house.shop.get("state")
    house.shop.post("sell", [sale(1, (sku["key"], 1, sku["price"]))])
    house.until(lambda: house.erp.get("orders"))
    for step in ("invoiced", "shipped"):
        house.erp.post("progress", {"to": step})

    def waiting() -> list[Any]:
        return [cause for cause in admin.get(f"/integrations/{id}/causes")["items"] if cause["code"] == "mail.login"]

    [cause] = house.until(waiting)
    assert cause["messages"] == 1 and cause["owner"] == "person" and "e-mail" in cause["text"]["pt"]
    assert admin.get("/mail-server")["refused"]["pt"] in cause["text"]["pt"]
    assert not admin.post("/mail-server/test", {"to": "eu@exemplo.com.br"})["passed"]
    admin.put("/mail-server", body(box))
    house.until(lambda: box.letters)
    house.until(lambda: not waiting())
    assert admin.get("/mail-server")["refused"] is None
    check_secrecy(house.seen, [PASSWORD])
