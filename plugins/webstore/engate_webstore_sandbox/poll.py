"""What became of the orders: asks for each that is under way, and for the note that it names."""

from __future__ import annotations

from typing import Any

import msgspec

from engate.shapes import is_object
from engate_webstore_sandbox.client import Client
from engate_webstore_sandbox.envelope import Said, text
from engate_webstore_sandbox.sales import OVER, Note, Order, Sales

NONE = ("", "0")
"""How an id says that there is none."""


class Polled(msgspec.Struct):
    asked: int = 0
    changed: int = 0
    notes: int = 0
    failed: dict[str, str] = {}


class Poll:
    def __init__(self, client: Client, sales: Sales) -> None:
        self.client, self.sales = client, sales

    async def run(self, keys: list[str] | None = None) -> Polled:
        """None: every order that the ERP has and that is not over. Raises KeyError."""
        chosen = [self.sales.order(key) for key in keys] if keys is not None else list(self.sales.orders.values())
        report = Polled()
        for order in chosen:
            if order.erp and (keys is not None or order.label not in OVER):
                report.asked += 1
                try:
                    await self._order(order, report)
                except ValueError as error:
                    report.failed[order.key] = str(error)
        return report

    async def _order(self, order: Order, report: Polled) -> None:
        said = await self.client.call("pedido.obter", {"id": order.erp}, key=order.key)
        doc = _inner(said, "pedido")
        if text(doc.get("id")) != order.erp:
            raise ValueError(f"another order was answered: {doc.get('id')!r}" if said.ok else str(said))
        before = order.label, order.tracking, order.tracking_url
        now = text(doc.get("situacao")), text(doc.get("codigo_rastreamento")), text(doc.get("url_rastreamento"))
        note = text(doc.get("id_nota_fiscal"))
        order.label, order.tracking, order.tracking_url = now
        report.changed += before != now
        if note not in NONE and not order.notes.get(note, Note("")).key:
            await self._note(order, note, report)

    async def _note(self, order: Order, id: str, report: Polled) -> None:
        said = await self.client.call("nota.fiscal.obter", {"id": id}, key=order.key)
        doc = _inner(said, "nota_fiscal")
        if text(doc.get("id")) != id:
            raise ValueError(f"another note was answered: {doc.get('id')!r}" if said.ok else str(said))
        order.notes[id] = Note(id, text(doc.get("numero")), text(doc.get("serie")), text(doc.get("chave_acesso")))
        report.notes += 1


def _inner(said: Said, name: str) -> dict[str, Any]:
    held = said.retorno.get(name) if said.ok else None
    return held if is_object(held) else {}
