"""Orders as documents of the Olist API v2, both ways.

Contract: olist FACTS, sections 1 (pedido.incluir, pedido.obter) and 3 (situations).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from engate import Known, Note
from engate.model import CENT, Address, Buyer, Order, OrderItem, Payment, ShopState
from engate.shapes import is_array, is_object
from engate_webstore.envelope import INVALID, Refused
from engate_webstore.translate import SAO_PAULO

_0 = Decimal(0)
STATES: Mapping[str, ShopState] = {
    "aberto": "awaiting_payment",
    "aprovado": "ready",
    "preparando_envio": "ready",
    "cancelado": "cancelled",
    "dados_incompletos": "held",
}
"""What the shop says by its situation. Those that only an ERP reaches (faturado, enviado...) are kept and never guessed at."""
LABELS: Mapping[str, str] = {
    "partly_invoiced": "Preparando envio",
    "in_erp": "Preparando envio",
    "picking": "Preparando envio",
    "invoiced": "Faturado (atendido)",
    "shipped": "Enviado",
    "delivered": "Entregue",
    "cancelled": "Cancelado",
}
"""What is answered for engate's states; before the ERP has the order, the shop's own."""
SITUATIONS: Mapping[str, str] = {
    "aberto": "Em aberto",
    "aprovado": "Aprovado",
    "preparando_envio": "Preparando envio",
    "faturado": "Faturado (atendido)",
    "pronto_envio": "Pronto para envio",
    "enviado": "Enviado",
    "entregue": "Entregue",
    "nao_entregue": "Não entregue",
    "cancelado": "Cancelado",
    "dados_incompletos": "Dados incompletos",
}
"""Slug -> label: what is told in a call, and what is answered."""
ID = re.compile(r"[0-9]{1,15}")
KEY = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f-\x9f]{1,50}")
"""A key stands in paths of engate's own addresses, so it holds no slash."""
QUANTITY, PRICE, MONEY = (re.compile(rf"[0-9]{{1,11}}(\.[0-9]{{1,{places}}})?") for places in (4, 10, 2))
"""Decimal places as a fiscal note has room for them: a unit price may have more than cents (what is sold by weight), an amount may not."""
AUTHORISED = 6
"""The situation of a note that is authorised."""
MOST_UNITS, MOST_MONEY = Decimal(10**7), Decimal(10**9)
"""Above that it is a slip of somebody's hand."""
MOST_DOCUMENT = 20
"""Longer than any document: one that is cut to this is still invalid, and fits into the column by which orders are looked up."""
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
LAST_OF_DAY = timedelta(hours=23, minutes=59, seconds=59)
MOST_AHEAD = timedelta(days=366)
SkuOf = Callable[[int], Awaitable[str | None]]


def situation(given: str) -> tuple[ShopState, str]:
    """(what it means, the shop's own word)"""
    word = given.strip().lower()
    return STATES.get(word, "unknown"), word


def is_situation(given: str) -> bool:
    return given.strip().lower() in SITUATIONS


async def read(doc: Mapping[str, Any], at: datetime, sku_of: SkuOf) -> Order:
    """`pedido.incluir`. Raises `Refused` with everything that is wrong, at once."""
    wrong: list[str] = []
    key = _text(doc, "numero_pedido_ecommerce")
    if not KEY.fullmatch(key):
        wrong.append("numero_pedido_ecommerce: de 1 a 50 caracteres, sem barra nem caractere de controle")
    placed = _date(doc, "data_pedido", at, wrong)
    items = await _items(doc, sku_of, wrong)
    client = _inner(doc, "cliente")
    if not _text(client, "nome"):
        wrong.append("cliente.nome é obrigatório")
    freight, discount = _money(doc, "valor_frete", wrong), _money(doc, "valor_desconto", wrong)
    worth = sum((item.value for item in items), _0)
    total = worth + freight - discount
    if not is_situation(_text(doc, "situacao") or "aberto"):
        wrong.append(f"situacao inválida: {_text(doc, 'situacao')[:40]}")
    if total < 0:
        wrong.append("valor_desconto maior que o pedido")
    if total > MOST_MONEY:
        wrong.append("valor do pedido acima do possível")
    payments = _payments(doc, total, wrong)
    if wrong:
        raise Refused(INVALID, *wrong)
    state, word = situation(_text(doc, "situacao") or "aberto")
    delivery = _inner(doc, "endereco_entrega")
    return Order(
        key=key,
        state=state,
        raw_state=word,
        placed_at=placed,
        buyer=_buyer(client),
        delivery=_address(delivery if _text(delivery, "endereco") else client, _text(client, "nome")),
        items=tuple(items),
        payments=payments,
        items_total=worth,
        freight=freight,
        discount=discount,
        interest=_0,
        total=total,
        paid_at=at if state == "ready" else None,
        shipping=_text(doc, "forma_frete") or _text(doc, "forma_envio"),
        channel=_text(doc, "ecommerce"),
    )


