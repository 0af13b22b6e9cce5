"""What becomes of orders: states, notes and tracking as they are asked for; payments and cancellations as they are told."""

from __future__ import annotations

from typing import Any

import pytest
from plugins.webstore.tests.conftest import Store
from plugins.webstore.tests.erp import SLUGS, Erp, error, ok

NOTE = "3526" + "1" * 40


@pytest.fixture
async def key(store: Store, erp: Erp) -> str:
    """An order that the ERP has as 9000."""
    erp.simple(1, saldo=10)
    await store.do("pull")
    made = await store.sell()
    await store.do("push")
    erp.calls.clear()
    return made


async def shown(store: Store) -> dict[str, Any]:
    [order] = await store.look("orders")
    return {"invoices": [], "tracking": [], **order}


PHASES = {
    "aberto": "in_erp", "aprovado": "in_erp", "preparando_envio": "in_erp", "faturado": "invoiced", "pronto_envio": "invoiced",
    "enviado": "shipped", "nao_entregue": "shipped", "entregue": "delivered", "cancelado": "cancelled",
}  # fmt: skip


@pytest.mark.parametrize(("slug", "phase"), PHASES.items())
async def test_every_state_of_the_facts(store: Store, erp: Erp, key: str, slug: str, phase: str) -> None:
    erp.orders["9000"]["situacao"] = SLUGS[slug]
    report = await store.do("poll")
    assert (report["asked"], report["changed"], report["failed"]) == (1, 1, {})
    order = await shown(store)
    assert (order["state"], order["phase"]) == (SLUGS[slug], phase)


async def test_notes_and_tracking(store: Store, erp: Erp, key: str) -> None:
    await store.do("poll")
    assert (await shown(store))["invoices"] == [] and not erp.of("nota.fiscal.obter")  # id 0: there is none
    erp.invoice("9000", NOTE)
    assert (await store.do("poll"))["notes"] == 1
    erp.orders["9000"] |= {"codigo_rastreamento": "BR123", "url_rastreamento": "https://r.example/BR123", "situacao": "Enviado"}
    assert await store.do("poll") == {"asked": 1, "changed": 1, "notes": 0, "failed": {}}
    order = await shown(store)
    assert (order["invoices"], order["tracking"], order["phase"]) == ([NOTE], ["BR123"], "shipped")
    [sale] = await store.look("sales")
    assert sale["notes"]["500"] == {"id": "500", "number": "500", "series": "1", "key": NOTE}
    assert sale["tracking_url"] == "https://r.example/BR123"


async def test_a_note_without_a_key_is_asked_for_again(store: Store, erp: Erp, key: str) -> None:
    erp.invoice("9000", "")
    await store.do("poll")
    assert (await shown(store))["invoices"] == []
    erp.notes["500"]["chave_acesso"] = NOTE
    await store.do("poll")
    assert (await shown(store))["invoices"] == [NOTE]


async def test_an_order_that_is_over_is_not_asked_for(store: Store, erp: Erp, key: str) -> None:
    erp.orders["9000"]["situacao"] = "Entregue"
    await store.do("poll")
    assert (await store.do("poll"))["asked"] == 0
    assert (await store.do("poll", {"orders": [key]}))["asked"] == 1
    assert (await store.told("poll", {"orders": ["77"]})).status_code == 422


async def test_what_the_erp_does_not_have_is_not_asked_for(store: Store, erp: Erp, key: str) -> None:
    await store.sell(2)
    assert (await store.do("poll"))["asked"] == 1


