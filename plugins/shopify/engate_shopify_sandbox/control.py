"""The control protocol: what demo and tests drive the shop by."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from engate.testing.facts import Description, OrderState, Sale, Seed, SeedProduct, SkuState
from engate.testing.sandbox import LedgerCounts
from engate_shopify_sandbox import access, base, cancelling, fulfilment, groups, orders, prices, sales, stock, variants
from engate_shopify_sandbox.access import Access
from engate_shopify_sandbox.cost import Bucket
from engate_shopify_sandbox.ids import gid, number_of
from engate_shopify_sandbox.order import Order
from engate_shopify_sandbox.shop import DOMAIN, ONLINE_STORE, Shop
from engate_shopify_sandbox.things import DEFAULT, Collection, File, Location, Product, Variant, plain, slug
from engate_shopify_sandbox.webhooks import Webhooks

PACKAGING = "Embalagem"
ACCESS_KEY = re.compile(r"[0-9A-Z]{44}")
"""Of a fiscal document (NF-e), wherever a metafield of the order holds one."""
SHIPPING = {"standard": ("envio-normal", "Entrega normal"), "express": ("envio-expresso", "Entrega expressa")}


class Server(Protocol):
    """What the control protocol needs of the sandbox."""

    counts: LedgerCounts
    bucket: Bucket
    access: Access
    webhooks: Webhooks


class Control:
    def __init__(self, shop: Shop, server: Server) -> None:
        self.shop = shop
        self.server = server
        self.main, self.second = base.furnish(shop)
        wholesale = prices.new_catalog(shop, "Atacado", "ACTIVE", [prices.furnish(shop)])
        self.wholesale = prices.new_price_list(shop, "Atacado", wholesale)
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
                "price_lists": {"wholesale": {"list": self.wholesale.id}},
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
        shop.name(product, handle)
        product.vendor = self._brands.get(seed.brand or "", "Loja Engate")
        product.description_html = f"<p>{seed.description}</p>" if seed.description else ""
        product.status = "ACTIVE" if seed.for_web else "DRAFT"
        product.publications[ONLINE_STORE] = now
        home = self._collections.get(seed.category or seed.section or seed.department or "")
        if home is not None:
            home.products[product.id] = product
        if len(seed.skus) == 1:
            product.options = [variants.default_option(shop, product)]
        else:
            product.options = [variants.new_option(shop, product, PACKAGING, [one.packaging for one in seed.skus])]
        image = shop.add(File(shop.new_id("MediaImage"), f"https://img.example/{seed.key}.jpg", seed.name, f"{seed.key}.jpg", now))
        image.looks = shop.settings.media_polls
        product.media = [image]
        for one in seed.skus:
            variant = variants.new(shop, product)
            option = product.options[0]
            variant.values = {option.name: one.packaging if option.name == PACKAGING else DEFAULT}
            shop.stock_keep(variant, one.code or seed.key)
            variant.barcode, variant.price = one.ean or None, one.price
            variant.compare_at_price = one.list_price
            variant.inventory_item.tracked = True
            variant.inventory_item.weight = {"unit": "KILOGRAMS", "value": float(seed.weight_kg)}
            for branch, units in one.stock.items():
                stock.activate(shop, variant.inventory_item, self._location(branch)).available = int(units)

    # ---- sales ----

    def sell(self, sales_given: list[Sale]) -> dict[str, str]:
        """Places the orders, all or none where one cannot be bought so; stock is taken one order after the other."""
        for sale in sales_given:
            sales.check(self.shop, sale, SHIPPING, lambda variant: missing(variant, self.shop.now()))
        found = {str(sale.number): sales.place(self.shop, sale, SHIPPING[sale.shipping]) for sale in sales_given}
        self.server.counts.effects["orders_created"] += len(found)
        return {number: str(number_of(order.id)) for number, order in found.items()}

    def order(self, key: str) -> Order:
        """By the number in the address of its page in the Admin, which people know it by; its whole gid does too."""
        return self.shop.of_kind["Order"][gid("Order", key) if key.isdigit() else key]

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        """The merchant cancels, at the buyer's wish: at once, with restock and refund."""
        cancelling.settle(self.shop)
        for key in keys:
            why = cancelling.why_not(self.order(key))
            if why is not None:
                raise ValueError(f"order {key}: {why}")
        for key in keys:
            cancelling.apply(self.shop, self.order(key), cancelling.Wish("CUSTOMER", refunds=True, restock=True, note=reason))
        return {"cancelled": len(keys)}

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        """Of every order that can, or of those: see `STEPS`."""
        if to not in STEPS:
            raise ValueError(f"no progress to {to}: one of {', '.join(STEPS)}")
        can, act = STEPS[to]
        chosen = self.shop.all("Order") if keys is None else [self.order(key) for key in keys]
        moved = [order for order in chosen if can(order)]
        for order in moved:
            self.shop.begin()
            act(self.shop, order)
        return {"moved": len(moved)}

    def orders(self) -> list[OrderState]:
        cancelling.settle(self.shop)
        return [order_state(order) for order in self.shop.all("Order")]

    def sale_of(self, key: str) -> int | None:
        """The number of the sale that an id inside an order belongs to."""
        found = self.shop.things.get(key)
        order = found if isinstance(found, Order) else getattr(found, "order", None) or getattr(found, "original_order", None)
        return order.sale if isinstance(order, Order) else None

    # ---- what is seen from outside ----

    def state(self) -> list[SkuState]:
        return [self._sku_state(one) for one in self.shop.all("ProductVariant")]

    def _sku_state(self, variant: Variant) -> SkuState:
        product, absent = variant.product, missing(variant, self.shop.now())
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
        if kind == "order":
            return {"events_lost": self.server.webhooks.lose(self.order(key).sale)}
        variant = sales.variant(self.shop, key)
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
        """An attribute of `Settings`, "name=value"; "plan=plus", "revoke=<scope>", "secret=<new client secret>", "frozen=402"."""
        name, _, value = text.partition("=")
        access_of = self.server.access
        match name:
            case "revoke":
                return access_of.revoke(value)
            case "secret":
                return access_of.rotate(value)
            case "plan":
                self.shop.settings.plan = value
                return self.server.bucket.plan(value)
            case "frozen":
                access_of.frozen = int(value)
                return None
            case _:
                pass
        held = getattr(self.shop.settings, name, None)
        if isinstance(held, bool):
            setattr(self.shop.settings, name, value == "on")
        elif isinstance(held, (int, float, str)):
            setattr(self.shop.settings, name, type(held)(value))
        else:
            raise ValueError(f"no setting {text}")
        return None


