"""Who may do what; and that no tenant ever sees anything of another."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from api.tests.conftest import Caller, Loaded
from litestar import Litestar
from litestar.routes import HTTPRoute

from engate.errors import Invalid
from engate.store import config
from engate.store.db import Store
from engate.store.tables import api_key, metadata
from engate_api.app import create_app
from engate_api.auth import admin, installer, operator, reader
from engate_api.settings import from_environment

DOOR = {"/in/{connection:str}/{name:str}", "/in/{connection:str}/{name:str}/{rest:path}"}
OPEN = {"/health", "/ready", "/metrics", *DOOR}


def routes(app: Litestar) -> list[tuple[str, str, Any]]:
    """(method, path, guard) of every route of ours."""
    found: list[tuple[str, str, Any]] = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or route.path.startswith("/schema"):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            if method != "OPTIONS":
                found.append((method, route.path, next(iter(handler.guards or ()), None)))
    return sorted(found, key=lambda each: each[:2])


ROUTES = routes(create_app(from_environment({})))
GETS = [path for method, path, _ in ROUTES if method == "GET" and path not in OPEN]


def filled(path: str, loaded: Loaded) -> str:
    """The path of something that is really there, of tenant A."""
    resource = path.split("/")[1]
    listed = {"connections": "/connections", "runs": f"{loaded.path}/runs"}
    id = loaded.admin.get(listed[resource])["items"][0]["id"] if resource in listed else loaded.id
    path = path.replace("{id:int}", str(id), 1)
    given = {"{delivery:int}": "1", "{key:str}": loaded.order, "{flow:str}": "stock", "{kind:str}": "sku", "{key:path}": loaded.good["key"]}
    if "/mapping/" in path:
        given |= {"{kind:str}": "payments", "{key:path}": loaded.admin.get(loaded.path)["mapping"]["payments"][0]["form"]}
    given["{any:path}"] = loaded.order if "explain/order" in path else loaded.good["key"]
    for name, value in given.items():
        path = path.replace(name, value)
    assert "{" not in path, path
    return path


def test_every_route_says_who_may_use_it() -> None:
    assert len(ROUTES) > 35
    assert {path for _, path, guard in ROUTES if guard is None} == OPEN
    assert {path for _, path, guard in ROUTES if guard is installer} == {"/tenants", "/tenants/{id:int}/keys"}
    for method, path, guard in ROUTES:
        if method == "GET" and guard is not None:
            assert guard is (admin if path in ("/keys", "/audit") else reader), path
        if method != "GET" and not path.startswith("/tenants") and path not in DOOR:
            assert guard in (operator, admin) or path == "/search", (method, path)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, guard in ROUTES if guard is not None])
def test_without_a_key_nothing_is_told(loaded: Loaded, method: str, path: str) -> None:
    problem = loaded.house.nobody.refused(method, filled(path, loaded), 401)
    assert problem["code"] == "no_key"
    loaded.house.caller("eng_" + "x" * 43).refused(method, filled(path, loaded), 401)


@pytest.fixture(scope="module")
def keys(loaded: Loaded) -> dict[str, Caller]:
    made = {role: loaded.house.with_role(loaded.admin, role) for role in ("read", "operator")}
    return {**made, "installation": loaded.house.installer}


@pytest.mark.parametrize(("method", "path", "guard"), [each for each in ROUTES if each[2] is not None])
def test_roles(loaded: Loaded, keys: dict[str, Caller], method: str, path: str, guard: Any) -> None:
    """Refused by role before anything is looked at; GETs that are allowed answer."""
    at = filled(path, loaded)
    if guard is not installer:
        assert keys["installation"].refused(method, at, 403)["code"] == "forbidden"
    else:
        loaded.admin.refused(method, at, 403, {"name": "x"})
    if guard in (operator, admin):
        keys["read"].refused(method, at, 403)
    if guard is admin:
        keys["operator"].refused(method, at, 403)
    if method == "GET" and guard is reader:
        keys["read"].get(at)
        keys["operator"].get(at)


@pytest.fixture(scope="module")
def stranger(loaded: Loaded) -> Caller:
    return loaded.house.tenant("Loja B")


@pytest.mark.parametrize("path", GETS)
def test_a_stranger_sees_nothing(loaded: Loaded, stranger: Caller, path: str) -> None:
    """Tenant B asks for what tenant A surely has: not found, or nothing of it."""
    at = filled(path, loaded)
    mine = loaded.admin.get(at)
    assert mine
    if "{" in path:
        assert stranger.refused("GET", at, 404)["code"] == "not_found"
        return
    said = stranger.call("GET", at)
    assert said.status_code == 200
    if path in ("/keys", "/connections", "/integrations"):
        assert not {item["id"] for item in said.json()["items"]} & {item["id"] for item in mine["items"]}
    assert "Loja A" not in said.text


CHANGES = [each for each in ROUTES if each[0] != "GET" and "{" in each[1] and each[2] not in (None, installer)]


@pytest.mark.parametrize(("method", "path", "guard"), CHANGES)
def test_a_stranger_changes_nothing(loaded: Loaded, stranger: Caller, method: str, path: str, guard: Any) -> None:
    bodies: dict[str, Any] = {
        "records/retry": {"records": [1]},
        "tasks/close": {"note": "Pix devolvido"},
        "mail-preview": {"what": "shipped"},
    }
    known = next((body for end, body in bodies.items() if path.endswith(end)), {} if method != "DELETE" else None)
    body = {"remote": "1"} if method == "PUT" else known
    at = filled(path, loaded)
    if path.startswith("/keys"):
        at = f"/keys/{loaded.admin.get('/keys')['items'][0]['id']}"
    stranger.refused(method, at, 404, body)
    assert loaded.admin.get("/me")["role"] == "admin"


def test_a_strangers_connection_cannot_be_coupled(loaded: Loaded, stranger: Caller) -> None:
    ids = [each["id"] for each in loaded.admin.get("/connections")["items"]]
    stranger.refused("POST", "/integrations", 404, {"name": "x", "erp_connection": ids[0], "storefront_connection": ids[1]})
    assert stranger.get("/integrations")["items"] == []


def test_keys_are_shown_once_and_revoked(loaded: Loaded) -> None:
    other = loaded.house.tenant("Chaves")
    made = other.post("/keys", {"name": "suporte", "role": "read"})
    assert re.fullmatch(r"eng_[\w-]{43}", made["key"])
    used = loaded.house.caller(made["key"])
    assert used.get("/me") == {
        "tenant": {"id": other.get("/me")["tenant"]["id"], "name": "Chaves", "zone": "America/Sao_Paulo"},
        "role": "read",
    }
    listed = other.call("GET", "/keys")
    assert made["key"] not in listed.text
    mine = next(key for key in listed.json()["items"] if key["id"] == made["id"])
    assert made["key"].startswith(mine["start"])
    assert mine["used_at"] is not None
    other.delete(f"/keys/{made['id']}")
    used.refused("GET", "/me", 401)
    other.refused("DELETE", f"/keys/{made['id']}", 404)
    last = next(key for key in other.get("/keys")["items"] if key["role"] == "admin")
    assert other.refused("DELETE", f"/keys/{last['id']}", 409)["code"] == "in_use"


def test_a_tenant_that_lost_its_keys_gets_one_again(loaded: Loaded) -> None:
    """By the installation key, and the log says so."""
    house = loaded.house
    tenant = house.installer.post("/tenants", {"name": "Sem chave"})
    with structlog.testing.capture_logs() as lines:
        made = house.installer.post(f"/tenants/{tenant['id']}/keys", {"name": "resgate"})
    back = house.caller(made["key"])
    assert back.get("/me") == {"tenant": {"id": tenant["id"], "name": "Sem chave", "zone": "America/Sao_Paulo"}, "role": "admin"}
    line = next(line for line in lines if line["event"] == "key_recovered")
    assert (line["tenant"], line["key"], line["by"]) == (tenant["id"], made["id"], "installation")
    assert made["key"] not in str(lines)
    lost = next(key for key in back.get("/keys")["items"] if key["name"] == "admin")
    back.delete(f"/keys/{lost['id']}")
    house.caller(tenant["admin_key"]).refused("GET", "/me", 401)
    house.installer.refused("POST", "/tenants/999999/keys", 404)


@pytest.mark.trap("engine.last-admin")
def test_two_admin_keys_cannot_revoke_each_other(postgres_database: str) -> None:
    """Both at once: the second waits for the first, and is told that it would be the last to go."""
    store = Store(postgres_database)
    metadata.create_all(store.engine)
    with store.write() as c:
        tenant_id, _ = config.create_tenant(c, "Loja", 0.0)
        other, _ = config.create_key(c, tenant_id, "outra", "admin", 0.0)
        first = other - 1
    with ThreadPoolExecutor(1) as beside:

        def second() -> str:
            try:
                with store.write() as c:
                    config.revoke_key(c, tenant_id, first, 1.0)
            except Invalid as error:
                return error.code
            return "revoked"

        with store.write() as c:
            config.revoke_key(c, tenant_id, other, 1.0)
            late = beside.submit(second)
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            with store.read() as watching:
                while not late.done() and not watching.exec_driver_sql(waits).scalar_one():
                    watching.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        assert late.result(20) == "in_use"
    with store.read() as c:
        assert c.execute(sa.select(api_key.c.id).where(api_key.c.revoked_at.is_(None))).scalars().all() == [first]
    store.close()


def test_tenant_names_are_unique(loaded: Loaded) -> None:
    assert loaded.house.installer.refused("POST", "/tenants", 409, {"name": "Loja A"})["code"] == "name_taken"
    assert loaded.house.installer.refused("POST", "/tenants", 400, {"nome": "x"})["errors"]
