"""The kinds of records: one table of how each is read, pushed and keyed, and what it refers to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engate.model.catalog import Brand, Category, Image, Price, Product, Sku, StockLevel, Warehouse
from engate.text import Text

Ref = tuple[str, str, str]
"""(name of the reference in `Item.refs`, kind, ERP key)"""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs between kinds: other code does not compare a kind's name.

    `called`: one of it within a sentence; `title`: several. `batch`: records of a push, where the storefront does not say.
    `priority`: 0 = orders … 9.
    `parent`: the key of the one record that must be pushed before this one; matched in SQL because there are as many as SKUs.
    `refs`: the few shared records of the kinds `refers_to`, resolved when a batch is made. `also`: other keys that find it.
    `together`: records of one parent go in one batch.
    `shared`: many records refer to one of it; `new_ones`: the option that decides about records without an equivalent in the shop;
    `one_for_all`: the option that names one for records that refer to none.
    `sold`: what a buyer orders. `counted`: units, from which orders that the ERP does not know are subtracted. `by_table`: one for each
    mapped price table. `known_by_skus`: records made in a shop may carry no reference of the ERP and be known only by their SKUs.
    `own_link`: linked one to one with a thing of the shop."""

    name: str
    flow: str
    struct: type[Any]
    called: Text
    title: Text
    list_hook: str
    push_hook: str
    batch: int = 250
    priority: int
    parent_kind: str | None = None
    parent: Callable[[Any], str] | None = None
    refs: Callable[[Any], tuple[Ref, ...]] | None = None
    refers_to: tuple[str, ...] = ()
    also: Callable[[Any], str] | None = None
    together: bool = False
    shared: bool = False
    new_ones: str = ""
    one_for_all: str = ""
    sold: bool = False
    counted: bool = False
    by_table: bool = False
    known_by_skus: bool = False
    own_link: bool = False

    @property
    def check_hook(self) -> str:
        return self.push_hook.replace("push_", "check_")

    @property
    def has_refs(self) -> bool:
        return self.refs is not None


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
        Kind(
            name="warehouse", flow="warehouses", struct=Warehouse, list_hook="list_warehouses", push_hook="push_warehouses",
            called=Text("o depósito", "warehouse"), title=Text("Filiais", "Branches"), batch=50, priority=4,
        ),
        Kind(
            name="category", flow="categories", struct=Category, list_hook="list_categories", push_hook="push_categories",
            called=Text("a categoria", "category"), title=Text("Categorias", "Categories"), priority=5,
            refs=_category_refs, refers_to=("category",), shared=True, new_ones="new_categories",
        ),
        Kind(
            name="brand", flow="brands", struct=Brand, list_hook="list_brands", push_hook="push_brands",
            called=Text("a marca", "brand"), title=Text("Marcas", "Brands"), priority=5, shared=True,
            new_ones="new_brands", one_for_all="brand_for_all",
        ),
        Kind(
            name="product", flow="products", struct=Product, list_hook="list_products", push_hook="push_products",
            called=Text("o produto", "product"), title=Text("Produtos", "Products"), priority=6,
            refs=_product_refs, refers_to=("category", "brand"), known_by_skus=True, own_link=True,
        ),
        Kind(
            name="sku", flow="products", struct=Sku, list_hook="list_skus", push_hook="push_skus",
            called=Text("o SKU", "SKU"), title=Text("SKUs", "SKUs"), priority=6,
            parent_kind="product", parent=lambda s: s.product, also=lambda s: s.ean, together=True, sold=True, own_link=True,
        ),
        Kind(
            name="image", flow="images", struct=Image, list_hook="list_images", push_hook="push_images",
            called=Text("a imagem", "image"), title=Text("Imagens", "Images"), priority=7, parent_kind="sku", parent=lambda i: i.sku,
        ),
        Kind(
            name="price", flow="prices", struct=Price, list_hook="list_prices", push_hook="push_prices",
            called=Text("o preço", "price"), title=Text("Preços", "Prices"), priority=3,
            parent_kind="sku", parent=lambda p: p.sku, by_table=True,
        ),
        Kind(
            name="stock", flow="stock", struct=StockLevel, list_hook="list_stock", push_hook="push_stock",
            called=Text("o estoque", "stock"), title=Text("Estoques", "Stock levels"), priority=2,
            parent_kind="sku", parent=lambda s: s.sku, counted=True,
        ),
    )
}  # fmt: skip
"""In the order of an initial load."""
SHARED = {kind.name: kind for kind in KINDS.values() if kind.shared}
"""Kinds that many records refer to: waiting for one of these is a cause, not a join."""
OF_A_SKU = {kind.name: kind for kind in KINDS.values() if kind.parent_kind == "sku"}


def referring(kind: str) -> list[Kind]:
    """Kinds whose documents name records of this one."""
    return [each for each in KINDS.values() if kind in each.refers_to]


def buyable(doc: Any) -> bool:
    """Whether this document, for its part, lets a buyer buy: it has units, a price, or is an active product."""
    match doc:
        case StockLevel():
            return doc.unlimited or doc.quantity > 0
        case Price():
            return doc.base > 0
        case Product() | Sku():
            return doc.active
        case _:
            return doc is not None


CALLED: dict[str, Text] = {**{kind.name: kind.called for kind in KINDS.values()}, "order": Text("o pedido", "order")}
"""What a key stands for, within a sentence."""


def titled(kind: str, key: str) -> Text:
    """The name of a record at the beginning of a sentence: "Produto 10029"."""
    called = CALLED[kind]
    return Text(f"{called.pt[2:3].upper()}{called.pt[3:]} {key}", f"{called.en[:1].upper()}{called.en[1:]} {key}")


def waits_for(kind: str, key: str) -> Text:
    """The text of what must wait until this record is in the shop."""
    called = CALLED[kind]
    made = "criada" if called.pt.startswith("a ") else "criado"
    return Text(f"Aguardando {called.pt} {key} ser {made} na loja.", f"Waits for {called.en} {key} to be made in the shop.")
