"""The control protocol: what demo and tests drive the shop by."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from engate.testing.sandbox import Books, Faults
from engate.testing.world import Description, OrderState, Sale, Seed, SeedProduct, SkuState
from engate_shopify_sandbox import access, base, groups, stock, variants
from engate_shopify_sandbox.shop import DOMAIN, ONLINE_STORE, Shop
from engate_shopify_sandbox.things import Collection, File, Location, Product, Variant, plain, slug

PACKAGING = "Embalagem"
SHIPPING = {"standard": ("envio-normal", "Entrega normal"), "express": ("envio-expresso", "Entrega expressa")}


class Server(Protocol):
    """What the control protocol needs of the sandbox."""

    books: Books
    faults: Faults


class Control:
    def __init__(self, shop: Shop, server: Server) -> None:
        self.shop = shop
        self.server = server
        self.main, self.second = base.furnish(shop)
        self._branches: dict[str, Location] = {}
        self._collections: dict[str, Collection] = {}
        self._brands: dict[str, str] = {}

    def describe(self, base_url: str) -> Description:
        gateways = self.shop.settings.gateways
        return Description(
            platform="shopify",
            role="storefront",
            settings={"shop": DOMAIN, "base_url": base_url, "client_id": access.CLIENT_ID, "publication": ONLINE_STORE},
            secrets={"access_token": access.STATIC, "client_secret": access.CLIENT_SECRET},
            choices={
                "warehouses": {"main": {"warehouse": self.main.id}, "second": {"warehouse": self.second.id}},
                "payments": {tag: {"form": gateway} for tag, gateway in gateways.items()},
                "carriers": {tag: {"shipping": code} for tag, (code, _) in SHIPPING.items()},
            },
        )

    # ---- a shop that already sells ----

    def seed(self, seed: Seed) -> dict[str, object]:
        """Categories become collections, brands vendors, packagings variants; everything active, published, with image, price and stock.

        The first branch named is the first location, the second the second; of more branches, ValueError.
        """
        for branch in seed.branches:
            self._location(branch.key)
        for category in seed.categories:
            self._collections[category.key] = groups.new(self.shop, category.name)
        for brand in seed.brands:
            self._brands[brand.key] = brand.name
        for product in seed.products:
            self._product(product)
        return {"products": len(self.shop.all("Product")), "skus": len(self.shop.all("ProductVariant"))}

    def _location(self, branch: str) -> Location:
        if branch not in self._branches:
            free = [one for one in (self.main, self.second) if one not in self._branches.values()]
            if not free:
                raise ValueError(f"branch {branch}: the shop has two locations only")
            self._branches[branch] = free[0]
        return self._branches[branch]

    def _product(self, seed: SeedProduct) -> None:
        shop, now = self.shop, self.shop.now()
        handle = f"{slug(seed.name)}-{slug(seed.key)}"
        product = shop.add(Product(shop.new_id("Product"), seed.name, handle, now))
        product.vendor = self._brands.get(seed.brand or "", "Loja Engate")
        product.description_html = f"<p>{seed.description}</p>" if seed.description else ""
        product.status = "ACTIVE" if seed.for_web else "DRAFT"
        product.publications[ONLINE_STORE] = now
        home = self._collections.get(seed.category or seed.section or seed.department or "")
        if home is not None:
            home.products[product.id] = product
        if len(seed.skus) == 1:
            product.options = [variants.default_option(shop)]
        else:
            product.options = [variants.new_option(shop, PACKAGING, [one.packaging for one in seed.skus])]
        image = shop.add(File(shop.new_id("MediaImage"), f"https://img.example/{seed.key}.jpg", seed.name, f"{seed.key}.jpg", now))
        image.looks = shop.settings.media_polls
        product.media = [image]
        for one in seed.skus:
            variant = variants.new(shop, product)
            option = product.options[0]
            variant.values = {option.name: one.packaging if option.name == PACKAGING else variants.DEFAULT}
            variant.sku, variant.barcode, variant.price = one.code or seed.key, one.ean or None, one.price
            variant.compare_at_price = one.list_price
            variant.inventory_item.tracked = True
            variant.inventory_item.weight = {"unit": "KILOGRAMS", "value": float(seed.weight_kg)}
            for branch, units in one.stock.items():
                stock.activate(shop, variant.inventory_item, self._location(branch)).available = int(units)

    # ---- sales ----

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        raise NotImplementedError

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        raise NotImplementedError

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        raise NotImplementedError

    def orders(self) -> list[OrderState]:
        return []

    def sale_of(self, key: str) -> int | None:
        del key
        return None

    # ---- what is seen from outside ----

    def state(self) -> list[SkuState]:
        return [self._sku_state(one) for one in self.shop.all("ProductVariant")]

    def _sku_state(self, variant: Variant) -> SkuState:
        product, absent = variant.product, missing(variant)
        item = variant.inventory_item
        return SkuState(
            key=variant.sku or "", product=erp_key(self.shop, product), name=variant.title, product_name=product.title,
            description=plain(product.description_html), ean=variant.barcode or "", price=variant.price or None,
            stock={key: level.available for key, level in item.levels.items()} if item.tracked else {}, visible=not absent, missing=absent,
            remote=variant.id,
        )  # fmt: skip

    # ---- spoiling ----

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        if kind == "setting":
            self.set(key)
            return {}
        variant = next(one for one in self.shop.all("ProductVariant") if one.sku == key)
        match kind:
            case "stock":
                next(iter(variant.inventory_item.levels.values())).available += 7
            case "price":
                variant.price += Decimal("1.23")
            case "text":
                variant.product.title += " (adulterado)"
            case _:
                raise ValueError(f"cannot corrupt the {kind} of {key}")
        return {}

    def set(self, text: str) -> None:
        """An attribute of `Settings`, "name=value"."""
        name, _, value = text.partition("=")
        held = getattr(self.shop.settings, name, None)
        if isinstance(held, bool):
            setattr(self.shop.settings, name, value == "on")
        elif isinstance(held, (int, float, str)):
            setattr(self.shop.settings, name, type(held)(value))
        else:
            raise ValueError(f"no setting {text}")


def missing(variant: Variant) -> tuple[str, ...]:
    """Why a buyer cannot buy it now: FACTS section 5, visible is ACTIVE and published; a price and something to sell besides."""
    product = variant.product
    found: list[str] = []
    if product.status != "ACTIVE":
        found.append("product_draft" if product.status == "DRAFT" else "product_archived")
    if ONLINE_STORE not in product.publications:
        found.append("not_published")
    if not variant.price:
        found.append("no_price")
    if not variant.available_for_sale:
        found.append("no_stock")
    return tuple(found)


def erp_key(shop: Shop, product: Product) -> str:
    """The value of the product's custom id; "" where it has none."""
    for where, held in product.metafields.items():
        definition = shop.definitions.get(("PRODUCT", *where))
        if definition is not None and definition.type_name == "id":
            return held.value
    return ""
