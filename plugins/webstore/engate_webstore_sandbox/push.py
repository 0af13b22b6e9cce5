"""Handing orders in: the order itself, with its buyer inside or registered before, and later its state. At least once, never less."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Literal

import msgspec

from engate_webstore_sandbox import malformed, wire
from engate_webstore_sandbox.client import Client
from engate_webstore_sandbox.document import contact_document, order_document, punctuated
from engate_webstore_sandbox.envelope import DUPLICATE, NOTHING_FOUND, Said, code_of, errors_of, listed, text
from engate_webstore_sandbox.exchanges import fields_shown
from engate_webstore_sandbox.sales import OPEN, Order, Sales
from engate_webstore_sandbox.settings import Settings

INCLUDE, STATE = "pedido.incluir", "pedido.alterar.situacao"


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """`orders` None: every order that the ERP has not confirmed; of one that it knows the state is told. `times`: each of them, one round
    after the other. `malformed`: kinds that the orders take in turn. `as_placed`: as they were before anything happened to them.
    `as_first`: as they first went, whatever was told since. `together`: all at the same time."""

    orders: list[str] | None = None
    times: int = 1
    malformed: list[str] = []
    order: Literal["placed", "reversed", "shuffled"] = "placed"
    as_placed: bool = False
    as_first: bool = False
    together: bool = False


class Sent(msgspec.Struct, omit_defaults=True):
    """What one handing in came to. `allowed`: the errors that the facts allow for what was malformed."""

    key: str
    verdict: str
    code: int = 0
    errors: tuple[str, ...] = ()
    erp: str = ""
    number: str = ""
    malformed: str = ""
    allowed: tuple[int, ...] = ()


class Push:
    def __init__(self, client: Client, sales: Sales, settings: Callable[[], Settings], random: Random) -> None:
        self.client, self.sales, self.settings, self.random = client, sales, settings, random
        self.spoilt: set[str] = set()  # orders that only ever went malformed: routines leave them alone
        self._turns: dict[str, asyncio.Lock] = {}

    # ---- told by control ----

    async def run(self, asked: Asked) -> list[Sent]:
        """Answers in the order in which they went. Raises KeyError, ValueError."""
        keys = asked.orders if asked.orders is not None else [order.key for order in self.sales.orders.values() if not order.confirmed]
        orders = [self.sales.order(key) for key in keys]
        if asked.order == "reversed":
            orders.reverse()
        elif asked.order == "shuffled":
            self.random.shuffle(orders)
        for kind in asked.malformed:
            if kind not in malformed.codes():
                raise ValueError(f"malformed: no kind {kind}; there are {', '.join(malformed.codes())}")
        kinds = [asked.malformed[nth % len(asked.malformed)] if asked.malformed else "" for nth in range(len(orders))]
        rounds = list(zip(orders, kinds, strict=True)) * asked.times
        if asked.together:
            return list(await asyncio.gather(*(self._handed(order, asked, kind) for order, kind in rounds)))
        return [await self._in_turn(order, asked, kind) for order, kind in rounds]

    async def _in_turn(self, order: Order, asked: Asked, kind: str) -> Sent:
        async with self._turn(order):
            return await self._handed(order, asked, kind)

    async def _handed(self, order: Order, asked: Asked, kind: str) -> Sent:
        if not kind:
            old = OPEN if asked.as_placed else order.first if asked.as_first else ""
            tells = asked.orders is None and order.erp and not old
            return _sent(order, await (self.tell_state(order) if tells else self.hand_in(order, state=old)))
        if not order.erp:
            self.spoilt.add(order.key)
        said = await self._malformed(order, kind)
        return msgspec.structs.replace(_sent(order, said), malformed=kind, allowed=malformed.codes()[kind])

    async def _malformed(self, order: Order, kind: str) -> Said:
        """Once: what is wrong stays wrong. Should it be taken after all, the order counts as handed in."""
        state = order.wants
        sent = malformed.built(self.settings(), order_document(order, self.settings(), state=state), kind)
        said = await self.client.once(INCLUDE, sent, order.key, f"malformed: {kind}")
        return self._took(order, said, state)

    def _turn(self, order: Order) -> asyncio.Lock:
        """What is told of one order is told one after the other, unless somebody wants it `together`."""
        return self._turns.setdefault(order.key, asyncio.Lock())

    # ---- told by what happens ----

    async def due(self, order: Order, *, times: int = 1) -> None:
        """What the ERP does not know of this order yet; `times`: said again although it has been said."""
        if order.key in self.spoilt:
            return
        async with self._turn(order):
            if order.confirmed and times == 1:
                return
            as_state = bool(order.erp)
            for _ in range(times):
                await (self.tell_state(order) if as_state else self.hand_in(order))

    async def hand_in(self, order: Order, *, state: str = "") -> Said:
        """`state`: the order as it was, and no news of what it is now."""
        settings = self.settings()
        if settings.look_first and not order.erp and await self.look(order):
            return await self.tell_state(order) if not order.confirmed else Said("ok", 200)
        if settings.customer == "before" and not (said := await self.register(order)).ok:
            return said
        state = state or order.wants  # what the document says, whatever happens before its answer
        order.first = order.first or state
        document = order_document(order, settings, state=state)
        said = await self.client.call(INCLUDE, {"pedido": {"pedido": document} if settings.wrap else document}, key=order.key)
        said = self._took(order, said, state)
        if said.code == DUPLICATE and (order.erp or await self.look(order)):
            order.refused = ""  # it is there; its state is told by itself
            return Said("ok", 200)
        return said

    def _took(self, order: Order, said: Said, state: str) -> Said:
        order.sent += 1
        if said.ok:
            said = _registered(said)
        if said.ok:
            first = not order.erp
            order.is_in_erp(said.retorno["id"], said.retorno["numero"])
            # the facts do not say that an order which is there already changes by being included again
            order.told = state if first else order.told
            order.refused = ""
            self.spoilt.discard(order.key)
        elif said.verdict == "erro" and not said.passing:
            order.refused = str(said)
        return said

    async def register(self, order: Order) -> Said:
        """The buyer, unless the ERP knows one with this document."""
        document = punctuated(order.buyer.document)
        said = await self.client.call("contatos.pesquisa", {"pesquisa": "", "cpf_cnpj": document}, key=order.key)
        if said.ok or said.code != NOTHING_FOUND:
            return said
        said = await self.client.call("contato.incluir", {"contato": contact_document(order)}, key=order.key)
        return _registered(said) if said.ok else said

    async def look(self, order: Order) -> bool:
        """Whether the ERP has an order of this number of ours already: then it is this one."""
        said = await self.client.call("pedidos.pesquisa", {"numeroEcommerce": order.key}, key=order.key)
        try:
            rows = listed(said.retorno.get("pedidos") if said.ok else None, "pedido")
            found = next((row for row in rows if text(row.get("numero_ecommerce")) == order.key), None)
            if found is not None:
                order.is_in_erp(text(found["id"]), text(found.get("numero")))
        except (ValueError, KeyError):
            return False  # an answer that cannot be read says nothing
        return found is not None

    async def tell_state(self, order: Order) -> Said:
        state = order.wants
        said = await self.client.call(STATE, {"id": order.erp, "situacao": state}, key=order.key)
        if said.ok:
            order.told, order.refused = state, ""
        elif said.verdict == "erro" and not said.passing:
            order.told, order.refused = state, str(said)  # a definite no: it is not said again by itself
        return said

    async def call(self, service: str, fields: dict[str, Any], settings: Settings) -> Said:
        """Anything, once, as tests want it."""
        return await self.client.once(service, wire.built(settings, service, fields), "", fields_shown(fields, settings.token))


def _registered(said: Said) -> Said:
    """`registros.registro`: an object, an array, or an object that holds an array. What it says of the one record is what counts."""
    try:
        rows = [
            inner for row in listed(said.retorno.get("registros"))
            for inner in (listed(row["registro"]) if "registro" in row else [row])
        ]  # fmt: skip
        row = rows[0] if rows else {}
        if text(row.get("status")) == "Erro":
            return Said("erro", said.status, code_of(row), errors_of(row), said.retorno)
        id, number = text(row.get("id")), text(row.get("numero"))
    except ValueError as error:
        return Said("unreadable", said.status, errors=(str(error),))
    if not id:
        return Said("unreadable", said.status, errors=("no registro with an id",))
    return said._replace(retorno={"id": id, "numero": number})


def _sent(order: Order, said: Said) -> Sent:
    return Sent(order.key, said.verdict, said.code, said.errors, order.erp if said.ok else "", order.erp_number if said.ok else "")
