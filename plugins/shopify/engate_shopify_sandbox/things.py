"""What a catalogue is made of: products, options, variants, inventory items and levels, collections, files."""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Any

from engate_shopify_sandbox.ids import number_of
from engate_shopify_sandbox.metafields import Metafield

DEFAULT = "Default Title"


class Owner:
    """Has an id, metafields and two stamps."""

    typename = ""

    def __init__(self, key: str, now: datetime) -> None:
        self.id = key
        self.created_at = self.updated_at = now
        self.metafields: dict[tuple[str, str], Metafield] = {}

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)


class Level:
    """An inventory item at a location. `available` is net of what open orders hold (`committed`)."""

    typename = "InventoryLevel"

    def __init__(self, key: str, item: Item, location: Location, now: datetime) -> None:
        self.id, self.item, self.location = key, item, location
        self.available = self.committed = 0
        self.created_at = self.updated_at = now
        self.is_active = self.can_deactivate = True

    def quantity(self, name: str) -> int:
        return {"available": self.available, "committed": self.committed, "on_hand": self.available + self.committed}.get(name, 0)


class Item:
    typename = "InventoryItem"

    def __init__(self, key: str, variant: Variant, now: datetime) -> None:
        self.id, self.variant = key, variant
        self.created_at = self.updated_at = now
        self.tracked = False
        self.requires_shipping = True
        self.harmonized_system_code: str | None = None
        self.country_code_of_origin: str | None = None
        self.weight: dict[str, Any] = {"unit": "KILOGRAMS", "value": 0.0}
        self.cost: Decimal | None = None
        self.levels: dict[str, Level] = {}  # location -> level

    @property
    def sku(self) -> str | None:
        return self.variant.sku

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)


class Variant(Owner):
    typename = "ProductVariant"

    def __init__(self, key: str, item_key: str, product: Product, now: datetime) -> None:
        super().__init__(key, now)
        self.product = product
        self.sku: str | None = None
        self.barcode: str | None = None
        self.price = Decimal(0)
        self.compare_at_price: Decimal | None = None
        self.taxable = True
        self.inventory_policy = "DENY"
        self.requires_components = False
        self.values: dict[str, str] = {}  # option -> value
        self.media: list[File] = []
        self.inventory_item = Item(item_key, self, now)

    @property
    def title(self) -> str:
        return " / ".join(self.values.values()) or DEFAULT

    @property
    def display_name(self) -> str:
        return f"{self.product.title} - {self.title}"

    @property
    def position(self) -> int:
        return self.product.variants.index(self) + 1

    @property
    def inventory_quantity(self) -> int:
        return sum(level.available for level in self.inventory_item.levels.values())

    @property
    def available_for_sale(self) -> bool:
        return not self.inventory_item.tracked or self.inventory_policy == "CONTINUE" or self.inventory_quantity > 0

    @property
    def sellable_online_quantity(self) -> int:
        return self.inventory_quantity


class Option:
    typename = "ProductOption"

    def __init__(self, key: str, product: Product, name: str, values: dict[str, str]) -> None:
        self.id, self.product, self.name = key, product, name
        self.by_name = values  # value -> its id


class Product(Owner):
    typename = "Product"

    def __init__(self, key: str, title: str, handle: str, now: datetime) -> None:
        super().__init__(key, now)
        self.title, self.handle = title, handle
        self.status = "ACTIVE"
        self.vendor = self.product_type = self.description_html = ""
        self.tags: list[str] = []
        self.category: str | None = None
        self.seo: dict[str, str | None] = {"title": None, "description": None}
        self.template_suffix: str | None = None
        self.options: list[Option] = []
        self.variants: list[Variant] = []
        self.media: list[File] = []
        self.publications: dict[str, datetime] = {}
        self.is_gift_card = False

    @property
    def description(self) -> str:
        return plain(self.description_html)

    @property
    def total_inventory(self) -> int:
        return sum(variant.inventory_quantity for variant in self.variants if variant.inventory_item.tracked)

    @property
    def tracks_inventory(self) -> bool:
        return any(variant.inventory_item.tracked for variant in self.variants)

    @property
    def has_only_default_variant(self) -> bool:
        return len(self.variants) == 1 and self.variants[0].title == DEFAULT

    @property
    def has_out_of_stock_variants(self) -> bool:
        return any(not variant.available_for_sale for variant in self.variants)

    @property
    def published_at(self) -> datetime | None:
        return min(self.publications.values(), default=None)


class Collection(Owner):
    typename = "Collection"

    def __init__(self, key: str, title: str, handle: str, now: datetime) -> None:
        super().__init__(key, now)
        self.title, self.handle = title, handle
        self.description_html = ""
        self.seo: dict[str, str | None] = {"title": None, "description": None}
        self.sort_order = "BEST_SELLING"
        self.products: dict[str, Product] = {}
        self.publications: dict[str, datetime] = {}


class File:
    """An image. It is fetched by the platform: `looks` counts how often somebody asked for its status."""

    typename = "MediaImage"

    def __init__(self, key: str, source: str, alt: str | None, filename: str, now: datetime) -> None:
        self.id, self.source, self.alt, self.filename = key, source, alt, filename
        self.created_at = self.updated_at = self.sent_at = now
        self.looks = 0
        self.media_content_type = "IMAGE"


class Location(Owner):
    typename = "Location"

    def __init__(self, key: str, name: str, now: datetime) -> None:
        super().__init__(key, now)
        self.name = name
        self.is_active = self.fulfills_online_orders = self.ships_inventory = True
        self.is_fulfillment_service = False
        self.address = {
            "address1": "Rua do Armazém, 1", "address2": None, "city": "São Paulo", "country": "Brazil", "countryCode": "BR",
            "formatted": ["Rua do Armazém, 1", "São Paulo SP", "Brazil"], "phone": "", "province": "São Paulo", "provinceCode": "SP",
            "zip": "01001-000",
        }  # fmt: skip


def plain(markup: str) -> str:
    """The text of a description without its tags."""
    return html.unescape(re.sub(r"<[^>]*>", " ", markup)).strip()


def slug(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", flat).strip("-") or "item"
