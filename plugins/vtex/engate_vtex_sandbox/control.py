"""The control protocol's side of the shop: what already stands in it, sales, what is seen from outside, and spoiling."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from engate.testing.facts import OrderState, Sale, Seed, SeedProduct, SkuState
from engate_vtex_sandbox.catalog import new_brand, new_category
from engate_vtex_sandbox.order import Line, Order, Payment, is_company
from engate_vtex_sandbox.orders import CANCEL_REQUESTED, CANCELED, HANDLING, UNPAID
from engate_vtex_sandbox.payments import FORMS
from engate_vtex_sandbox.shop import Price, Shop, Sku, slug
from engate_vtex_sandbox.skus import file_doc, sku_doc, stamp

if TYPE_CHECKING:
    from engate_vtex_sandbox.server import VtexSandbox

POLICY = 1
MAIN, SECOND = "1_main", "1_second"  # ids of the warehouses
SHIPPING = {
    "standard": ("envio-normal", "Transportadora Normal", "Normal"),
    "express": ("envio-expresso", "Transportadora Expressa", "Expressa"),
}
CENT = Decimal("0.01")
CHANGES: dict[str, Literal["done", "canceled"]] = {"changed": "done", "change_canceled": "canceled"}
FIRST_ORDER = 1_172_452_900_788
FIRST_SEQUENCE = 502_556


def furnish(sandbox: VtexSandbox) -> None:
    """What every shop has before anybody connects: docks, warehouses, shipping policies."""
    for priority, (key, name) in enumerate(((MAIN, "Estoque principal"), (SECOND, "Segundo estoque"))):
        dock = key.replace("1_", "dock_")
        sandbox.logistics.add_dock({
            "id": dock, "name": f"Doca de {name}", "priority": priority, "dockTimeFake": "00:00:00", "timeFakeOverhead": "00:00:00",
            "salesChannels": ["1"], "salesChannel": "1", "freightTableIds": [policy[0] for policy in SHIPPING.values()],
            "wmsEndPoint": None, "address": None,
        })  # fmt: skip
        sandbox.logistics.add_warehouse(
            {"id": key, "name": name, "priority": priority, "warehouseDocks": [{"dockId": dock, "time": "00:00:00", "cost": "0"}]}
        )
    for key, name, method in SHIPPING.values():
        sandbox.logistics.add_shipping_policy(key, name, method)


class Control:
    def __init__(self, sandbox: VtexSandbox) -> None:
        self.sandbox = sandbox
        self.shop: Shop = sandbox.shop
        self._categories: dict[str, int] = {}
        self._brands: dict[str, int] = {}
        self._warehouses: dict[str, str] = {}  # branch of a seed -> warehouse

    # ---- a shop that already sells ----

    def seed(self, seed: Seed) -> dict[str, object]:
        """Active categories, brands, products and SKUs, each SKU with reference (its code), EAN, image, price and stock.

        The first branch named is the first warehouse, the second the second; of more branches, ValueError.
        """
        for branch in seed.branches:
            self._warehouse(branch.key)
        for category in seed.categories:
            parent = self._categories[category.parent] if category.parent is not None else None
            self._categories[category.key] = self.shop.add_category(new_category(self.shop, category.name, parent)).id
        for brand in seed.brands:
            doc = new_brand(self.shop, brand.name)
            self.shop.add_brand(doc)
            self._brands[brand.key] = doc["Id"]
        for product in seed.products:
            self._product(product)
        return {"products": len(self.shop.products), "skus": len(self.shop.skus)}

    def _product(self, seed: SeedProduct) -> None:
        category = self._categories[seed.category or seed.section or seed.department or ""]
        key = self.shop.next_id("product", self.shop.products)
        product = self.shop.put_product({
            "Id": key, "Name": seed.name, "DepartmentId": self.shop.categories[category].chain()[0].id, "CategoryId": category,
            "BrandId": self._brands[seed.brand or ""], "LinkId": slug(f"{seed.name} {key}"), "RefId": seed.key, "IsVisible": True,
            "Description": seed.description, "DescriptionShort": "", "ReleaseDate": "", "KeyWords": "", "Title": seed.name,
            "IsActive": seed.for_web, "TaxCode": "", "MetaTagDescription": "", "SupplierId": None, "ShowWithoutStock": False,
            "AdWordsRemarketingCode": "", "LomadeeCampaignCode": "", "Score": 0,
        })  # fmt: skip
        product.policies.add(POLICY)
        for one in seed.skus:
            body = {
                "ProductId": key, "IsActive": True, "ActivateIfPossible": True, "Name": one.packaging, "RefId": one.code or seed.key,
                "PackagedHeight": float(seed.height_cm), "PackagedLength": float(seed.length_cm), "PackagedWidth": float(seed.width_cm),
                "PackagedWeightKg": max(1, round(seed.weight_kg * 1000)),
            }  # fmt: skip
            sku = self.shop.put_sku(sku_doc(body, self.shop.next_id("sku", self.shop.skus), stamp(self.sandbox.clock.now())))
            if one.ean:
                self.shop.add_ean(sku, one.ean)
            image = {"Name": "principal", "IsMain": True}
            sku.files.append(file_doc(image, self.shop.next_id("file"), sku, 0, self.shop.account))
            sku.price = Price()
            sku.price.base = sku.price.cost = one.price
            sku.price.list = one.list_price
            for branch, units in one.stock.items():
                sku.stock_in(self._warehouse(branch)).total = int(units)

    def _warehouse(self, branch: str) -> str:
        if branch not in self._warehouses:
            free = [key for key in (MAIN, SECOND) if key not in self._warehouses.values()]
            if not free:
                raise ValueError(f"branch {branch}: the shop has two warehouses only")
            self._warehouses[branch] = free[0]
        return self._warehouses[branch]

    # ---- sales ----

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        """Places the orders, all or none where a SKU cannot be bought or a sum is wrong; stock is taken one order after the other."""
        for sale in sales:
            self._check(sale)
        return {str(sale.number): self._place(sale).key for sale in sales}

    def _check(self, sale: Sale) -> None:
        now = self.sandbox.clock.now()
        if not sale.items or not sale.payments:
            raise ValueError(f"sale {sale.number}: needs items and payments")
        if sale.shipping not in SHIPPING:
            raise ValueError(f"sale {sale.number}: no shipping {sale.shipping}")
        if sale.buyer.state_inscription and not is_company(sale.buyer):
            raise ValueError(f"sale {sale.number}: an order has no place for the state inscription of a person")
        for item in sale.items:
            missing = self.shop.missing(self._sku(sale, item.sku), POLICY, now)
            if missing:
                raise ValueError(f"sale {sale.number}: SKU {item.sku} cannot be bought: {', '.join(missing)}")
            if item.quantity < 1 or item.quantity % 1:
                raise ValueError(f"sale {sale.number}: SKU {item.sku}: quantity {item.quantity}")
        for payment in sale.payments:
            if payment.tag not in FORMS:
                raise ValueError(f"sale {sale.number}: no payment form {payment.tag}")
        items = sum(cents(item.price) * int(item.quantity) for item in sale.items)
        total = items - cents(sale.discount) + sum(cents(item.freight) for item in sale.items)
        paid = sum(cents(payment.value) for payment in sale.payments)
        if not 0 <= cents(sale.discount) <= items:
            raise ValueError(f"sale {sale.number}: a discount of {sale.discount} on items of {Decimal(items) / 100}")
        if paid != total:
            raise ValueError(f"sale {sale.number}: the payments are {Decimal(paid) / 100}, the order is {Decimal(total) / 100}")

    def _sku(self, sale: Sale, ref: str) -> Sku:
        key = self.shop.sku_by_ref.get(ref)
        if key is None:
            raise ValueError(f"sale {sale.number}: no SKU has the reference {ref}")
        return self.shop.skus[key]

    def _place(self, sale: Sale) -> Order:
        orders = self.sandbox.orders_api
        count = len(orders.orders)
        group = FIRST_ORDER + count
        created = sale.placed_at or self.sandbox.clock.now()
        order = Order(f"{group}-01", sale.number, FIRST_SEQUENCE + count, sale.buyer, created)
        order.channel = sale.channel or order.channel
        order.shipping = self.sandbox.logistics.policies[SHIPPING[sale.shipping][0]]
        order.discount = cents(sale.discount)
        try:
            for item in sale.items:
                line = Line(self._unique_id(), self._sku(sale, item.sku), int(item.quantity), cents(item.price), cents(item.freight))
                line.reservations = self.sandbox.logistics.reserve(order.lock_id, line.sku, line.quantity)
                for held in line.reservations:
                    held.price, held.freight, held.zip_code = item.price, item.freight, sale.buyer.zip_code
                order.lines.append(line)
        except ValueError as short:
            self.sandbox.logistics.release(order.lock_id)
            self.sandbox.logistics.reservations.pop(order.lock_id, None)
            raise ValueError(f"sale {sale.number}: {short}") from short
        spread(order)
        order.payments = [Payment(self._unique_id(), one.tag, cents(one.value), one.installments) for one in sale.payments]
        orders.add(order)
        if sale.paid:
            orders.pay(order)
        return order

    def _unique_id(self) -> str:
        return f"{self.sandbox.random.getrandbits(128):032X}"

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        """The buyer cancels: before handling at once; in handling it is only requested, and asking again confirms it."""
        self.sandbox.orders_api.settle()
        for key in keys:
            order = self.sandbox.orders_api.orders[key]
            if order.invoices or order.state == CANCELED:
                raise ValueError(f"order {key} is {order.state} and cannot be cancelled")
        for key in keys:
            self.sandbox.orders_api.cancel_order(self.sandbox.orders_api.orders[key], reason)
        return {"cancelled": len(keys)}

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        """`to`: "paid" or "expired", of orders that wait for their payment; "changed" or "change_canceled", of changes under way."""
        if to in CHANGES:
            return self._end_changes(to, keys)
        if to not in ("paid", "expired"):
            raise ValueError(f"no progress to {to}")
        orders = self.sandbox.orders_api
        chosen = list(orders.orders.values()) if keys is None else [orders.orders[key] for key in keys]
        moved = [order for order in chosen if order.state == UNPAID]
        for order in moved:
            if to == "paid":
                orders.pay(order)
            else:
                orders.cancel_order(order, "Pagamento expirado")
        return {"moved": len(moved)}

    def _end_changes(self, to: str, keys: list[str] | None) -> dict[str, object]:
        orders = self.sandbox.orders_api
        chosen = list(orders.orders.values()) if keys is None else [orders.orders[key] for key in keys]
        return {"moved": sum(self.sandbox.changes.finish(order, CHANGES[to]) for order in chosen)}

    def _set(self, text: str) -> None:
        """An administrator's setting, "name=value": of `Knobs`."""
        name, _, value = text.partition("=")
        knobs = self.sandbox.changes.knobs
        match name, value:
            case "change_window", "manual":
                knobs.window = None
            case "change_window", _:
                knobs.window = float(value)
            case "change_outcome", "done" | "canceled":
                knobs.outcome = value
            case "changes", "on" | "off":
                knobs.enabled = value == "on"
            case "change_history", "all" | "finished":
                knobs.history = value
            case _:
                raise ValueError(f"no setting {text}")

    # ---- what is seen from outside ----

    def state(self) -> list[SkuState]:
        now = self.sandbox.clock.now()
        return [self._sku_state(sku, self.shop.missing(sku, POLICY, now), self.shop.selling_price(sku, str(POLICY), 1, now))
                for sku in self.shop.skus.values()]  # fmt: skip

    def _sku_state(self, sku: Sku, missing: tuple[str, ...], price: Decimal | None) -> SkuState:
        product = sku.product.doc
        stock = {key: held.total for key in self.shop.warehouses if (held := sku.stock.get(key.lower())) is not None}
        return SkuState(
            key=sku.ref, product=product["RefId"], name=sku.doc["Name"], product_name=product["Name"], description=product["Description"],
            ean=sku.eans[0] if sku.eans else "", price=price, stock=stock, visible=not missing, missing=missing, remote=str(sku.id),
        )  # fmt: skip

    def orders(self) -> list[OrderState]:
        api = self.sandbox.orders_api
        api.settle()
        for order in api.orders.values():
            api.changes.settle(order)
        return [order_state(order) for order in api.orders.values()]

    # ---- spoiling ----

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        if kind == "setting":
            self._set(key)
            return {}
        if kind == "order":
            order = self.sandbox.orders_api.orders[key]
            lost = sum(queue.drop(order.key) for queue in self.sandbox.feed.queues.values())
            return {"events_lost": lost + self.sandbox.hooks.drop(order.key)}
        sku = self.shop.skus[self.shop.sku_by_ref[key]]
        match kind:
            case "stock":
                stock = sku.stock_in(next(iter(self.shop.warehouses)))
                stock.total += 7
            case "price" if sku.price is not None:
                sku.price.base += Decimal("1.23")
            case "text":
                sku.product.doc["Name"] += " (adulterado)"
            case _:
                raise ValueError(f"cannot corrupt the {kind} of {key}")
        return {}


