"""Orders as the Olist API v2 takes and tells them. Contract: olist FACTS, sections 1 (pedido.incluir, pedido.obter) and 3 (situations)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from engate import Known
from engate.model import Address, Buyer, Invoice, Order, OrderItem, Payment, ShopState
from engate_webstore.catalog import SAO_PAULO
from engate_webstore.envelope import INVALID, Refused

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
    "invoiced": "Faturado",
    "shipped": "Enviado",
    "delivered": "Entregue",
    "cancelled": "Cancelado",
}
"""What is answered for engate's states; before the ERP has the order, the shop's own."""
OF_SHOP: Mapping[str, str] = {"awaiting_payment": "Em aberto", "ready": "Aprovado", "cancelled": "Cancelado", "held": "Dados incompletos"}
SkuOf = Callable[[int], Awaitable[str | None]]


def situation(given: str) -> tuple[ShopState, str]:
    """(what it means, the shop's own word)"""
    word = given.strip().lower()
    return STATES.get(word, "unknown"), word


def is_situation(given: str) -> bool:
    return given.strip().lower() in {*STATES, "faturado", "pronto_envio", "enviado", "entregue", "nao_entregue"}


async def read(doc: Mapping[str, Any], at: datetime, sku_of: SkuOf) -> Order:
    """`pedido.incluir`. Raises Refused with everything that is wrong of it at once."""
    wrong: list[str] = []
    key = _text(doc, "numero_pedido_ecommerce")
    if not 0 < len(key) <= 50:
        wrong.append("numero_pedido_ecommerce: de 1 a 50 caracteres")
    placed = _date(doc, "data_pedido", at, wrong)
    items = await _items(doc, sku_of, wrong)
    client = doc.get("cliente")
    client = client if isinstance(client, Mapping) else {}
    if not _text(client, "nome"):
        wrong.append("cliente.nome é obrigatório")
    freight, discount = _amount(doc, "valor_frete", wrong), _amount(doc, "valor_desconto", wrong)
    worth = sum((item.value for item in items), _0)
    total = worth + freight - discount
    if not is_situation(_text(doc, "situacao") or "aberto"):
        wrong.append(f"situacao inválida: {_text(doc, 'situacao')[:40]}")
    if total < 0:
        wrong.append("valor_desconto maior que o pedido")
    payments = _payments(doc, total, wrong)
    if wrong:
        raise Refused(INVALID, *wrong)
    state, word = situation(_text(doc, "situacao") or "aberto")
    delivery = doc.get("endereco_entrega")
    return Order(
        key=key,
        state=state,
        raw_state=word,
        placed_at=placed,
        buyer=_buyer(client),
        delivery=_address(delivery if isinstance(delivery, Mapping) and _text(delivery, "endereco") else client, _text(client, "nome")),
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
        changed_at=stamp(at),
    )


def stamp(at: datetime) -> str:
    return at.astimezone(SAO_PAULO).isoformat(timespec="microseconds")


async def _items(doc: Mapping[str, Any], sku_of: SkuOf, wrong: list[str]) -> list[OrderItem]:
    found: list[OrderItem] = []
    rows = _listed(doc.get("itens"), "item")
    if not rows:
        wrong.append("itens: nenhum item informado")
    for index, row in enumerate(rows, 1):
        name, code = _text(row, "descricao"), _text(row, "codigo")
        if not code and _text(row, "id_produto").isdigit():
            code = await sku_of(int(_text(row, "id_produto")[:15])) or ""
        if not code:
            wrong.append(f"item {index}: codigo ou id_produto não localizado")
        if not name:
            wrong.append(f"item {index}: descricao é obrigatória")
        for needed in ("unidade", "quantidade", "valor_unitario"):
            if not _text(row, needed):
                wrong.append(f"item {index}: {needed} é obrigatório")
        quantity, price = _amount(row, "quantidade", wrong, f"item {index}"), _amount(row, "valor_unitario", wrong, f"item {index}")
        if _text(row, "quantidade") and quantity <= 0:
            wrong.append(f"item {index}: quantidade deve ser maior que zero")
        found.append(OrderItem(str(index), code, code, name, quantity, price))
    return found


def _payments(doc: Mapping[str, Any], total: Decimal, wrong: list[str]) -> tuple[Payment, ...]:
    """By form, as the instalments say; where they do not sum to the order, all of it by the order's own form."""
    own = _text(doc, "forma_pagamento")
    parts: dict[str, list[Decimal]] = {}
    for row in _listed(doc.get("parcelas"), "parcela"):
        parts.setdefault(_text(row, "forma_pagamento") or own, []).append(_amount(row, "valor", wrong, "parcela"))
    if sum((value for values in parts.values() for value in values), _0) != total:
        parts = {own: [total]}
    return tuple(Payment(form, form, sum(values, _0), installments=len(values)) for form, values in parts.items() if sum(values, _0))


def _buyer(client: Mapping[str, Any]) -> Buyer:
    document = re.sub(r"[^0-9A-Z]", "", _text(client, "cpf_cnpj").upper())
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


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return str(value).strip() if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else ""


def _amount(given: Mapping[str, Any], name: str, wrong: list[str], where: str = "") -> Decimal:
    """Decimal point; nothing is 0."""
    said = _text(given, name) or "0"
    try:
        value = Decimal(said)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or value > 10**12:
        wrong.append(f"{where + ': ' if where else ''}{name} inválido: {said[:40]}")
        return _0
    return value


def _date(given: Mapping[str, Any], name: str, at: datetime, wrong: list[str]) -> datetime:
    """dd/mm/yyyy in São Paulo; without one the order is of now."""
    said = _text(given, name)
    if not said:
        return at
    for form in ("%d/%m/%Y", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(said, form).replace(tzinfo=SAO_PAULO)
        except ValueError:
            continue
    wrong.append(f"{name} inválida: {said[:40]}")
    return at


def _listed(given: object, name: str) -> Sequence[Mapping[str, Any]]:
    """`[{"item": {...}}]`; one alone may come as an object, none as ""."""
    rows = given if isinstance(given, list) else [given] if isinstance(given, Mapping) else []
    found = [row.get(name, row) if isinstance(row, Mapping) else None for row in rows]
    return [row for row in found if isinstance(row, Mapping)]


# ---- what the shop is told ----


def label(known: Known) -> str:
    return LABELS.get(known.state) or OF_SHOP.get(known.order.state, known.order.raw_state)


def line(known: Known) -> dict[str, Any]:
    """A row of `pedidos.pesquisa`."""
    tracking = known.tracking[-1] if known.tracking else None
    return {
        "id": known.number,
        "numero": known.number,
        "numero_ecommerce": known.order.key,
        "data_pedido": known.order.placed_at.astimezone(SAO_PAULO).strftime("%d/%m/%Y"),
        "nome": known.order.buyer.name,
        "valor": f"{known.order.total:.2f}",
        "situacao": label(known),
        "codigo_rastreamento": tracking.code if tracking is not None else "",
        "url_rastreamento": tracking.url if tracking is not None else "",
    }


def whole(known: Known) -> dict[str, Any]:
    """`pedido.obter`."""
    order = known.order
    return line(known) | {
        "cliente": {"nome": order.buyer.name, "cpf_cnpj": order.buyer.document, "email": order.buyer.email, "fone": order.buyer.phone},
        "itens": [
            {
                "item": {
                    "codigo": item.reference, "descricao": item.name, "unidade": "UN", "quantidade": f"{item.quantity.normalize():f}",
                    "valor_unitario": f"{item.price:.2f}",
                }
            }
            for item in order.items
        ],
        "valor_frete": f"{order.freight:.2f}",
        "valor_desconto": f"{order.discount:.2f}",
        "total_pedido": f"{order.total:.2f}",
        "ecommerce": {"numeroPedidoEcommerce": order.key},
        "id_nota_fiscal": note_id(known, 0) if known.notes else 0,
    }  # fmt: skip


MOST_NOTES = 100


def note_id(known: Known, index: int) -> int:
    """Of the notes of an order: its number and which of them."""
    return known.number * MOST_NOTES + index


def note(known: Known, index: int) -> dict[str, Any]:
    """`nota.fiscal.obter`."""
    invoice: Invoice = known.notes[index]
    return {
        "id": note_id(known, index),
        "numero": invoice.number,
        "serie": invoice.series,
        "chave_acesso": invoice.key,
        "data_emissao": invoice.issued_at.astimezone(SAO_PAULO).strftime("%d/%m/%Y"),
        "valor_nota": f"{invoice.value:.2f}",
        "situacao": 6 if invoice.authorised else 1,
        "id_venda": known.number,
    }
