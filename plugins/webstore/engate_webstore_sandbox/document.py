"""An order and its buyer as the ERP takes them (Olist FACTS section 1, `pedido.incluir`), cut to the lengths that it has room for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from engate_webstore_sandbox.envelope import day
from engate_webstore_sandbox.sales import CENT, FORMS, SHIPPING, Line, Order
from engate_webstore_sandbox.settings import Settings

CPF = 11
MONTH = timedelta(days=30)


def order_document(order: Order, settings: Settings, *, state: str = "") -> dict[str, Any]:
    """`state`: tells this one instead of what it is now."""
    tag = order.payments[0][0]
    form, means = FORMS[tag]
    return {
        "data_pedido": day(order.placed_at),
        "cliente": {**customer(order), "atualizar_cliente": "S"},
        "endereco_entrega": {**place(order), "nome_destinatario": order.buyer.name[:60]},
        "itens": [{"item": item(line, settings)} for line in order.lines],
        "forma_pagamento": form,
        "meio_pagamento": means,
        "parcelas": [{"parcela": one} for one in installments(order)],
        "forma_envio": "T",
        "forma_frete": SHIPPING[order.shipping],
        "frete_por_conta": "R",
        "valor_frete": money(order.freight),
        "valor_desconto": money(order.discount),
        "numero_pedido_ecommerce": order.key,
        "ecommerce": order.channel,
        "situacao": state or order.wants,
        "obs": f"Pedido {order.key} da loja {settings.store}"[:100],
    }


def customer(order: Order) -> dict[str, Any]:
    buyer = order.buyer
    return {
        "nome": buyer.name[:30],
        "tipo_pessoa": "F" if len(buyer.document) == CPF else "J",
        "cpf_cnpj": punctuated(buyer.document)[:18],
        **({"ie": buyer.state_inscription} if buyer.state_inscription else {}),
        **place(order),
        "pais": "Brasil",
        "email": buyer.email[:50],
    }


def place(order: Order) -> dict[str, Any]:
    buyer = order.buyer
    return {
        "endereco": buyer.street[:50],
        "numero": buyer.number[:10],
        "complemento": buyer.complement[:50],
        "bairro": buyer.district[:30],
        "cep": f"{buyer.zip_code[:2]}.{buyer.zip_code[2:5]}-{buyer.zip_code[5:8]}",
        "cidade": buyer.city[:30],
        "uf": buyer.state,
        "fone": buyer.phone[:40],
    }


def item(line: Line, settings: Settings) -> dict[str, Any]:
    by_id = settings.item_by == "id_produto" and line.erp
    return {
        **({"id_produto": line.erp} if by_id else {"codigo": line.codigo}),
        "descricao": line.name[:120],
        "unidade": line.unit,
        "quantidade": f"{line.quantity:f}" if isinstance(line.quantity, Decimal) else str(line.quantity),
        "valor_unitario": money(line.price),
    }


def installments(order: Order) -> list[dict[str, Any]]:
    """One a month for each payment; the cents that do not divide are in the first."""
    found: list[dict[str, Any]] = []
    for tag, value, times in order.payments:
        each = (value / times).quantize(CENT, "ROUND_DOWN")
        for nth in range(times):
            due = nth * MONTH
            worth = value - each * (times - 1) if nth == 0 else each
            found.append({
                "dias": due.days, "data": day(order.placed_at + due), "valor": money(worth), "forma_pagamento": FORMS[tag][0],
            })  # fmt: skip
    return found


def contact_document(order: Order) -> dict[str, Any]:
    """Of `contato.incluir`: by likeness with `produto.incluir`, a batch of one."""
    return {"contatos": [{"contato": {"sequencia": "1", "situacao": "A", **customer(order)}}]}


def money(value: Decimal) -> str:
    return f"{value:.2f}" if value == value.quantize(CENT) else f"{value:f}"


def punctuated(document: str) -> str:
    if len(document) == CPF:
        return f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    return f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"
