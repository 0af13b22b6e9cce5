"""What the ERP did with an order: handling begun, its notes, their tracking and delivery, or its cancellation."""

from __future__ import annotations

from engate import Answered, NotSent, Rejected, Text
from engate.model import Invoice, OrderPart, ShopOrderRef, Tracking
from engate_vtex import endpoints as at
from engate_vtex import translate_orders as translate
from engate_vtex.changes import change_under_way
from engate_vtex.client import Vtex
from engate_vtex.orders import Orders
from engate_vtex.translate_changes import UNDER_WAY

PAST_READY = ("handling", "invoiced")


class Fulfilment:
    def __init__(self, vtex: Vtex, orders: Orders) -> None:
        self._vtex, self._orders = vtex, orders

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        """Only 204 means done. After any other answer the order is read: it may be in handling already, or cancelled."""
        answer = await self._vtex.call(at.START_HANDLING, order=shop_order.key, expect=(409,))
        if answer.status == 204:
            return
        raw = (await self._orders.raw(shop_order.key)).get("status")
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
        raw = await self._orders.raw(shop_order.key)
        if translate.package_of(raw, invoice) is not None:
            return
        body = translate.invoice_body(raw, invoice, part)
        if int(body["invoiceValue"]) <= 0:
            raise _closed(shop_order, invoice)
        try:
            await self._vtex.call(at.INVOICE, order=shop_order.key, body=body)
        except Answered as refused:
            if UNDER_WAY in refused.body:  # somebody is changing the order in the Admin: VTEX takes no note meanwhile
                raise change_under_way(shop_order.key) from None
            raise

    async def send_tracking(self, shop_order: ShopOrderRef, invoice: Invoice | None, tracking: Tracking) -> None:
        number = await self._sent_number(shop_order, invoice)
        await self._vtex.call(at.TRACKING, order=shop_order.key, invoice=number, body=translate.tracking_body(tracking))

    async def send_delivery(self, shop_order: ShopOrderRef, invoice: Invoice | None, delivered_at: str) -> None:
        number = await self._sent_number(shop_order, invoice)
        await self._vtex.call(at.DELIVERY, order=shop_order.key, invoice=number, body=translate.delivery_body(delivered_at))

    async def _sent_number(self, shop_order: ShopOrderRef, invoice: Invoice | None) -> str:
        """The number under which the note was sent. VTEX finds a package by that number; we find it by the access key."""
        package = translate.package_of(await self._orders.raw(shop_order.key), invoice) if invoice is not None else None
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
        """The first call may only request the cancellation; the next one, minutes later, confirms it. It is done when the order reads as
        cancelled."""
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
        return translate.state((await self._orders.raw(shop_order.key)).get("status")) == "cancelled"


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
