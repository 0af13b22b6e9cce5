"""Catalogue, prices, stock: what flows from the ERP to the storefront. `key`s are the ERP's own. Immutable, pure data.

Money: `Decimal` in the currency's main unit (reais). Weight: kilograms. Sizes: centimetres. `problems` never enters the digest.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engate.model.common import Problem


class Category(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node of the ERP's tree (department, section, category are levels of one tree). `parent` None = a root."""

    key: str
    name: str
    parent: str | None = None
    active: bool = True
    problems: tuple[Problem, ...] = ()


class Brand(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str
    name: str
    active: bool = True
    problems: tuple[Problem, ...] = ()


class Warehouse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place that holds stock: an ERP branch. `document`: CNPJ, [0-9A-Z]{14}, of the company whose fiscal documents count."""

    key: str
    name: str
    document: str = ""
    active: bool = True
    problems: tuple[Problem, ...] = ()


class Product(msgspec.Struct, frozen=True, omit_defaults=True):
    """`category` and `brand` are keys of the ERP's own; None with a `Problem` where the link is missing in the ERP.

    `description`: the text beside the name on the product's page; ERPs call it the complementary or the e-commerce description.
    `unit`: the base unit that `Sku.units` counts ("UN", "KG"); `net_weight_kg`: of one of these, without its packaging, 0 where the ERP has
    none. `ncm`: the fiscal classification as the ERP writes it (8 digits, perhaps with dots). `preparation_days`: days before it can be
    posted; None where the ERP does not say, which is not 0.
    """

    key: str
    name: str
    description: str = ""
    category: str | None = None
    brand: str | None = None
    active: bool = True
    show_without_stock: bool = False
    problems: tuple[Problem, ...] = ()
    unit: str = ""
    net_weight_kg: Decimal = Decimal(0)
    ncm: str = ""
    preparation_days: int | None = None


class Sku(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sellable packaging of a product. `ean` is "" or a GTIN as the ERP holds it. `units`: how many base units it packs. `name`: of the
    packaging, without the product's; where the ERP has no such names, what it is packed in ("CX 12"), else the product's name.

    `weight_kg`: gross, as it is sent. `packaging`: identifies it among the product's packagings independently of key and EAN ("UN/1"),
    "" where the ERP has no such thing. A SKU under a new key is recognised by it; it never enters the digest.
    `options`: what a buyer chooses by, in the ERP's order: (("Cor", "Azul"), ("Tamanho", "M")).
    """

    key: str
    product: str
    name: str
    ean: str = ""
    units: Decimal = Decimal(1)
    weight_kg: Decimal = Decimal(0)
    height_cm: Decimal = Decimal(0)
    width_cm: Decimal = Decimal(0)
    length_cm: Decimal = Decimal(0)
    active: bool = True
    problems: tuple[Problem, ...] = ()
    packaging: str = ""
    options: tuple[tuple[str, str], ...] = ()


class Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image of a SKU, by URL. `key` is the SKU's key and the position."""

    key: str
    sku: str
    url: str
    name: str
    position: int = 0
    main: bool = True
    problems: tuple[Problem, ...] = ()


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a SKU costs in one of the ERP's price tables ("" = the default). `list_price`: the higher price shown struck through, if any.

    `key`: unique over all tables: for example the SKU's key in the default one, "table/sku" in another. It stays the same when the price
    changes; `query.keys` asks by it."""

    key: str
    sku: str
    base: Decimal
    list_price: Decimal | None = None
    table: str = ""
    problems: tuple[Problem, ...] = ()


class StockLevel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sellable units of a SKU in one warehouse, as the ERP tells them (without what it has reserved): 2.5 kg is 2.5.

    `physical`: what lies in the house, including what the ERP has reserved; None where the ERP does not say. For a storefront it is None,
    and `quantity` is the number to send.
    A storefront of whole units offers `engate.model.whole_units(quantity)`. `key`: of this SKU in this warehouse, unique
    (for example "sku@branch") and always the same; `query.keys` asks by it.
    """

    key: str
    sku: str
    warehouse: str
    quantity: Decimal
    unlimited: bool = False
    problems: tuple[Problem, ...] = ()
    physical: Decimal | None = None
