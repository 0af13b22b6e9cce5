"""Orders: the feed, the order itself, and what the ERP did with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from engate import Answered, NotSent, Rejected, Text, Unavailable
from engate.model import Invoice, Order, OrderEvent, OrderPart, Page, ShopOrderRef, Tracking
from engate_vtex import endpoints as at
from engate_vtex import translate_orders as translate
from engate_vtex.client import Vtex
from engate_vtex.translate_changes import UNDER_WAY

LOT = 10
"""The most one reading of the feed gives."""
PAST_READY = ("handling", "invoiced")


class Orders:
    def __init__(self, vtex: Vtex) -> None:
        self._vtex = vtex
        self._configured = False

    # ---- the feed ----

    async def events(self) -> AsyncGenerator[Page[OrderEvent]]:
        """Until the feed is empty. A page is acknowledged when the next one is asked for: whoever asks has made it durable."""
        await self._ensure_feed()
        while items := await self._read_feed():
            yield Page([translate.event(item) for item in items])
            await self._acknowledge(items)

    async def _ensure_feed(self) -> None:
        """Once per process: the feed exists and tells what we need. Later on its reading says when it has gone."""
        if self._configured:
            return
        settings = self._vtex.settings
        config = await self.feed_config()
        if config is None or not (
            translate.tells_all(config) and translate.keeps(config, settings.feed_visibility, settings.feed_retention)
        ):
            await self._configure_feed()
        self._configured = True

    async def feed_config(self) -> dict[str, Any] | None:
        return await self._vtex.configured(at.FEED_CONFIG)

    async def left(self) -> AsyncGenerator[Page[OrderEvent]]:
        """Of a feed of ours that a hook has taken the place of, what it still has to tell. It goes when it holds nothing any more, also
        nothing that was read and not acknowledged: on the day the hook is lost, two weeks of it would be read."""
        if await self._own_feed() is None:
            return
        async with aclosing(self.events()) as pages:
            async for page in pages:
                yield page
        held = await self._own_feed()
        if held is not None and held.get("quantity") == 0:
            await self._vtex.call(at.FEED_DROP, expect=(404,))
            self._configured = False

    async def _own_feed(self) -> dict[str, Any] | None:
        settings, held = self._vtex.settings, await self.feed_config()
        ours = held is not None and translate.tells_all(held) and translate.keeps(held, settings.feed_visibility, settings.feed_retention)
        return held if ours else None

    async def _configure_feed(self) -> None:
        settings = self._vtex.settings
        await self._vtex.call(at.FEED_CONFIGURE, body=translate.feed_config(settings.feed_visibility, settings.feed_retention))

    async def _read_feed(self) -> list[dict[str, Any]]:
        """One lot. A feed without events for its retention period loses its configuration (404): it is made again."""
        answer = await self._vtex.call(at.FEED, query={"maxlot": LOT}, expect=(404,))
        if answer.status == 404:
            await self._configure_feed()
            answer = await self._vtex.call(at.FEED, query={"maxlot": LOT}, expect=(404,))
        if answer.status == 404:
            raise Unavailable(
                Text("A VTEX não mantém o feed de pedidos desta chave.", "VTEX does not keep this key's order feed."),
                Text("Dê à chave o recurso 'Feed v3 and Hook Admin' (OMS).", "Grant the key the resource 'Feed v3 and Hook Admin' (OMS)."),
                code="feed.missing",
            )
        return answer.json(list[dict[str, Any]] | None) or []

    async def _acknowledge(self, items: list[dict[str, Any]]) -> None:
        """Every handle, those of duplicates and of states we do not know too: what is not committed comes back for ever."""
        await self._vtex.call(at.FEED_COMMIT, body={"handles": [item["handle"] for item in items]})

    # ---- the order ----

    async def read(self, key: str) -> Order:
        return translate.order(await self.raw(key))

    async def raw(self, key: str) -> dict[str, Any]:
        """The order's document as VTEX answers it."""
        answer = await self._vtex.call(at.ORDER, order=key, expect=(404,))
        if answer.status == 404:
            raise Rejected(
                Text(f"O pedido {key} não existe na VTEX.", f"The order {key} does not exist in VTEX."),
                Text(
                    "A VTEX mostra pedidos de até dois anos; confira o número no Admin.",
                    "VTEX shows orders of two years; check the number in the Admin.",
                ),
                code="order.missing",
            )
        return answer.json(dict[str, Any])

    # ---- what the ERP did ----

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        """Only 204 is a yes. Anything else is read again: the order may be there already, or somebody may have cancelled it."""
        answer = await self._vtex.call(at.START_HANDLING, order=shop_order.key, expect=(409,))
        if answer.status == 204:
            return
        raw = (await self.raw(shop_order.key)).get("status")
        state, called = translate.state(raw), translate.called(raw)
        if state in PAST_READY:
            return
        if state in ("cancelled", "cancel_requested"):
            raise Rejected(
                Text(
                    f"O pedido {shop_order.key} está em {called.pt}: não entra em preparação.",
                    f"The order {shop_order.key} is in {called.en}: handling cannot start.",
                ),
                Text(
                    "Cancele o pedido no ERP, ou recuse o cancelamento no Admin.",
                    "Cancel the order in the ERP, or decline the cancellation in the Admin.",
                ),
                code="order.cancelled",
            )
        raise NotSent(
            Text(f"O pedido {shop_order.key} ainda está em {called.pt}.", f"The order {shop_order.key} is still in {called.en}."),
            Text("O engate tenta de novo.", "engate tries again."),
            code="order.not_ready",
        )

    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        raw = await self.raw(shop_order.key)
        if translate.package_of(raw, invoice) is not None:
            return
        body = translate.invoice_body(raw, invoice, part)
        if int(body["invoiceValue"]) <= 0:
            raise _closed(shop_order, invoice)
        try:
            await self._vtex.call(at.INVOICE, order=shop_order.key, body=body)
        except Answered as refused:
            if UNDER_WAY in refused.body:  # somebody changes the order in the Admin: VTEX breaks where both meet
                raise change_under_way(shop_order.key) from None
            raise

    async def send_tracking(self, shop_order: ShopOrderRef, invoice: Invoice | None, tracking: Tracking) -> None:
        number = await self._sent_number(shop_order, invoice)
        await self._vtex.call(at.TRACKING, order=shop_order.key, invoice=number, body=translate.tracking_body(tracking))

    async def send_delivery(self, shop_order: ShopOrderRef, invoice: Invoice | None, delivered_at: str) -> None:
        number = await self._sent_number(shop_order, invoice)
        await self._vtex.call(at.DELIVERY, order=shop_order.key, invoice=number, body=translate.delivery_body(delivered_at))

    async def _sent_number(self, shop_order: ShopOrderRef, invoice: Invoice | None) -> str:
        """Under which number the note went: VTEX's packages are found by that, ours by the access key."""
        package = translate.package_of(await self.raw(shop_order.key), invoice) if invoice is not None else None
        if package is None:
            number = f" {invoice.number}" if invoice is not None else ""
            raise NotSent(
                Text(
                    f"A nota{number} ainda não está no pedido {shop_order.key}.",
                    f"The note{number} is not in order {shop_order.key} yet.",
                ),
                Text("O engate envia a nota antes.", "engate sends the note first."),
                code="invoice.missing",
            )
        return str(package["invoiceNumber"])

    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        """The first call may only request it; the next one, minutes later, confirms. Done is what reads as cancelled."""
        if await self._cancelled(shop_order):
            return
        try:
            await self._vtex.call(at.CANCEL, order=shop_order.key, body={"reason": reason, "requestedByUser": False})
        except Answered as refused:
            if await self._cancelled(shop_order):  # by a call of ours whose answer was lost, or by somebody else
                return
            raise _not_cancellable(shop_order, refused) from refused
        if not await self._cancelled(shop_order):
            raise NotSent(
                Text(
                    f"O cancelamento do pedido {shop_order.key} foi só solicitado.",
                    f"The cancellation of order {shop_order.key} is only requested so far.",
                ),
                Text("O engate confirma de novo em instantes.", "engate confirms again shortly."),
                code="cancel.requested",
            )

    async def _cancelled(self, shop_order: ShopOrderRef) -> bool:
        return translate.state((await self.raw(shop_order.key)).get("status")) == "cancelled"


