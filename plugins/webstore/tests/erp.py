"""A small ERP that answers as the Olist API v2 is documented to (FACTS section 1): what the stand-in has to get along with."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

TOKEN = "token-v2-da-loja-48231-no-sandbox"
SLUGS = {
    "aberto": "Em aberto", "aprovado": "Aprovado", "preparando_envio": "Preparando envio", "faturado": "Faturado (atendido)",
    "pronto_envio": "Pronto para envio", "enviado": "Enviado", "entregue": "Entregue", "nao_entregue": "Não entregue",
    "cancelado": "Cancelado",
}  # fmt: skip
Doc = dict[str, Any]


class Refusal(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Called:
    service: str
    php: bool
    content: str
    fields: Doc
    query: dict[str, str]

    def document(self, name: str) -> Any:
        """A field that is JSON in a form, an object in a JSON body."""
        held = self.fields.get(name)
        if held is None:
            raise Refusal(10, f"falta {name}")
        try:
            return json.loads(held) if isinstance(held, str) else held
        except ValueError as error:
            raise Refusal(3, str(error)) from error


def ok(**held: Any) -> Doc:
    return {"retorno": {"status_processamento": "3", "status": "OK", **held}}


def error(code: int | str, text: str = "não") -> Doc:
    return {"retorno": {"status_processamento": "2", "status": "Erro", "codigo_erro": code, "erros": [{"erro": text}]}}


Answering = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


@dataclass
class Erp:
    """`one`: how a list of one element comes: "list" or "object". `next`: what a service answers instead, once each: an envelope, a status,
    a page, or whatever an `Answering` does (None: the service answers after all). `after`: what happens when a service has answered."""

    url: str = ""
    page_size: int = 3
    one: str = "list"
    limit: str | None = None
    enforce: Callable[[], datetime] | None = None  # the limit, by this clock
    dedup: bool = False
    registro: str = "object"
    products: dict[str, Doc] = field(default_factory=dict)
    levels: dict[str, Doc] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    orders: dict[str, Doc] = field(default_factory=dict)
    contacts: dict[str, Doc] = field(default_factory=dict)
    notes: dict[str, Doc] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    next: dict[str, deque[Answering | Doc | int | str]] = field(default_factory=dict)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)
    under_way: int = 0
    most_under_way: int = 0
    _minute: list[datetime] = field(default_factory=list)

    # ---- what tests put in ----

    def simple(self, id: int, codigo: str = "", *, saldo: float | str = 10, reservado: float | str = 0, **fields: Any) -> Doc:
        doc = {
            "id": str(id), "nome": f"Produto {id}", "codigo": codigo or f"C{id}", "unidade": "UN", "preco": "10.50",
            "preco_promocional": "0",
            "gtin": f"789{id:010d}", "situacao": "A", "tipoVariacao": "N", "ncm": "1006.30.21", "peso_liquido": "1.2", "peso_bruto": "1.5",
            "alturaEmbalagem": "10", "larguraEmbalagem": "20", "comprimentoEmbalagem": "30", "descricao_complementar": "<p>Bom</p>",
            "anexos": [{"anexo": f"https://img.example/{id}.jpg"}], **fields,
        }  # fmt: skip
        self.products[str(id)] = doc
        self.stock(id, saldo, reservado)
        return doc

    def stock(self, id: int, saldo: float | str, reservado: float | str = 0) -> None:
        self.levels[str(id)] = {"saldo": saldo, "saldoReservado": reservado}

    def varied(self, id: int, grades: dict[int, Any], **fields: Any) -> Doc:
        """`grades`: id of the variation -> its grade."""
        doc = self.simple(id, **{"tipoVariacao": "P", "variacoes": [], **fields})
        for inner, grade in grades.items():
            self.simple(inner, tipoVariacao="V", idProdutoPai=str(id))
            row = {"id": str(inner), "codigo": f"C{inner}", "preco": "11.00", "grade": grade}
            doc["variacoes"].append({"variacao": row})
        return doc

    def instead(self, service: str, *answers: Answering | Doc | int | str) -> None:
        self.next.setdefault(service, deque()).extend(answers)

    def of(self, service: str) -> list[Called]:
        return [call for call in self.calls if call.service == service]

    # ---- answering ----

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            called = await _called(request)
            self.calls.append(called)
            waiting = self.next.get(called.service)
            if waiting and (said := await self._instead(request, waiting.popleft())) is not None:
                return said
            try:
                said = self._said(called)
            except Refusal as refused:
                said = error(refused.code, str(refused))
            return self._json(said)
        finally:
            self.under_way -= 1
            if (service := request.match_info["service"].removesuffix(".php")) in self.after:
                self.after.pop(service)()

    async def _instead(self, request: web.Request, answer: Answering | Doc | int | str) -> web.StreamResponse | None:
        if callable(answer):
            return await answer(request)
        if isinstance(answer, int):
            return web.Response(status=answer, text="no", headers=self._headers())
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="text/html")
        return self._json(answer)

    def _json(self, said: Doc) -> web.Response:
        return web.json_response(said, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"x-limit-api": self.limit} if self.limit is not None else {}

    def _said(self, called: Called) -> Doc:
        token = called.fields.get("token") or called.query.get("token")
        if not token:
            raise Refusal(1, "token não informado")
        if token != TOKEN:
            raise Refusal(2, "token inválido")
        self._count()
        found = SERVICES.get(called.service)
        if found is None:
            raise Refusal(3, "serviço desconhecido")
        return found(self, called)

    def _count(self) -> None:
        if self.enforce is None or self.limit is None:
            return
        now = self.enforce()
        self._minute = [at for at in self._minute if at > now - timedelta(seconds=60)]
        if len(self._minute) >= int(self.limit):
            raise Refusal(6, "chamadas demais")
        self._minute.append(now)

    def listed(self, rows: list[Any]) -> Any:
        if not rows:
            return ""
        return rows[0] if len(rows) == 1 and self.one == "object" else rows

    def paged(self, rows: list[Doc], called: Called, name: str, inner: str) -> Doc:
        page = int(called.fields.get("pagina", 1))
        pages = -(-len(rows) // self.page_size)
        if not rows:
            raise Refusal(20, "nada encontrado")
        if page > pages:
            raise Refusal(23, "a página não existe")
        cut = rows[(page - 1) * self.page_size : page * self.page_size]
        return ok(pagina=str(page), numero_paginas=str(pages), **{name: self.listed([{inner: row} for row in cut])})

    # ---- products ----

    def search(self, called: Called) -> Doc:
        keys = ("id", "nome", "codigo", "preco", "preco_promocional", "unidade", "gtin", "tipoVariacao", "situacao")
        return self.paged([{key: doc[key] for key in keys} for doc in self.products.values()], called, "produtos", "produto")

    def changes(self, called: Called) -> Doc:
        day_of(called.fields.get("dataAlteracao"))
        rows = [
            {"id": id, "tipoVariacao": self.products[id]["tipoVariacao"], "data_alteracao": "27/11/2026 09:00:00"} for id in self.changed
        ]
        return self.paged(rows, called, "produtos", "produto")

    def stock_changes(self, called: Called) -> Doc:
        day_of(called.fields.get("dataAlteracao"))
        return self.paged([{"id": id, "nome": "x", **self.levels[id]} for id in self.changed], called, "produtos", "produto")

    def product(self, called: Called) -> Doc:
        return ok(produto=self._product(called))

    def level(self, called: Called) -> Doc:
        doc = self._product(called)
        return ok(produto={"id": doc["id"], "nome": doc["nome"], "codigo": doc["codigo"], **self.levels[doc["id"]], "depositos": []})

    def _product(self, called: Called) -> Doc:
        doc = self.products.get(str(called.fields.get("id")))
        if doc is None:
            raise Refusal(32, "produto não localizado")
        return doc

    # ---- contacts and orders ----

    def find_contact(self, called: Called) -> Doc:
        rows = [doc for doc in self.contacts.values() if doc["cpf_cnpj"] == called.fields.get("cpf_cnpj")]
        return self.paged(rows, called, "contatos", "contato")

    def add_contact(self, called: Called) -> Doc:
        doc = called.document("contato")["contatos"][0]["contato"]
        if not doc.get("nome"):
            raise Refusal(31, "nome")
        id = str(7000 + len(self.contacts))
        self.contacts[id] = {"id": id, **doc}
        return ok(registros=self._registro({"sequencia": doc["sequencia"], "status": "OK", "id": id}))

    def _registro(self, row: Doc) -> Any:
        return {
            "object": {"registro": row}, "list": [{"registro": row}], "inner": {"registro": [row]},
        }[self.registro]  # fmt: skip

    def add_order(self, called: Called) -> Doc:
        held = called.document("pedido")
        if not isinstance(held, dict):
            raise Refusal(3, "um objeto era esperado")
        doc = held.get("pedido", held)
        validate(doc, {product["codigo"] for product in self.products.values()}, set(self.products))
        number = doc["numero_pedido_ecommerce"]
        if self.dedup and any(order["ecommerce"]["numeroPedidoEcommerce"] == number for order in self.orders.values()):
            raise Refusal(30, "registro duplicado")
        id = str(9000 + len(self.orders))
        self.orders[id] = {
            "id": id, "numero": str(len(self.orders) + 1), "situacao": SLUGS[doc["situacao"]],
            "ecommerce": {"numeroPedidoEcommerce": number},
            "codigo_rastreamento": "", "url_rastreamento": "", "id_nota_fiscal": "0", "given": doc,
        }  # fmt: skip
        row = {"sequencia": "1", "status": "OK", "id": id, "numero": self.orders[id]["numero"]}
        return ok(registros=self._registro(row))

    def find_orders(self, called: Called) -> Doc:
        number = called.fields.get("numeroEcommerce")
        rows = [
            {"id": order["id"], "numero": order["numero"], "numero_ecommerce": order["ecommerce"]["numeroPedidoEcommerce"]}
            for order in self.orders.values()
            if order["ecommerce"]["numeroPedidoEcommerce"] == number
        ]
        return self.paged(rows, called, "pedidos", "pedido")

    def order(self, called: Called) -> Doc:
        return ok(pedido={name: value for name, value in self._order(called).items() if name != "given"})

    def move(self, called: Called) -> Doc:
        slug = called.fields.get("situacao")
        if slug not in SLUGS:
            raise Refusal(31, "situacao")
        self._order(called)["situacao"] = SLUGS[slug]
        return ok()

    def _order(self, called: Called) -> Doc:
        order = self.orders.get(str(called.fields.get("id")))
        if order is None:
            raise Refusal(32, "pedido não localizado")
        return order

    def note(self, called: Called) -> Doc:
        note = self.notes.get(str(called.fields.get("id")))
        if note is None:
            raise Refusal(32, "nota não localizada")
        return ok(nota_fiscal=note)

    def invoice(self, id: str, key: str) -> None:
        number = str(500 + len(self.notes))
        self.notes[number] = {"id": number, "numero": number, "serie": "1", "chave_acesso": key, "id_venda": id}
        self.orders[id] |= {"id_nota_fiscal": number, "situacao": SLUGS["faturado"]}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Erp]:
        app = web.Application()
        app.router.add_route("*", "/api2/{service}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api2"
            yield self
        finally:
            await runner.cleanup()


SERVICES: dict[str, Callable[[Erp, Called], Doc]] = {
    "produtos.pesquisa": Erp.search, "lista.atualizacoes.produtos": Erp.changes, "lista.atualizacoes.estoque": Erp.stock_changes,
    "produto.obter": Erp.product, "produto.obter.estoque": Erp.level, "contatos.pesquisa": Erp.find_contact,
    "contato.incluir": Erp.add_contact, "pedido.incluir": Erp.add_order, "pedidos.pesquisa": Erp.find_orders, "pedido.obter": Erp.order,
    "pedido.alterar.situacao": Erp.move, "nota.fiscal.obter": Erp.note, "info": lambda erp, called: ok(conta={"razao_social": "Loja"}),
}  # fmt: skip


async def _called(request: web.Request) -> Called:
    name = request.match_info["service"]
    fields: Doc
    try:
        if request.content_type == "application/json":
            fields = await request.json()
        else:
            raw = (await request.read()).decode()
            fields = dict(pair for pair in web_parse(raw))
    except ValueError:
        fields = {}
    return Called(name.removesuffix(".php"), name.endswith(".php"), request.content_type, fields, dict(request.query))


def web_parse(raw: str) -> list[tuple[str, str]]:
    """A form; bytes that are no UTF-8 become what no JSON is."""
    from urllib.parse import parse_qsl

    return [(name, value.replace("\ufffd", "\x00")) for name, value in parse_qsl(raw, keep_blank_values=True)]


def validate(doc: Doc, codes: set[str], ids: set[str]) -> None:
    """What `pedido.incluir` asks for: names with an asterisk, dates, numbers, slugs and the length of the number."""
    if not (doc.get("cliente") or {}).get("nome"):
        raise Refusal(31, "cliente.nome")
    if not doc.get("itens"):
        raise Refusal(31, "itens")
    for row in doc["itens"]:
        item = row["item"]
        if any(not item.get(name) for name in ("descricao", "unidade", "quantidade", "valor_unitario")):
            raise Refusal(31, "item incompleto")
        if positive(item["quantidade"]) and positive(item["valor_unitario"]) and item.get("id_produto") in ids:
            continue
        if item.get("codigo") not in codes:
            raise Refusal(32, f"produto {item.get('codigo')}")
    day_of(doc.get("data_pedido"))
    if doc.get("situacao") not in SLUGS:
        raise Refusal(31, "situacao")
    if len(doc.get("numero_pedido_ecommerce", "")) > 50:
        raise Refusal(31, "numero_pedido_ecommerce")


def positive(held: Any) -> bool:
    try:
        if Decimal(str(held)) <= 0:
            raise Refusal(31, f"{held} não é positivo")
    except InvalidOperation:
        raise Refusal(31, f"{held} não é número") from None
    return True


def day_of(held: Any) -> datetime:
    for form in ("%d/%m/%Y", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(str(held), form)
        except ValueError:
            continue
    raise Refusal(31, f"{held} não é data")