async def _items(doc: Mapping[str, Any], sku_of: SkuOf, wrong: list[str]) -> list[OrderItem]:
    found: list[OrderItem] = []
    rows = _listed(doc.get("itens"), "item")
    if not rows:
        wrong.append("itens: nenhum item informado")
    for index, row in enumerate(rows, 1):
        name, code = _text(row, "descricao"), _text(row, "codigo")
        if not code and ID.fullmatch(_text(row, "id_produto")):
            code = await sku_of(int(_text(row, "id_produto"))) or ""
        if not code:
            wrong.append(f"item {index}: codigo ou id_produto não localizado")
        if not name:
            wrong.append(f"item {index}: descricao é obrigatória")
        for needed in ("unidade", "quantidade", "valor_unitario"):
            if not _text(row, needed):
                wrong.append(f"item {index}: {needed} é obrigatório")
        where = f"item {index}: "
        quantity = _number(row, "quantidade", Form(QUANTITY, MOST_UNITS, where), wrong)
        price = _number(row, "valor_unitario", Form(PRICE, MOST_MONEY, where), wrong)
        if _text(row, "quantidade") and quantity <= 0:
            wrong.append(f"item {index}: quantidade deve ser maior que zero")
        found.append(OrderItem(str(index), "", code, name, quantity, price))  # it is named by the ERP's own code
    return found


def _payments(doc: Mapping[str, Any], total: Decimal, wrong: list[str]) -> tuple[Payment, ...]:
    """The payments by form, from the instalments. Where those do not sum to the order's total, all of it is paid by the order's own
    form."""
    own = _text(doc, "forma_pagamento")
    parts: dict[str, list[Decimal]] = {}
    for row in _listed(doc.get("parcelas"), "parcela"):
        parts.setdefault(_text(row, "forma_pagamento") or own, []).append(_money(row, "valor", wrong, "parcela: "))
    if sum((value for values in parts.values() for value in values), _0) != total:
        parts = {own: [total]}
    return tuple(Payment(form, form, sum(values, _0), installments=len(values)) for form, values in parts.items() if sum(values, _0))


def _buyer(client: Mapping[str, Any]) -> Buyer:
    document = re.sub(r"[^0-9A-Z]", "", _text(client, "cpf_cnpj").upper())[:MOST_DOCUMENT]
    company = _text(client, "tipo_pessoa").upper() == "J"
    return Buyer(
        _text(client, "nome"),
        document,
        _text(client, "email"),
        _text(client, "fone"),
        company,
        _text(client, "nome") if company else "",
        _text(client, "ie"),
    )


def _address(given: Mapping[str, Any], receiver: str) -> Address:
    return Address(
        street=_text(given, "endereco"),
        number=_text(given, "numero"),
        complement=_text(given, "complemento"),
        district=_text(given, "bairro"),
        city=_text(given, "cidade"),
        state=_text(given, "uf").upper(),
        zip_code=re.sub(r"\D", "", _text(given, "cep")),
        receiver=_text(given, "nome_destinatario") or receiver,
    )