def change_under_way(key: str) -> NotSent:
    return NotSent(
        Text(f"A alteração do pedido {key} na VTEX está em andamento.", f"The change of order {key} in VTEX is under way."),
        Text("O engate confere de novo em instantes.", "engate looks again shortly."),
        code="change.requested",
    )


def _closed(shop_order: ShopOrderRef, invoice: Invoice) -> Rejected:
    return Rejected(
        Text(
            f"O pedido {shop_order.key} já está faturado por inteiro; a nota {invoice.number} não cabe nele.",
            f"The order {shop_order.key} is fully invoiced already; the note {invoice.number} does not fit in.",
        ),
        Text(
            "Confira as notas do pedido no Admin: uma nota reemitida não substitui a primeira.",
            "Check the order's notes in the Admin: a note issued anew does not replace the first.",
        ),
        code="invoice.closed",
    )


def _not_cancellable(shop_order: ShopOrderRef, refused: Answered) -> Rejected:
    return Rejected(
        Text(
            f"A VTEX não cancela o pedido {shop_order.key}: {refused.text.pt}",
            f"VTEX does not cancel the order {shop_order.key}: {refused.text.en}",
        ),
        Text(
            "Pedido com nota, mesmo parcial, não se cancela: registre a devolução ou altere o pedido no Admin.",
            "An order with a note, even a partial one, cannot be cancelled: register the return or change the order in the Admin.",
        ),
        code="order.not_cancellable",
    )
