"""Alive, ready, measured; and what an answer looks like when it is no."""

from __future__ import annotations

import re

import pytest
import structlog
from api.tests.conftest import Loaded

from engate.metrics import MOST_OPERATIONS, Metrics
from engate.views import summary


def test_alive_and_ready_without_a_key(loaded: Loaded) -> None:
    assert loaded.house.nobody.get("/health") == {"status": "ok"}
    assert loaded.house.nobody.get("/ready") == {"status": "ok"}


def test_metrics_tell_of_calls_and_states_but_of_no_tenant(loaded: Loaded) -> None:
    answer = loaded.house.nobody.call("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.search(r'engate_platform_calls_total\{method="GET",operation="[^"]+",status="200"\} [1-9]', answer.text)
    assert 'engate_records{kind="product",state="settled"} 7.0' in answer.text
    assert 'engate_orders{state="invoiced"} 1.0' in answer.text
    assert "engate_lanes_due " in answer.text and "engate_lanes_due_seconds " in answer.text
    assert 'engate_connections{health="ok"} 2.0' in answer.text and 'engate_connections{health="reauth_required"} 0.0' in answer.text
    assert re.search(r'engate_causes\{owner="person"\} [1-9]', answer.text)  # the product without category, the SKU without weight
    assert "engate_workers_alive 1.0" in answer.text
    assert re.search(r'engate_slices_total\{lane="push",outcome="done"\} [1-9]', answer.text)
    assert 'engate_dependency_up{dependency="database"} 1.0' in answer.text and 'dependency="redis"' not in answer.text
    assert "Loja" not in answer.text and loaded.order not in answer.text


def test_labels_do_not_grow_with_data() -> None:
    metrics = Metrics()
    for number in range(MOST_OPERATIONS + 50):
        metrics.note("GET", f"/thing/{number}", 200, 0.1)
    for number in range(50):
        metrics.worked(f"order/{number}", "done", 0.1)
    text = metrics.scraped({}).decode()
    assert 'engate_slices_total{lane="order",outcome="done"} 50.0' in text and "order/" not in text
    assert 'engate_platform_calls_total{method="GET",operation="other",status="200"} 50.0' in text
    assert text.count("engate_platform_calls_total{") == MOST_OPERATIONS + 1


def test_workers_count_their_slices(loaded: Loaded) -> None:
    slices = loaded.house.until(lambda: loaded.admin.get("/workers")["slices"])
    assert sum(slices.values()) > 10


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nada", 404, "no_route"),
        ("DELETE", "/me", 405, "no_method"),
        ("GET", "/integrations/999", 404, "not_found"),
        ("GET", "/runs/x", 404, "no_route"),
    ],
)
def test_every_no_is_a_problem(loaded: Loaded, method: str, path: str, status: int, code: str) -> None:
    assert loaded.admin.refused(method, path, status)["code"] == code


@pytest.mark.trap("engine.body-unreadable")
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"[]",
        b'{"name": 5}',
        b'{"name": "x", "extra": 1}',
        b'{"name": ""}',
        b"\xff",
        '{"name": "José"}'.encode("latin-1"),
        b"[" * 100_000,
        b'{"name": ' * 100_000,
    ],
)
def test_a_bad_body_names_what_is_wrong(loaded: Loaded, content: bytes) -> None:
    answer = loaded.house.installer._client.post(  # pyright: ignore[reportPrivateUsage]
        "/tenants", content=content, headers={"authorization": f"Bearer {loaded.house.installer.key}", "content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["detail"]


def test_a_fault_of_ours_shows_nothing_of_itself(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("postgresql://user:very-secret@host/db")

    monkeypatch.setattr(summary, "summary", broken)
    with structlog.testing.capture_logs() as logged:
        problem = loaded.admin.refused("GET", f"{loaded.path}/summary", 500)
    assert problem["code"] == "internal"
    assert "very-secret" not in str(problem)
    assert [each["path"] for each in logged if each["event"] == "request_broke"] == [f"{loaded.path}/summary"]


def test_a_passed_test_lets_waiting_lanes_go(loaded: Loaded) -> None:
    """Changed credentials work on nothing until they have passed a test; the test ends the wait at once."""
    shown = loaded.admin.get(loaded.path)
    shop = shown["storefront_connection"]
    secrets = loaded.house.shop.about.secrets
    name = next(iter(secrets))
    loaded.admin.patch(f"/connections/{shop}", {"secrets": {name: "refused"}})
    tested = loaded.admin.post(f"/connections/{shop}/test")
    assert not tested["passed"] and any(check["text"]["pt"] for check in tested["checks"])
    loaded.admin.patch(f"/connections/{shop}", {"secrets": {name: secrets[name]}})
    assert loaded.admin.get(loaded.path)["status"] == "Não conectada"
    requests = loaded.house.shop.get("ledger")["requests"]
    assert loaded.admin.post(f"/connections/{shop}/test")["passed"]
    loaded.house.until(lambda: loaded.house.shop.get("ledger")["requests"] > requests + 15, 10)
    assert loaded.admin.get(loaded.path)["status"] == "Ativa"
    assert loaded.admin.get(loaded.path)["health"]["state"] == "ok"