def _pay(shop: Shop, order: Order) -> None:
    orders.pay(shop, order)


def _authorise(shop: Shop, order: Order) -> None:
    del shop
    orders.authorise(order)


def _expire(shop: Shop, order: Order) -> None:
    for one in order.transactions:
        one.status = "FAILURE" if one.status == "PENDING" else one.status
    order.expired = True
    order.touch()


def _hold(shop: Shop, order: Order) -> None:
    for one in order.fulfillment_orders:
        orders.hold(one, "HIGH_RISK_OF_FRAUD", shop.new_id("FulfillmentHold"))
    order.touch()


def _release(shop: Shop, order: Order) -> None:
    del shop
    for one in order.fulfillment_orders:
        one.holds.clear()
    order.touch()


def _test(shop: Shop, order: Order) -> None:
    del shop
    order.test = True
    order.touch()


def _company(shop: Shop, order: Order) -> None:
    sales.company_buys(order, shop.all("CompanyLocation")[0])
    order.touch()


def _archive(shop: Shop, order: Order) -> None:
    order.closed_at = shop.now()
    order.touch()


def _return(shop: Shop, order: Order) -> None:
    cancelling.take_back(shop, order)


Step = tuple[Callable[[Order], bool], Callable[[Shop, Order], None]]
STEPS: dict[str, Step] = {
    "paid": (lambda order: order.cancelled_at is None and order.outstanding > 0, _pay),
    "authorized": (lambda order: order.display_financial_status == "PENDING", _authorise),
    "expired": (lambda order: order.display_financial_status == "PENDING", _expire),
    "held": (lambda order: any(one.status in fulfilment.OPEN for one in order.fulfillment_orders), _hold),
    "released": (lambda order: any(one.holds for one in order.fulfillment_orders), _release),
    "returned": (lambda order: bool(order.live), _return),
    "archived": (lambda order: order.closed_at is None, _archive),
    "test": (lambda order: not order.test, _test),
    "company": (lambda order: order.company is None, _company),
}
"""What people of the shop do to orders: (whether it can be done, doing it)."""


def order_state(order: Order) -> OrderState:
    codes = [row["number"] for one in order.live for row in one.tracking if row["number"]]
    notes = [held.value for (_, _), held in order.metafields.items() if ACCESS_KEY.fullmatch(held.value)]
    key = str(number_of(order.id))
    cancelled = order.cancelled_at is not None  # shows what it was
    items = ((line.sku or "", line.quantity if cancelled else line.current_quantity, line.price) for line in order.lines)
    return OrderState(
        key=key, storefront_key=key, state=f"{order.display_financial_status}/{order.display_fulfillment_status}",
        phase=_phase(order, bool(notes)), total=order.total if cancelled else order.current_total,
        items=tuple(row for row in items if row[1]),
        number=order.sale, invoices=tuple(dict.fromkeys(notes)), tracking=tuple(codes),
    )  # fmt: skip


def _phase(order: Order, invoiced: bool) -> Literal["open", "in_erp", "invoiced", "shipped", "delivered", "cancelled"]:
    if order.cancelled_at is not None:
        return "cancelled"
    if order.live and order.display_fulfillment_status == "FULFILLED":
        return "delivered" if all(one.delivered_at for one in order.live) else "shipped"
    if invoiced:
        return "invoiced"
    return "in_erp" if order.tags or order.metafields else "open"


def missing(variant: Variant, now: datetime) -> tuple[str, ...]:
    """Why a buyer cannot buy it now: FACTS section 5, visible is ACTIVE and published; a price and something to sell besides."""
    product = variant.product
    found: list[str] = []
    if product.status != "ACTIVE":
        found.append("product_draft" if product.status == "DRAFT" else "product_archived")
    published = product.publications.get(ONLINE_STORE)
    if published is None or published > now:
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
