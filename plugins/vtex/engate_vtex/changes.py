"""What the ERP does not attend is taken out of the order, by VTEX's order modifications. VTEX carries one out some time after it accepted
it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engate import Answered, Forbidden, NotSent, Rejected, Response, Text
from engate.model import OrderChange, OrderPart, ShopOrderRef
from engate_vtex import endpoints as at
from engate_vtex import translate_changes as translate
from engate_vtex import translate_orders
from engate_vtex.client import Vtex
from engate_vtex.endpoints import Endpoint
from engate_vtex.orders import Orders


class Changes:
    def __init__(self, vtex: Vtex, orders: Orders) -> None:
        self._vtex, self._orders = vtex, orders

    async def send(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        """Looks whether the change was asked for, asks for it once, and is done when the order shows it."""
        key = shop_order.key
        request = await self._request_of(key, change)
        if request is None:
            request = await self._ask(key, await self._orders.raw(key), change)
        match translate.outcome(request):
            case "canceled":
                words = Text("a alteração foi cancelada pela VTEX.", "VTEX canceled the change.")
                raise translate.refused(key, change, words)
            case "done" if translate.shows(await self._orders.raw(key), part, change):
                return
            case _:
                raise change_under_way(key)

    async def _request_of(self, key: str, change: OrderChange) -> Mapping[str, Any] | None:
        """Our request with its status; None where VTEX's history has none. One under way may be missing there; VTEX then refuses a second
        one."""
        history = (await self._call(at.CHANGES, order=key, query={"an": self._account})).json(dict[str, Any])
        found = translate.newest(history.get("requests") or (), change.reference)
        return None if found is None else await self._detail(key, found)

    async def _ask(self, key: str, raw: Mapping[str, Any], change: OrderChange) -> Mapping[str, Any]:
        if raw.get("status") not in translate.CHANGEABLE:
            raise _not_handled(key, str(raw.get("status")), change)
        body = translate.body(raw, change)
        try:
            answer = await self._call(at.CHANGE, order=key, query={"accountName": self._account}, body=body)
        except Answered as error:
            if translate.UNDER_WAY in error.body:
                raise change_under_way(key) from None
            raise translate.refused(key, change, error.text) from error
        return await self._detail(key, answer.json(dict[str, Any]))

    async def _detail(self, key: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The request with its status; a request so new that VTEX does not know it yet has none."""
        query = {"an": self._account}
        answer = await self._call(at.CHANGE_DETAIL, order=key, change=str(request["requestId"]), query=query, expect=(404,))
        return request if answer.status == 404 else answer.json(dict[str, Any])  # noqa: PLR2004

    @property
    def _account(self) -> str:
        return self._vtex.settings.account

    async def _call(self, endpoint: Endpoint, *, expect: tuple[int, ...] = (), **given: Any) -> Response:
        """A 403 is about this operation alone: the key or the account may not change orders."""
        answer = await self._vtex.call(endpoint, expect=(403, *expect), **given)
        if answer.status == 403:  # noqa: PLR2004
            raise Forbidden(
                Text("A VTEX não deixa esta chave alterar pedidos.", "VTEX does not let this key change orders."),
                Text(
                    "Dê à chave o recurso 'Change order' (OMS) e habilite as alterações de pedido na conta.",
                    "Grant the key the resource 'Change order' (OMS), and enable order modifications in the account.",
                ),
                operation="Change order",
            )
        return answer


def change_under_way(key: str) -> NotSent:
    return NotSent(
        Text(f"A alteração do pedido {key} na VTEX está em andamento.", f"The change of order {key} in VTEX is under way."),
        Text("O engate confere de novo em instantes.", "engate looks again shortly."),
        code="change.requested",
    )


def _not_handled(key: str, status: str, change: OrderChange) -> NotSent | Rejected:
    """VTEX takes changes only while the order is in handling: before that it is too early, afterwards too late."""
    called = translate_orders.called(status)
    if translate_orders.state(status) == "ready":
        return NotSent(
            Text(f"O pedido {key} ainda está em {called.pt}.", f"The order {key} is still in {called.en}."),
            Text("O engate tenta de novo.", "engate tries again."),
            code="order.not_ready",
        )
    return translate.refused(key, change, Text(f"o pedido está em {called.pt}.", f"the order is in {called.en}."))
