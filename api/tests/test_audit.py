"""The audit trail: whatever a person changes over REST leaves a line that says who, what, from what to what, and never a secret."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa
from api.tests.doors import KEY, Doored, doored
from api.tests.test_access import DOOR, ROUTES

from engate.store import audit as trail
from engate.store.audit import ACTS, KEPT
from engate.store.db import Store
from engate.store.tables import audit, metadata, tenant

CHANGES = {(method, path) for method, path, _ in ROUTES if method != "GET" and path not in DOOR}
LOOKS = {("POST", "/integrations/{id:int}/mail-preview"), ("POST", "/search")}
"""They only tell something."""
MAIL = {"settings": {"host": "127.0.0.1", "port": 9, "security": "none", "sender": "loja@exemplo.com.br"}}


class Call(NamedTuple):
    """A request that succeeds, and what its line says was done. `route`: where `path` leads."""

    method: str
    route: str
    path: str
    body: Any
    what: str
    installer: bool = False


async def lines(house: Doored, **filters: Any) -> list[Any]:
    query = str(httpx.QueryParams(filters))
    return (await house.api("GET", f"/audit?{query}"))["items"]


def fields(line: Any) -> dict[str, tuple[Any, Any]]:
    return {change["field"]: (change["before"], change["after"]) for change in line["changes"]}


async def calls(house: Doored) -> list[Call]:
    """In an order in which each can be."""
    at, order = f"/integrations/{house.id}", house.sell()
    await house.until(lambda: house.in_erp(order))
    sku = min(house.shop.state(), key=lambda each: each.key).key
    link = next(each for each in (await house.api("GET", f"{at}/links?kind=sku"))["items"] if each["key"] == sku)
    delivery = (await house.deliveries())[0]["id"]
    tenant = (await house.api("GET", "/me"))["tenant"]["id"]
    spare = (await house.api("POST", "/keys", {"name": "sobra", "role": "read"}))["id"]
    said = house.erp.describe()
    account = {"name": "Outra", "platform": said.platform, "settings": said.settings, "secrets": said.secrets}
    other = (await house.api("POST", "/connections", {**account, "name": "Terceira"}))["id"]
    shop = house.shop.describe()
    spare_shop = {"name": "Loja 2", "platform": shop.platform, "settings": shop.settings, "secrets": shop.secrets}
    second = (await house.api("POST", "/connections", spare_shop))["id"]
    pair = {"name": "par 2", "erp_connection": house.erp_id, "storefront_connection": second}
    row = (await house.api("GET", at))["mapping"]["payments"][0]
    ints, conns = "/integrations/{id:int}", "/connections/{id:int}"
    key = "{kind:str}/{key:path}"
    return [
        Call("POST", "/tenants", "/tenants", {"name": "Nova"}, "tenant.created", installer=True),
        Call("PATCH", "/me", "/me", {"zone": "America/Manaus"}, "tenant.changed"),
        Call("POST", "/tenants/{id:int}/keys", f"/tenants/{tenant}/keys", {"name": "resgate"}, "key.recovered", installer=True),
        Call("POST", "/keys", "/keys", {"name": "suporte", "role": "operator"}, "key.created"),
        Call("DELETE", "/keys/{id:int}", f"/keys/{spare}", None, "key.revoked"),
        Call("POST", "/connections", "/connections", account, "connection.created"),
        Call("PATCH", conns, f"/connections/{other}", {"name": "Quarta"}, "connection.changed"),
        Call("DELETE", conns, f"/connections/{other}", None, "connection.deleted"),
        Call("POST", f"{conns}/webhook-address", f"/connections/{house.shop_id}/webhook-address", {}, "connection.readdressed"),
        Call("POST", f"{conns}/test", f"/connections/{house.erp_id}/test", {}, "connection.tested"),
        Call("POST", f"{conns}/calls", f"/connections/{house.erp_id}/calls", {"minutes": 5}, "connection.calls_kept"),
        Call("POST", "/integrations", "/integrations", pair, "integration.created"),
        Call("PATCH", ints, at, {"options": {"stock_buffer": 3}}, "integration.changed"),
        Call("PATCH", f"{ints}/flows/{{flow:str}}", f"{at}/flows/stock", {"every": 1800}, "integration.changed"),
        Call(
            "PUT", f"{ints}/mapping/{key}", f"{at}/mapping/payments/{row['form']}", {**row, "import_when": "placed"}, "integration.changed"
        ),
        Call("DELETE", f"{ints}/mapping/{key}", f"{at}/mapping/payments/{row['form']}", None, "integration.changed"),
        Call("POST", f"{ints}/resync", f"{at}/resync", {"flows": ["products"]}, "integration.resynced"),
        Call("POST", "/runs/{id:int}/cancel", "", None, "run.cancelled"),
        Call("POST", f"{ints}/records/retry", f"{at}/records/retry", {"records": [1]}, "records.retried"),
        Call("POST", f"{ints}/orders/{{key:str}}/retry", f"{at}/orders/{order}/retry", {}, "order.retried"),
        Call("POST", f"{ints}/orders/{{key:str}}/tasks/close", f"{at}/orders/{order}/tasks/close", {"note": "feito"}, "order.tasks_closed"),
        Call("POST", f"{ints}/deliveries/{{delivery:int}}/replay", f"{at}/deliveries/{delivery}/replay", {}, "delivery.replayed"),
        Call("POST", "/buyers/export", "/buyers/export", {"email": "ninguem@example.com"}, "buyers.exported"),
        Call("POST", "/buyers/erase", "/buyers/erase", {"email": "ninguem@example.com"}, "buyers.erased"),
        Call("PUT", "/mail-server", "/mail-server", MAIL, "mail_server.changed"),
        Call("POST", "/mail-server/test", "/mail-server/test", {"to": "eu@exemplo.com.br"}, "mail_server.tested"),
        Call("DELETE", "/mail-server", "/mail-server", None, "mail_server.deleted"),
        Call("POST", f"{ints}/deactivate", f"{at}/deactivate", {}, "integration.deactivated"),
        Call("DELETE", f"{ints}/links/{key}", f"{at}/links/sku/{sku}", None, "link.deleted"),
        Call("PUT", f"{ints}/links/{key}", f"{at}/links/sku/{sku}", {"remote": link["remote"]}, "link.changed"),
        Call("DELETE", f"{ints}/links", f"{at}/links?confirm=par", None, "links.deleted"),
        Call("POST", f"{ints}/links.csv", f"{at}/links.csv", f"Código ERP;Nome;ID na loja\r\n{sku};x;{link['remote']}", "links.imported"),
        Call("POST", f"{ints}/activate", f"{at}/activate", {"everything": True}, "integration.activated"),
        Call("DELETE", ints, f"{at}?confirm=par&open_orders=forget", None, "integration.deleted"),
    ]


async def made(house: Doored, call: Call) -> None:
    if call.method == "POST" and call.route == "/runs/{id:int}/cancel":
        await _cancelled(house)
    elif isinstance(call.body, str):
        headers = {"authorization": f"Bearer {house.key}", "content-type": "text/csv"}
        answer = await house.client.post(call.path, headers=headers, content=call.body.encode("cp1252"))
        assert answer.is_success and answer.json()["linked"] == 1, answer.text
    else:
        await house.api(call.method, call.path, call.body, key=KEY if call.installer else None)


async def _cancelled(house: Doored) -> None:
    """One that has not ended when it is cancelled."""
    for _ in range(20):
        [run] = (await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["prices"]}))["runs"]
        if (await house.api("POST", f"/runs/{run}/cancel", {}))["state"] == "cancelled":
            return
    pytest.fail("every run was over before it could be cancelled")


@pytest.mark.trap("engine.audit-line")
async def test_whatever_a_person_changes_leaves_a_line(tmp_path: Path) -> None:
    """Every route of the application that is no GET: one that is new fails here until it is asked too."""
    async with doored(tmp_path, live=True) as house:
        asked = await calls(house)
        assert {(call.method, call.route) for call in asked} | LOOKS == CHANGES
        own = next(key["id"] for key in (await house.api("GET", "/keys"))["items"] if key["name"] == "admin")
        for call in asked:
            last = (await lines(house, limit=1))[0]["id"]
            await made(house, call)
            at = f"{call.method} {call.route}"
            if call.route == "/tenants":
                with closing(sqlite3.connect(tmp_path / "engate.db")) as c:
                    found = c.execute("SELECT what, key_id, role, name FROM audit ORDER BY id DESC LIMIT 1").fetchall()
                assert found == [("tenant.created", None, "installation", "Nova")], "in the trail of the new tenant"
                continue
            line = (await lines(house, limit=1))[0]
            assert line["id"] > last and line["what"] == call.what, at
            assert line["by"] == {
                "id": None if call.installer else own,
                "name": "installation" if call.installer else "admin",
                "role": "installation" if call.installer else "admin",
            }, at
            assert line["title"] == {"pt": ACTS[call.what].pt, "en": ACTS[call.what].en} and line["at"]
            assert (line["integration"] == house.id) is call.path.startswith(f"/integrations/{house.id}") or not call.path, at
        assert {line["what"] for line in await lines(house, limit=500)} >= ACTS.keys() - {"tenant.created"}, "no act that nobody does"


@pytest.mark.trap("engine.audit-secret")
async def test_a_line_says_from_what_to_what_and_never_a_secret(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        secrets = house.erp.describe().secrets
        name, old = next(iter(secrets.items()))
        body = {"name": "ERP novo", "secrets": {**secrets, name: "outra-Senha-9"}}
        await house.api("PATCH", f"/connections/{house.erp_id}", body)
        line = (await lines(house, what="connection.changed"))[0]
        assert (line["thing"], line["name"]) == (str(house.erp_id), "ERP novo")
        said = fields(line)
        assert said["name"] == ("fake_erp", "ERP novo") and said[f"secrets.{name}"] == ("•••", "•••")
        assert [change["field"] for change in line["changes"] if change["secret"]] == [f"secrets.{each}" for each in sorted(secrets)]
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"stock_buffer": 7}, "name": "par novo"})
        assert fields((await lines(house, what="integration.changed"))[0]) == {
            "options.stock_buffer": (0, 7), "name": ("par", "par novo"),
        }  # fmt: skip
        before = await lines(house)
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"stock_buffer": 7}})
        assert await lines(house) == before, "nothing was changed"
        row = (await house.api("GET", f"/integrations/{house.id}"))["mapping"]["payments"][0]
        await house.api("PUT", f"/integrations/{house.id}/mapping/payments/{row['form']}", {**row, "import_when": "placed"})
        changed = fields((await lines(house))[0])[f"mapping.payments/{row['form']}"]
        assert changed[0] == {name: value for name, value in row.items() if name != "import_when"}
        assert changed[1] == {**changed[0], "import_when": "placed"}
        kept = (tmp_path / "engate.db").read_bytes() + (tmp_path / "engate.db-wal").read_bytes()
        assert old.encode() not in kept and b"outra-Senha-9" not in kept


@pytest.mark.trap("engine.audit-same-transaction")
async def test_a_change_and_its_line_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        before = await lines(house)
        await house.api("POST", "/integrations", {"name": "par", "erp_connection": house.erp_id, "storefront_connection": 1}, status=422)
        await house.api("DELETE", f"/connections/{house.erp_id}", status=409)
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"mail_shipped": True}}, status=422)
        assert await lines(house) == before, "what was refused leaves no line"
        with closing(sqlite3.connect(tmp_path / "engate.db")) as c:
            c.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
            c.commit()
            await house.api("PATCH", f"/integrations/{house.id}", {"name": "outro"}, status=409)
            assert (await house.api("GET", f"/integrations/{house.id}"))["name"] == "par", "a line that cannot be written fails the change"
            c.execute("DROP TRIGGER full")
            c.commit()
        await house.api("PATCH", f"/integrations/{house.id}", {"name": "outro"})
        assert len(await lines(house)) == len(before) + 1


async def test_the_trail_is_filtered_paged_and_outlives_what_it_tells_of(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        made = await house.api("POST", "/keys", {"name": "suporte", "role": "operator"})
        await house.api("PATCH", f"/integrations/{house.id}/flows/stock", {"enabled": False}, key=made["key"])
        await house.api("DELETE", f"/integrations/{house.id}?confirm=par")
        of_pair = await lines(house, integration=house.id)
        assert [line["what"] for line in of_pair][:2] == ["integration.deleted", "integration.changed"]
        assert of_pair[0]["name"] == "par" and fields(of_pair[0])["name"] == ("par", None)
        [mine] = await lines(house, key=made["id"])
        assert mine["by"] == {"id": made["id"], "name": "suporte", "role": "operator"}
        assert fields(mine) == {"flows.stock.off": (False, True)}
        assert {line["what"] for line in await lines(house, what="connection")} == {"connection.created", "connection.tested"}
        tomorrow, hour_ago = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(hours=1)
        assert await lines(house, since=tomorrow.isoformat()) == await lines(house, until=hour_ago.isoformat()) == []
        whole = await lines(house, since=hour_ago.isoformat())
        assert whole == await lines(house) and [line["id"] for line in whole] == sorted((line["id"] for line in whole), reverse=True)
        paged: list[Any] = []
        cursor = ""
        while cursor is not None:
            page = await house.api("GET", f"/audit?limit=3{f'&cursor={cursor}' if cursor else ''}")
            paged, cursor = paged + page["items"], page["next_cursor"]
        assert paged == whole
        await house.api("GET", "/audit?what=nonsense", status=422)
        await house.api("GET", "/audit", key=made["key"], status=403)
        other = (await house.api("POST", "/tenants", {"name": "Vizinha"}, key=KEY))["admin_key"]
        seen = (await house.api("GET", "/audit", key=other))["items"]
        assert [line["what"] for line in seen] == ["tenant.created"], "of its own tenant alone"


@pytest.mark.trap("engine.audit-purged")
def test_lines_are_forgotten_after_two_years(database: str) -> None:
    store, now = Store(database), 2_000_000_000.0
    metadata.create_all(store.engine)
    with store.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        row = {"tenant_id": 1, "key_name": "k", "role": "admin", "what": "key.created", "thing": "1", "name": "", "changes": []}
        c.execute(sa.insert(audit), [row | {"at": now - KEPT + seconds} for seconds in (-1, 1)])
    with store.write() as c:
        assert not trail.purge(c, now)
    with store.read() as c:
        assert c.execute(sa.select(audit.c.at)).scalars().all() == [now - KEPT + 1]
    store.close()