def spread(order: Order) -> None:
    """The order's discount over its lines by their value; the cents that do not divide go to the first lines with room."""
    total = order.items_total
    values = [line.price * line.quantity for line in order.lines]
    for line, value in zip(order.lines, values, strict=True):
        line.discount = order.discount * value // total if total else 0
    left = order.discount - sum(line.discount for line in order.lines)
    for line, value in zip(order.lines, values, strict=True):
        extra = min(left, value - line.discount)
        line.discount += extra
        left -= extra


def order_state(order: Order) -> OrderState:
    invoices = [*order.invoices.values()]
    return OrderState(
        key=order.key,
        storefront_key=order.key,
        state=order.state,
        phase=_phase(order),
        total=Decimal(order.value) / 100,
        items=tuple((line.sku.ref, line.quantity, Decimal(line.price) / 100) for line in order.live),
        number=order.number,
        invoices=tuple(package["invoiceKey"] for package in invoices if package["invoiceKey"]),
        tracking=tuple(package["trackingNumber"] for package in invoices if package["trackingNumber"]),
    )


def _phase(order: Order):
    if order.state == CANCELED:
        return "cancelled"
    if order.state == "invoiced":
        packages = order.invoices
        if all(package["courierStatus"] and package["courierStatus"].get("finished") for package in packages.values()):
            return "delivered"
        return "shipped" if order.tracked.issuperset(packages) else "invoiced"
    return "in_erp" if order.state in (HANDLING, CANCEL_REQUESTED) else "open"


def cents(money: Decimal) -> int:
    """Reais as integer cents; ValueError where there is more than two decimals."""
    exact = money * 100
    if exact != exact.to_integral_value():
        raise ValueError(f"{money} is not whole cents")
    return int(exact)
