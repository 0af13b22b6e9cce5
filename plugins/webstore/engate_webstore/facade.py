"""engate as the ERP that Webstore calls: the services of the Olist API v2 that a storefront uses.

Contract: webstore FACTS, section 3 (mode P). A service looks at what engate hands out, or hands an order in. What is asked too often,
without the token, or cannot be read is refused with the codes of the contract and status 200.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from engate import Asked, Desk, EngateError, Known, Placed, PluginFault, Reply, Sight, Unavailable, Wholes
from engate_webstore import contacts, envelope, translate, translate_orders
from engate_webstore.envelope import DUPLICATE, INVALID, NO_PAGE, NOT_FOUND, NOTHING, RETRY, TOO_MANY, Call, Refused
from engate_webstore.settings import WebstoreSettings

PAGE = 100
LOOK = Sight(hands_out=frozenset(), shows=translate.priced)
LOOK_AT_PRODUCTS = Sight(frozenset({"product", "sku", "price", "image"}), frozenset(), translate.priced)
STOCK = Sight(frozenset({"stock"}), frozenset({"stock"}), translate.priced)
PRODUCT = Sight(hands_out=frozenset({"product", "sku", "price", "image", "category", "brand"}), shows=translate.priced)
NOT_OFFERED = ("idTag", "idListaPreco", "dataCriacao")
"""Filters of `produtos.pesquisa` that engate cannot apply. They are refused: an answer that ignored them would be wrong."""
SITUATIONS = ("A", "I", "E")
NO_STOCK = "o estoque não é informado"
"""Answered where the stock is left to the shop: a 0 would take everything off sale."""
Service = Callable[["Facade", Call, Desk], Awaitable[Mapping[str, Any]]]


class Facade:
    """The facade of one connection, in one process."""

    def __init__(self, settings: WebstoreSettings) -> None:
        self._settings = settings
        self._calls: deque[datetime] = deque()

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        limit = self._settings.calls_a_minute
        try:
            call = await self._verified(asked, desk)
            self._count(call.at)
            service = SERVICES.get(call.service)
            if service is None:
                raise Refused(envelope.MALFORMED, "serviço desconhecido")
            return envelope.answered(await service(self, call, desk), limit)
        except Refused as why:
            return envelope.refused(why, limit)
        except Unavailable as why:
            if why.code != "not_live":
                raise
            return envelope.refused(Refused(RETRY, "a integração não está ativa agora; tente depois"), limit)

    def broke(self) -> Reply:
        """The answer when engate itself failed. The store does not read the status; what happened stands in engate's log."""
        return envelope.refused(Refused(RETRY, "erro inesperado; tente depois"), self._settings.calls_a_minute)

    async def _verified(self, asked: Asked, desk: Desk) -> Call:
        """The call, if it can be read and has the token. Nothing of any other is kept: its sender is not known."""
        try:
            call = envelope.read(asked)
            envelope.allowed(call, self._settings.token.reveal())
        except Refused as why:
            # the token, or what was meant to be it, stands in the body
            await desk.refuse("token" if why.code in (envelope.NO_TOKEN, envelope.BAD_TOKEN) else "content", keep=False)
            raise
        return call

    def _count(self, at: datetime) -> None:
        """Refuses a call beyond those of one minute."""
        while self._calls and self._calls[0] <= at - timedelta(minutes=1):
            self._calls.popleft()
        if len(self._calls) >= self._settings.calls_a_minute:
            raise Refused(TOO_MANY, "limite de chamadas por minuto atingido")
        self._calls.append(at)

    # ---- products ----

    async def search(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        """`produtos.pesquisa`: all products, or those with this code and GTIN. A variation has a line of its own. A page that is filtered
        by `situacao` is shorter than the others."""
        code, gtin, situation = call.text("pesquisa"), call.text("gtin"), call.text("situacao").upper()
        wrong = [f"{name}: filtro não disponível" for name in NOT_OFFERED if call.text(name)]
        if situation and situation not in SITUATIONS:
            wrong.append(f"situacao inválida: {situation[:40]}")
        if wrong:
            raise Refused(INVALID, *wrong)
        if not code and not gtin:
            page = await desk.products(call.page, PAGE, None, LOOK)
            rows = [(whole, translate.row(whole)) for whole in page.items]
            return _listed(call, page, [translate.travelling(*each) for each in rows if situation in ("", each[1]["situacao"])])
        found = await desk.having(gtin, LOOK) if gtin else [await desk.product(code, LOOK)]
        rows = [(whole, row) for whole in found if whole is not None for row in translate.rows(whole)]
        wanted = {"codigo": code, "gtin": gtin, "situacao": situation}
        kept = [translate.travelling(*each) for each in rows if all(value in ("", each[1][name]) for name, value in wanted.items())]
        return _listed(call, Wholes((), 1 if kept else 0, len(kept)), kept)

    async def changed_products(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        page = await desk.products(call.page, PAGE, _since(call), LOOK_AT_PRODUCTS)
        return _listed(call, page, [translate.travelling(whole, translate.row(whole)) | _changed(call) for whole in page.items])

    async def changed_stock(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        """One row for each SKU: each variation has its own stock."""
        page, most = await desk.products(call.page, PAGE, _since(call), STOCK), self._settings.unlimited_stock
        if not all("stock" in whole.flows for whole in page.items):
            raise Refused(NOTHING, NO_STOCK)
        return _listed(call, page, [translate.stock(whole, sku, most) | _changed(call) for whole in page.items for sku in whole.skus])

    async def product(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        id, option = call.number(), self._settings.option_name
        whole = await desk.product(id, PRODUCT)
        if whole is None:
            raise Refused(NOT_FOUND, "registro não localizado")
        asked = next((each for each in whole.skus if each.sku.id == id), None)
        if asked is not None and translate.varied(whole):
            return {"produto": translate.travelling(whole, translate.variation(whole, asked, option))}
        return {"produto": translate.travelling(whole, translate.product(whole, option))}

    async def stock(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        id = call.number()
        whole = await desk.product(id, STOCK)
        if whole is None:
            raise Refused(NOT_FOUND, "registro não localizado")
        if "stock" not in whole.flows:
            raise Refused(NOTHING, NO_STOCK)
        asked = next((each for each in whole.skus if each.sku.id == id), None)
        return {"produto": translate.stock(whole, asked, self._settings.unlimited_stock)}

    # ---- contacts: what counts of a buyer comes with the order, nothing is kept of what is said before ----

    async def contacts(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        del call, desk
        raise Refused(NOTHING, "a consulta não retornou registros")

    async def contact(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        del desk
        return {"registros": [{"registro": contacts.taken(call)}]}

    # ---- orders ----

    async def place(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        try:
            placed = await self._placed(call, desk)
        except Refused as why:
            if why.code != RETRY:
                await _kept(call, desk, "; ".join(why.texts))
            raise
        except EngateError:
            raise
        except Exception:  # a mistake of ours: the sale must be seen all the same
            await _kept(call, desk, "erro inesperado")
            raise
        return {"registros": {"registro": {"sequencia": "1", "status": "OK", "id": placed.number, "numero": placed.number}}}

    async def _placed(self, call: Call, desk: Desk) -> Placed:
        order = await translate_orders.read(call.document("pedido"), call.at, desk.sku)
        try:
            placed = await desk.place(order)
        except PluginFault:
            raise Refused(INVALID, "o pedido tem um valor que não pode ser guardado") from None
        if placed is None:
            raise Refused(RETRY, "a integração ainda não está ativa; tente depois")
        if placed.differs:
            raise Refused(DUPLICATE, f"pedido já incluído com o número {placed.number} e outro conteúdo; nada foi alterado")
        return placed

    async def orders(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        key, number = call.text("numeroEcommerce"), call.text("numero")
        if not key and not number:
            raise Refused(envelope.MISSING, "informe numeroEcommerce ou numero")
        known = await desk.order(key or call.number("numero"))
        if known is None:
            raise Refused(NOTHING, "a consulta não retornou registros")
        return {"pagina": 1, "numero_paginas": 1, "pedidos": [{"pedido": translate_orders.line(known)}]}

    async def order(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        return {"pedido": translate_orders.whole(await self._known(call.number(), desk))}

    async def move(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        known = await self._known(call.number(), desk)
        given = call.text("situacao")
        if not translate_orders.is_situation(given):
            raise Refused(INVALID, f"situacao inválida: {given[:40]}")
        state, word = translate_orders.situation(given)
        if not await desk.move(known.order.key, state, word):
            raise Refused(RETRY, "a situação não pôde ser alterada agora; tente depois")
        return {}

    async def note(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        known = await desk.order_of_note(call.number())
        found = next((note for note in known.notes if note.id == call.number()), None) if known is not None else None
        if known is None or found is None:
            raise Refused(NOT_FOUND, "registro não localizado")
        return {"nota_fiscal": translate_orders.note(known, found)}

    async def _known(self, number: int, desk: Desk) -> Known:
        known = await desk.order(number)
        if known is None:
            raise Refused(NOT_FOUND, "registro não localizado")
        return known

    async def info(self, call: Call, desk: Desk) -> Mapping[str, Any]:
        del call, desk
        return {"conta": {"cnpj_cpf": self._settings.document, "fantasia": "engate"}}


def _listed(call: Call, page: Wholes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer for one page. `rows`: its lines."""
    if page.pages == 0:
        raise Refused(NOTHING, "a consulta não retornou registros")
    if call.page > page.pages:
        raise Refused(NO_PAGE, "a página informada não existe")
    return {"pagina": call.page, "numero_paginas": page.pages, "produtos": [{"produto": row} for row in rows]}


def _changed(call: Call) -> dict[str, str]:
    return {"data_alteracao": translate.moment(call.at)}


async def _kept(call: Call, desk: Desk, why: str) -> None:
    """Stores an order that was refused, so that the operator sees it."""
    said = call.raw("pedido")
    if said:
        await desk.reject(f"pedido/{blake2b(said, digest_size=16).hexdigest()}", why, said)


def _since(call: Call) -> datetime:
    given = call.text("dataAlteracao")
    for form in ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y"):
        try:
            return datetime.strptime(given, form).replace(tzinfo=translate.SAO_PAULO)
        except ValueError:
            continue
    raise Refused(envelope.MISSING if not given else INVALID, "dataAlteracao: dd/mm/aaaa hh:mm:ss")


SERVICES: Mapping[str, Service] = {
    "produtos.pesquisa": Facade.search,
    "produto.obter": Facade.product,
    "produto.obter.estoque": Facade.stock,
    "lista.atualizacoes.produtos": Facade.changed_products,
    "lista.atualizacoes.estoque": Facade.changed_stock,
    "contatos.pesquisa": Facade.contacts,
    "contato.incluir": Facade.contact,
    "pedido.incluir": Facade.place,
    "pedidos.pesquisa": Facade.orders,
    "pedido.obter": Facade.order,
    "pedido.alterar.situacao": Facade.move,
    "nota.fiscal.obter": Facade.note,
    "info": Facade.info,
}
