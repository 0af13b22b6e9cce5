"""Products of the ERP as documents of the Olist API v2. Pure.

A product with one SKU in the ERP is a simple one: its code is the SKU's. A product with several is a parent with variations, also while
only one of them may be shown. `id` is the product's in both cases, so that it stays the same product to the shop when it gets a second SKU.

Contract: olist FACTS, section 1 (produtos.pesquisa, produto.obter, produto.obter.estoque).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engate import Whole, WholeSku
from engate.model import Item, Price, Product, StockLevel

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MOST_NAME, MOST_UNIT = 120, 3
UNIT = "UN"
"""The unit of a product that has none in the ERP: the contract requires one."""
NAMES = {
    "description": "descricao_complementar", "unit": "unidade", "ncm": "ncm", "net_weight_kg": "peso_liquido",
    "preparation_days": "dias_preparacao", "ean": "gtin", "weight_kg": "peso_bruto", "height_cm": "alturaEmbalagem",
    "width_cm": "larguraEmbalagem", "length_cm": "comprimentoEmbalagem",
}  # fmt: skip
"""Fields of the model (of a product, of a SKU) that may stay with the shop, as the contract calls them."""
OF_FLOW = {"prices": {"preco", "preco_promocional"}, "images": {"anexos"}, "categories": {"categoria"}, "brands": {"marca"}}
"""What stays with the shop while a flow does not run."""
_0 = Decimal(0)


def moment(at: datetime) -> str:
    return at.astimezone(SAO_PAULO).strftime("%d/%m/%Y %H:%M:%S")


def priced(each: WholeSku) -> bool:
    """Whether its price is known, also from before the flow of prices was switched off. Without one the shop would sell it for nothing."""
    return any(not price.want.table for price in each.prices)


def sells(whole: Whole, each: WholeSku) -> bool:
    """Whether the SKU is active in the ERP and has a price."""
    return each.sku.want.active and _costs(whole, each)


def offers(whole: Whole, each: WholeSku) -> bool:
    """Whether the SKU sells and its product is active."""
    return whole.product.want.active and sells(whole, each)


def in_stock(whole: Whole, each: WholeSku) -> bool:
    """Whether its stock is told; else 0 is. Only flows that run count: what the shop maintains itself is no reason to tell it 0."""
    return offers(whole, each) if "products" in whole.flows else _costs(whole, each)


def _costs(whole: Whole, each: WholeSku) -> bool:
    return "prices" not in whole.flows or _prices([each])[0] > 0


def varied(whole: Whole) -> bool:
    return whole.of > 1


def travelling(whole: Whole, doc: dict[str, Any]) -> dict[str, Any]:
    """The document without the fields that stay with the shop, which keeps what an answer leaves out. Where the ERP gives a product no
    brand, the field goes also while the flow of brands does not run."""
    left_out = {NAMES[name] for name in whole.product.kept | whole.skus[0].sku.kept if name in NAMES}
    left_out = left_out.union(*(names for flow, names in OF_FLOW.items() if flow not in whole.flows))
    if whole.brand is not None and whole.product.want.brand is None:
        left_out.discard("marca")
    return {name: value for name, value in doc.items() if name not in left_out}


def row(whole: Whole) -> dict[str, Any]:
    """A line of `produtos.pesquisa`."""
    sku, several = whole.skus[0], varied(whole)
    price, promotional = _prices(_sold(whole))
    return {
        "id": whole.product.id,
        "nome": whole.product.want.name[:MOST_NAME],
        "codigo": whole.product.key if several else sku.sku.key,
        "preco": _money(price),
        "preco_promocional": _money(promotional),
        "unidade": _unit(whole),
        "gtin": "" if several else sku.sku.want.ean,
        "tipoVariacao": "P" if several else "N",
        "situacao": _situation(whole, whole.skus),
    }


def rows(whole: Whole) -> list[dict[str, Any]]:
    """The product's line and those of its variations: a search by code or GTIN may be for either."""
    return [row(whole), *(_variation_row(whole, each) for each in (whole.skus if varied(whole) else ()))]