def _inner(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside; empty where there is none."""
    held = given.get(name)
    return held if is_object(held) else {}


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return str(value).strip() if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else ""


class Form(NamedTuple):
    """How a number is written, and how large it may be. `where`: of which line it is said."""

    pattern: re.Pattern[str]
    most: Decimal
    where: str = ""


def _money(given: Mapping[str, Any], name: str, wrong: list[str], where: str = "") -> Decimal:
    return _number(given, name, Form(MONEY, MOST_MONEY, where), wrong)


def _number(given: Mapping[str, Any], name: str, form: Form, wrong: list[str]) -> Decimal:
    """Digits and a decimal point; nothing is 0. Trailing zeros say nothing."""
    said = _text(given, name) or "0"
    plain = re.sub(r"(\.[0-9]*?)0+$", r"\1", said).removesuffix(".") if "." in said[1:] else said
    if not form.pattern.fullmatch(plain) or Decimal(plain) > form.most:
        wrong.append(f"{form.where}{name} inválido: {said[:40]}")
        return _0
    return Decimal(plain)


def _date(given: Mapping[str, Any], name: str, at: datetime, wrong: list[str]) -> datetime:
    """dd/mm/yyyy in São Paulo, with or without the time of day. Without a date the order is of now. A date without a time counts as the end
    of that day, or as now: an order of the day on which the shop went live must not count as older than that."""
    said = _text(given, name)
    if not said:
        return at
    for form in ("%d/%m/%Y", "%d/%m/%Y %H:%M:%S"):
        try:
            found = datetime.strptime(said, form).replace(tzinfo=SAO_PAULO)
        except ValueError:
            continue
        if OLDEST <= found <= at + MOST_AHEAD:
            return found if "%H" in form else max(found, min(at, found + LAST_OF_DAY))
    wrong.append(f"{name} inválida: {said[:40]}")
    return at


def _listed(given: object, name: str) -> Sequence[Mapping[str, Any]]:
    """`[{"item": {...}}]`; one alone may come as an object, none as ""."""
    rows = given if is_array(given) else [given]
    found = [row.get(name, row) for row in rows if is_object(row)]
    return [row for row in found if is_object(row)]


# ---- what the shop is told ----


def label(known: Known) -> str:
    return LABELS.get(known.state) or SITUATIONS.get(known.order.raw_state, known.order.raw_state)


def line(known: Known) -> dict[str, Any]:
    """A row of `pedidos.pesquisa`."""
    tracking = known.tracking[-1] if known.tracking else None
    return {
        "id": known.number,
        "numero": known.number,
        "numero_ecommerce": known.order.key,
        "data_pedido": _day(known.order.placed_at),
        "nome": known.order.buyer.name,
        "valor": f"{known.order.total:.2f}",
        "situacao": label(known),
        "codigo_rastreamento": tracking.code if tracking is not None else "",
        "url_rastreamento": tracking.url if tracking is not None else "",
    }


def whole(known: Known) -> dict[str, Any]:
    """`pedido.obter`. Without instalments: engate keeps the sum of each form of payment, not the days."""
    order = known.order
    newest = known.notes[-1] if known.notes else None
    sent = [tracking.dispatched_at for tracking in known.tracking if tracking.dispatched_at is not None]
    return line(known) | {
        "cliente": {"nome": order.buyer.name, "cpf_cnpj": order.buyer.document, "email": order.buyer.email, "fone": order.buyer.phone},
        "endereco_entrega": _place(order.delivery),
        "itens": [{"item": _item(item)} for item in order.items],
        "valor_frete": f"{order.freight:.2f}",
        "valor_desconto": f"{order.discount:.2f}",
        "total_pedido": f"{order.total:.2f}",
        "ecommerce": {"numeroPedidoEcommerce": order.key},
        "id_nota_fiscal": newest.id if newest is not None else 0,
        "data_faturamento": _day(newest.invoice.issued_at) if newest is not None else "",
        "data_envio": _day(max(sent)) if sent else "",
        "data_entrega": _day(known.delivered_at) if known.delivered_at is not None else "",
    }


def _place(address: Address) -> dict[str, Any]:
    return {
        "endereco": address.street,
        "numero": address.number,
        "complemento": address.complement,
        "bairro": address.district,
        "cep": address.zip_code,
        "cidade": address.city,
        "uf": address.state,
        "nome_destinatario": address.receiver,
    }


def _item(item: OrderItem) -> dict[str, Any]:
    return {
        "codigo": item.reference,
        "descricao": item.name,
        "unidade": "UN",
        "quantidade": f"{item.quantity.normalize():f}",
        "valor_unitario": f"{item.price:.2f}" if item.price == item.price.quantize(CENT) else f"{item.price.normalize():f}",
    }


def note(known: Known, found: Note) -> dict[str, Any]:
    """`nota.fiscal.obter` of an authorised note."""
    invoice = found.invoice
    return {
        "id": found.id,
        "numero": invoice.number,
        "serie": invoice.series,
        "chave_acesso": invoice.key,
        "data_emissao": _day(invoice.issued_at),
        "valor_nota": f"{invoice.value:.2f}",
        "situacao": AUTHORISED,
        "id_venda": known.number,
    }


def _day(at: datetime) -> str:
    return at.astimezone(SAO_PAULO).strftime("%d/%m/%Y")
