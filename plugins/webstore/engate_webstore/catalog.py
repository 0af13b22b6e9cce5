"""Products as the Olist API v2 tells them, out of what engate hands out.

A product of one SKU is a simple one: its id and code are the SKU's. One of several is a parent with variations. Contract: olist FACTS,
section 1 (produtos.pesquisa, produto.obter, produto.obter.estoque).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engate import Whole, WholeSku
from engate.model import Price

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MOST_NAME = 120
_0 = Decimal(0)


def moment(at: datetime) -> str:
    return at.astimezone(SAO_PAULO).strftime("%d/%m/%Y %H:%M:%S")


def row(whole: Whole) -> dict[str, Any]:
    """A line of `produtos.pesquisa`."""
    sku, several = whole.skus[0], len(whole.skus) > 1
    price, promotional = _prices(whole.skus)
    return {
        "id": whole.product.id if several else sku.sku.id,
        "nome": whole.product.want.name[:MOST_NAME],
        "codigo": whole.product.key if several else sku.sku.key,
        "preco": _money(price),
        "preco_promocional": _money(promotional),
        "unidade": "UN",
        "gtin": "" if several else sku.sku.want.ean,
        "tipoVariacao": "P" if several else "N",
        "situacao": _situation(whole),
    }


def product(whole: Whole, option: str) -> dict[str, Any]:
    """`produto.obter`. `option`: what the option of SKUs is called that have none of their own."""
    several = len(whole.skus) > 1
    pictures = list(dict.fromkeys(image.want.url for each in whole.skus for image in sorted(each.images, key=lambda i: i.want.position)))
    return row(whole) | {
        "tipo": "P",
        "classe_produto": "V" if several else "S",
        "descricao_complementar": whole.product.want.description,
        "marca": whole.brand.name if whole.brand is not None else "",
        "categoria": " > ".join(category.name for category in whole.categories),
        **_sizes(whole.skus[0]),
        "anexos": [{"anexo": url} for url in pictures],
        "variacoes": [{"variacao": _variation(each, option)} for each in whole.skus] if several else [],
    }


def variation(whole: Whole, each: WholeSku, option: str) -> dict[str, Any]:
    """`produto.obter` of one variation: what is its own, and the rest of its product."""
    own = _variation(each, option)
    size = each.sku.want
    return product(whole, option) | {
        **own,
        "nome": size.name[:MOST_NAME],
        "tipoVariacao": "V",
        "idProdutoPai": whole.product.id,
        "situacao": "A" if size.active and whole.product.want.active else "I",
        "variacoes": [],
        **_sizes(each),
    }


def _sizes(each: WholeSku) -> dict[str, Any]:
    size = each.sku.want
    return {
        "peso_liquido": _number(size.weight_kg),
        "peso_bruto": _number(size.weight_kg),
        "alturaEmbalagem": _number(size.height_cm),
        "larguraEmbalagem": _number(size.width_cm),
        "comprimentoEmbalagem": _number(size.length_cm),
    }


def _variation(each: WholeSku, option: str) -> dict[str, Any]:
    sku = each.sku.want
    price, promotional = _prices([each])
    return {
        "id": each.sku.id,
        "codigo": each.sku.key,
        "gtin": sku.ean,
        "preco": _money(price),
        "preco_promocional": _money(promotional),
        "grade": dict(sku.options) if sku.options else {option: sku.packaging or sku.name},
    }


def _situation(whole: Whole) -> str:
    return "A" if whole.product.want.active and any(each.sku.want.active for each in whole.skus) else "I"


def _prices(skus: Sequence[WholeSku]) -> tuple[Decimal, Decimal]:
    """(the price, what it is sold for now where that is less, else 0), of the cheapest one; 0 where there is no price."""
    found = [price.want for each in skus for price in each.prices if not price.want.table]
    cheapest = min(found, key=lambda price: price.base, default=None)
    if cheapest is None:
        return _0, _0
    return _struck(cheapest)


def _struck(price: Price) -> tuple[Decimal, Decimal]:
    if price.list_price is not None and price.list_price > price.base:
        return price.list_price, price.base
    return price.base, _0


def stock(whole: Whole, skus: Sequence[WholeSku]) -> dict[str, Any]:
    """`produto.obter.estoque` of one SKU, or of all of a product. What the ERP reserves is out of it already."""
    one = skus[0].sku if len(skus) == 1 else whole.product
    levels = [level for each in skus for level in each.stock]
    return {
        "id": one.id,
        "nome": whole.product.want.name[:MOST_NAME],
        "codigo": one.key,
        "unidade": "UN",
        "saldo": _number(sum((level.want.quantity for level in levels), _0)),
        "saldoReservado": "0",
        "depositos": [
            {
                "deposito": {
                    "nome": level.refs.get("warehouse", ""),
                    "desconsiderar": "N",
                    "saldo": _number(level.want.quantity),
                    "empresa": "",
                }
            }
            for level in levels
        ],
    }


def _money(value: Decimal) -> str:
    return f"{value:.2f}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