def _variation_row(whole: Whole, each: WholeSku) -> dict[str, Any]:
    own = _variation(each, "")
    del own["grade"]
    return row(whole) | own | {"nome": each.sku.want.name[:MOST_NAME], "tipoVariacao": "V", "situacao": _situation(whole, [each])}


def product(whole: Whole, option: str) -> dict[str, Any]:
    """`produto.obter`. `option`: the name of the option for SKUs that have no options of their own."""
    several = varied(whole)
    pictures = list(dict.fromkeys(image.want.url for each in whole.skus for image in sorted(each.images, key=lambda i: i.want.position)))
    return row(whole) | {
        "tipo": "P",
        "classe_produto": "V" if several else "S",
        "descricao_complementar": whole.product.want.description,
        "marca": whole.brand.name if whole.brand is not None else "",
        "categoria": " > ".join(category.name for category in whole.categories),
        **_details(whole.product.want),
        **_sizes(whole, whole.skus[0]),
        "anexos": [{"anexo": url} for url in pictures],
        "variacoes": [{"variacao": travelling(whole, _variation(each, option))} for each in _sold(whole)] if several else [],
    }


def variation(whole: Whole, each: WholeSku, option: str) -> dict[str, Any]:
    """`produto.obter` of one variation: its own fields, and those of its product for the rest."""
    return product(whole, option) | {
        **_variation(each, option),
        "nome": each.sku.want.name[:MOST_NAME],
        "tipoVariacao": "V",
        "idProdutoPai": whole.product.id,
        "situacao": _situation(whole, [each]),
        "variacoes": [],
        **_sizes(whole, each),
    }


def _sold(whole: Whole) -> Sequence[WholeSku]:
    """The SKUs that are shown. A variation has no field that says it is inactive, so inactive ones are left out. Where all are, all are
    shown and the product is inactive."""
    return [each for each in whole.skus if sells(whole, each)] or whole.skus


def _unit(whole: Whole) -> str:
    return (whole.product.want.unit or UNIT)[:MOST_UNIT]


def _details(product: Product) -> dict[str, Any]:
    """Fields that the ERP leaves empty are left out: the shop may have its own."""
    days = {"dias_preparacao": str(product.preparation_days)} if product.preparation_days is not None else {}
    return ({"ncm": product.ncm} if product.ncm else {}) | days


def _sizes(whole: Whole, each: WholeSku) -> dict[str, Any]:
    """Weights and sizes. The net weight is that of all base units in the packaging."""
    size, net = each.sku.want, whole.product.want.net_weight_kg
    return ({"peso_liquido": _number(net * size.units)} if net else {}) | {
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


def _situation(whole: Whole, skus: Sequence[WholeSku]) -> str:
    return "A" if any(offers(whole, each) for each in skus) else "I"


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


def stock(whole: Whole, each: WholeSku | None, unlimited: int) -> dict[str, Any]:
    """`produto.obter.estoque` of one variation, or of a product (`each` is None). The ERP's reservations are off it already. `unlimited`:
    the number for a stock that the ERP does not count."""
    skus = whole.skus if each is None or not varied(whole) else [each]
    one = whole.product if skus is whole.skus else skus[0].sku
    levels = [(level, units(level.want, unlimited) if in_stock(whole, sku) else _0) for sku in skus for level in sku.stock]
    doc = {
        "id": one.id,
        "nome": whole.product.want.name[:MOST_NAME],
        "codigo": one.key if varied(whole) else whole.skus[0].sku.key,
        "unidade": _unit(whole),
        "saldo": _number(sum((told for _, told in levels), _0)),
        "saldoReservado": "0",
        "depositos": [{"deposito": _deposit(level, told)} for level, told in levels],
    }
    return travelling(whole, doc)


def _deposit(level: Item[StockLevel], told: Decimal) -> dict[str, str]:
    return {"nome": level.refs.get("warehouse", ""), "desconsiderar": "N", "saldo": _number(told), "empresa": ""}


def units(level: StockLevel, unlimited: int) -> Decimal:
    """The contract has numbers only, nothing for a stock without end."""
    return Decimal(unlimited) if level.unlimited else level.quantity


def _money(value: Decimal) -> str:
    return f"{value:.2f}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
