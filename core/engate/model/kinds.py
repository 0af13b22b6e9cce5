"""The kinds of records: one table that says how each is read, pushed, keyed and what it refers to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engate.model.catalog import Brand, Category, Image, Price, Product, Sku, StockLevel, Warehouse
from engate.text import Text

Ref = tuple[str, str, str]
"""(name of the reference in `Item.refs`, kind, ERP key)"""


class Kind(msgspec.Struct, frozen=True):
    """`parent`: the one record without which this one cannot be pushed (kind, key), matched in SQL because there are as many as SKUs.
    `refs`: the few shared ones (categories, brands), resolved when a batch is made. `priority`: 0 = orders … 9.
    `also`: other keys by which people look for it. `together`: those of one parent go in one batch."""

    name: str
    flow: str
    struct: type[Any]
    list_hook: str
    push_hook: str
    batch: int
    priority: int
    parent_kind: str | None = None
    parent: Callable[[Any], str] | None = None
    refs: Callable[[Any], tuple[Ref, ...]] | None = None

    @property
    def check_hook(self) -> str:
        return self.push_hook.replace("push_", "check_")

    @property
    def has_refs(self) -> bool:
        return self.refs is not None

    also: Callable[[Any], str] | None = None
    together: bool = False


def _category_refs(c: Category) -> tuple[Ref, ...]:
    return (("parent", "category", c.parent),) if c.parent else ()


def _product_refs(p: Product) -> tuple[Ref, ...]:
    found: list[Ref] = []
    if p.category:
        found.append(("category", "category", p.category))
    if p.brand:
        found.append(("brand", "brand", p.brand))
    return tuple(found)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("warehouse", "warehouses", Warehouse, "list_warehouses", "push_warehouses", 50, 4),
        Kind("category", "categories", Category, "list_categories", "push_categories", 250, 5, refs=_category_refs),
        Kind("brand", "brands", Brand, "list_brands", "push_brands", 250, 5),
        Kind("product", "products", Product, "list_products", "push_products", 250, 6, refs=_product_refs),
        Kind("sku", "products", Sku, "list_skus", "push_skus", 250, 6, "product", lambda s: s.product, also=lambda s: s.ean, together=True),
        Kind("image", "images", Image, "list_images", "push_images", 250, 7, "sku", lambda i: i.sku),
        Kind("price", "prices", Price, "list_prices", "push_prices", 250, 3, "sku", lambda p: p.sku),
        Kind("stock", "stock", StockLevel, "list_stock", "push_stock", 250, 2, "sku", lambda s: s.sku),
    )
}
"""In the order of an initial load."""


def buyable(doc: Any) -> bool:
    """Whether a record of this document lets a buyer buy, as far as it is its part: units, a price, an active product."""
    match doc:
        case StockLevel():
            return doc.unlimited or doc.quantity > 0
        case Price():
            return doc.base > 0
        case Product() | Sku():
            return doc.active
        case _:
            return doc is not None


CALLED: dict[str, Text] = {
    "warehouse": Text("o depósito", "warehouse"),
    "category": Text("a categoria", "category"),
    "brand": Text("a marca", "brand"),
    "product": Text("o produto", "product"),
    "sku": Text("o SKU", "SKU"),
    "image": Text("a imagem", "image"),
    "price": Text("o preço", "price"),
    "stock": Text("o estoque", "stock"),
    "order": Text("o pedido", "order"),
}
"""As people call what a key stands for, within a sentence."""


def titled(kind: str, key: str) -> Text:
    """At the beginning of one: "Produto 10029"."""
    called = CALLED[kind]
    return Text(f"{called.pt[2:3].upper()}{called.pt[3:]} {key}", f"{called.en[:1].upper()}{called.en[1:]} {key}")


def waits_for(kind: str, key: str) -> Text:
    """Of what cannot go before this is in the shop."""
    called = CALLED[kind]
    made = "criada" if called.pt.startswith("a ") else "criado"
    return Text(f"Aguardando {called.pt} {key} ser {made} na loja.", f"Waits for {called.en} {key} to be made in the shop.")