@pytest.mark.parametrize(
    ("service", "answer"),
    [
        ("pedido.obter", error(32)), ("pedido.obter", 503), ("pedido.obter", ok(pedido="")), ("pedido.obter", ok(pedido={"id": ["9000"]})),
        ("pedido.obter", ok(pedido={"id": "9000", "situacao": ["x"]})), ("nota.fiscal.obter", error(32)),
        ("nota.fiscal.obter", ok(nota_fiscal={"id": "500", "chave_acesso": {}})),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_changes_nothing(store: Store, erp: Erp, key: str, service: str, answer: Any) -> None:
    erp.invoice("9000", NOTE)
    erp.instead(service, answer)
    report = await store.do("poll")
    assert list(report["failed"]) == [key] and (await shown(store))["invoices"] == []
    await store.do("poll")
    assert (await shown(store))["invoices"] == [NOTE]


@pytest.mark.parametrize("service", ["pedido.obter", "nota.fiscal.obter"])
async def test_another_ones_answer_is_not_taken(store: Store, erp: Erp, key: str, service: str) -> None:
    erp.invoice("9000", NOTE)
    held = erp.orders["9000"] if service == "pedido.obter" else erp.notes["500"]
    held["id"] = "1"
    assert "another" in (await store.do("poll"))["failed"][key]
    assert (await shown(store))["invoices"] == []


async def test_states_are_asked_for_every_so_often(store: Store, erp: Erp, key: str) -> None:
    await store.set(states_every=60)
    await store.advance(59)
    await store.do("call", {"service": "info"})
    assert not erp.of("pedido.obter")
    for times in (1, 2):
        await store.advance(60)
        await store.until(lambda times=times: len(erp.of("pedido.obter")) == times)


# ---- what the store tells ----


async def test_a_payment_that_comes_later(store: Store, erp: Erp, key: str) -> None:
    await store.set(push_at_once=True)
    late = await store.sell(2, paid=False)
    await store.until(lambda: store.order(late).confirmed)
    assert erp.orders["9001"]["given"]["situacao"] == "aberto" and (await store.look("orders"))[1]["state"] == "Aguardando pagamento"
    assert await store.do("progress", {"to": "paid"}) == {"moved": 1}
    await store.until(lambda: store.order(late).told == "aprovado")
    [moved] = erp.of("pedido.alterar.situacao")
    assert (moved.fields["id"], moved.fields["situacao"], moved.php) == ("9001", "aprovado", False)
    assert await store.do("progress", {"to": "paid"}) == {"moved": 0}


async def test_a_payment_that_never_comes(store: Store, erp: Erp, key: str) -> None:
    await store.set(push_at_once=True)
    late = await store.sell(2, paid=False)
    assert await store.do("progress", {"to": "expired", "keys": [late]}) == {"moved": 1}
    await store.until(lambda: store.order(late).confirmed)
    assert erp.orders["9001"]["situacao"] == "Cancelado" and store.order(late).phase == "cancelled"


async def test_what_happens_while_an_order_is_on_its_way_is_told_afterwards(store: Store, erp: Erp, key: str) -> None:
    """The ERP has what the document said, not what has become of it since."""
    late = await store.sell(2, paid=False)
    await store.set(push_at_once=True)

    async def pay(_request: object) -> None:
        await store.do("progress", {"to": "paid"})

    erp.instead("pedido.incluir", pay)
    await store.do("push", {"orders": [late]})
    await store.until(lambda: store.order(late).confirmed)
    assert erp.orders["9001"]["given"]["situacao"] == "aberto" and erp.orders["9001"]["situacao"] == "Aprovado"
    assert len(erp.orders) == 2


async def test_a_cancellation_frees_what_was_held_and_is_told(store: Store, erp: Erp, key: str) -> None:
    await store.set(push_at_once=True)
    assert [row["level"] for row in await store.look("levels")] == ["9"]
    await store.do("cancel", {"keys": [key], "reason": "x"})
    await store.until(lambda: store.order(key).confirmed)
    assert [row["level"] for row in await store.look("levels")] == ["10"]
    assert erp.orders["9000"]["situacao"] == "Cancelado" and (await shown(store))["phase"] == "cancelled"


async def test_an_order_that_is_cancelled_before_it_went_is_handed_in_as_cancelled(store: Store, erp: Erp, key: str) -> None:
    second = await store.sell(2)
    await store.do("cancel", {"keys": [second], "reason": "x"})
    await store.do("push", {"orders": [second]})
    assert erp.orders["9001"]["given"]["situacao"] == "cancelado" and store.order(second).confirmed


async def test_a_cancellation_that_the_erp_refuses_is_said_once(store: Store, erp: Erp, key: str) -> None:
    await store.set(push_at_once=True, orders_every=60)
    erp.instead("pedido.alterar.situacao", error(31, "já faturado"))
    await store.do("cancel", {"keys": [key], "reason": "x"})
    await store.until(lambda: bool(store.order(key).refused))
    await store.advance(60)
    await store.do("poll")
    assert "já faturado" in store.order(key).refused and len(erp.of("pedido.alterar.situacao")) == 1


@pytest.mark.parametrize("label", ["Faturado", "Enviado", "Entregue", "Cancelado"])
async def test_too_late_to_cancel(store: Store, erp: Erp, key: str, label: str) -> None:
    erp.orders["9000"]["situacao"] = label
    await store.do("poll")
    answer = await store.told("cancel", {"keys": [key], "reason": "x"})
    assert answer.status_code == 422 and "cannot be cancelled" in answer.text and not store.order(key).cancelled
