"""The control protocol over a `World`: seed, change, cancel, progress, spoil, and the state reported back in neutral words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engate.model import plain
from engate.testing.facts import Change, Description, OrderState, Seed, SkuState
from engate_winthor_sandbox import desk
from engate_winthor_sandbox.catalog import Sku
from engate_winthor_sandbox.company import ALL_BRANCHES, CARRIERS, DEFAULT_SELLER, PAYMENTS, PRICE_REGION
from engate_winthor_sandbox.customers import DEFAULT_CUSTOMER
from engate_winthor_sandbox.orders import DELIVERED, OPEN, PENDING, TRAVELLING, Order
from engate_winthor_sandbox.wire import EMPTY_DATE
from engate_winthor_sandbox.world import World

WAREHOUSE_TAGS = ("main", "second")
IMAGE_URL = "https://imagens.example.com/{ean}.jpg"


def describe(world: World, base_url: str) -> Description:
    branches = world.company.branch_ids()
    account = world.account
    return Description(
        platform="winthor",
        role="erp",
        settings={
            "base_url": base_url,
            "login": account.login,
            "password_case": "upper" if account.upper_cased else "as_is",
            "auth_scheme": "bearer",
            "timezone": "America/Sao_Paulo",
            "branches": branches,
            "seller": str(DEFAULT_SELLER),
            "default_customer": str(DEFAULT_CUSTOMER),
            "square": "1",
            "price_branch": branches[0],
            "price_region": str(PRICE_REGION),
            "image_url": IMAGE_URL,
        },
        secrets={"password": account.password},
        choices={
            "warehouses": {tag: {"branch": branch} for tag, branch in zip((*WAREHOUSE_TAGS, *branches[2:]), branches, strict=False)},
            "payments": PAYMENTS,
            "carriers": CARRIERS,
        },
        operations={"import_order": "POST /api/wholesale/v1/orders/"},
    )


def seed(world: World, seed: Seed) -> dict[str, object]:
    """Adds to the state; answers how many SKUs there are now."""
    for product in seed.products:
        for sku in product.skus:
            if sku.units < 1 or any(branch == ALL_BRANCHES for branch in sku.stock):
                raise ValueError(f"product {product.key}: a packaging holds at least one unit, and branch 99 keeps no stock")
    world.company.seed(seed.branches)
    products = world.catalog.seed(seed)
    for product, seeded in zip(products, seed.products, strict=True):
        by_code = {world.catalog.numbers.of("packaging", sku.ean or sku.code): sku.stock for sku in seeded.skus}
        by_code |= {world.catalog.numbers.of("packaging", sku.code): sku.stock for sku in seeded.skus}
        world.stock.seed(product, [(sku, by_code[sku.code]) for sku in product.skus])
    world.stock.rows.reshaped()
    if seed.branches:
        world.stock.rows.forget_encoded()  # rows show their branch's name
    return {"products": len(world.catalog.products), "skus": len(world.catalog.skus)}


def change(world: World, changes: list[Change]) -> dict[str, object]:
    for asked in changes:
        sku = _sku(world, asked.sku)
        world.catalog.change(sku, asked)
        if asked.for_web is not None or asked.category is not None:
            world.stock.rows.reshaped()
        if asked.price is not None:
            world.prices.set(sku, asked.price, touch=asked.touch)
        for branch, quantity in (asked.stock or {}).items():
            if not world.company.has_branch(branch):
                raise KeyError(f"branch {branch}")
            world.stock.set(sku, branch, quantity, touch=asked.touch)
    return {"changed": len(changes)}


def cancel(world: World, keys: list[str], reason: str) -> dict[str, object]:
    """An ERP user cancels orders; invoiced ones need a return and stay."""
    done = [order for order in (_order(world, key) for key in keys) if order.state in OPEN]
    for order in done:
        world.orders.cancel(order, reason)
    return {"cancelled": len(done)}


def progress(world: World, to: str, keys: list[str] | None) -> dict[str, object]:
    """Beside the base's steps: "released" (B and P to L, an ERP user's doing, so only the keys named) and "undone" (an F back to M)."""
    steps: dict[str, tuple[Callable[[Order], bool], Callable[[World, Order], None]]] = {
        "released": (lambda order: order.state in ("B", "P") and keys is not None, lambda world, order: world.orders.moved(order, "L")),
        "assembled": (lambda order: order.state == "L", lambda world, order: world.orders.moved(order, "M")),
        "invoiced": (lambda order: order.state in ("L", "M"), _invoice),
        "undone": (lambda order: order.state == "F" and keys is not None, _undo),
        "shipped": (lambda order: order.state == "F" and not order.tracking and order.delivery_date == EMPTY_DATE, _ship),
        "delivered": (lambda order: order.state == "F" and order.delivery_date == EMPTY_DATE, _deliver),
    }
    if to not in steps:
        raise ValueError(f"progress to {to!r}: one of {', '.join(steps)}")
    ready, move = steps[to]
    orders = list(world.orders.rows.rows.values()) if keys is None else [_order(world, key) for key in keys]
    moved = [order for order in orders if ready(order)]
    for order in moved:
        move(world, order)
    return {"moved": len(moved)}


def _invoice(world: World, order: Order) -> None:
    for item in order.items:
        world.stock.leave(item.warehouse, item.sku, item.quantity)
    world.fiscal.issue(order)
    world.orders.moved(order, "F")


def _undo(world: World, order: Order) -> None:
    for item in order.items:
        world.stock.come_back(item.warehouse, item.sku, item.quantity)
        item.delivery = PENDING
    world.fiscal.undo(order)
    order.tracking, order.delivery_date = "", EMPTY_DATE
    world.orders.moved(order, "M")


def _ship(world: World, order: Order) -> None:
    order.tracking = f"BR{order.id:09d}BR"
    for item in order.items:
        item.delivery = TRAVELLING
    world.orders.moved(order)


def _deliver(world: World, order: Order) -> None:
    order.delivery_date = world.time.stamp()
    for item in order.items:
        item.delivery = DELIVERED
    world.orders.moved(order)


# ---- state ----


def state(world: World) -> list[SkuState]:
    now = world.time.local()
    found: list[SkuState] = []
    for sku in world.catalog.skus.view(True, None):
        product = sku.product
        missing = world.catalog.missing_links(product) + ([] if product.weight else ["weight"])
        found.append(SkuState(
            key=sku.key, product=str(product.id), name=sku.packaging, product_name=product.name, description=product.description,
            ean=sku.ean, price=sku.effective(now), stock=world.stock.by_branch(sku), visible=product.for_web and not product.deleted,
            missing=tuple(missing), remote=sku.key,
        ))  # fmt: skip
    return found


def orders(world: World) -> list[OrderState]:
    return [
        OrderState(
            key=str(order.id), storefront_key=order.hub, state=order.state, phase=_phase(order), total=order.total,
            items=tuple((item.sku.key, plain(item.quantity), item.price) for item in order.items),
            invoices=tuple(note.key for note in order.notes), tracking=(order.tracking,) if order.tracking else (),
        )
        for order in world.orders.rows.rows.values()
    ]  # fmt: skip


def _phase(order: Order):
    if order.state == "C":
        return "cancelled"
    if order.state != "F":
        return "in_erp"
    if order.delivery_date != EMPTY_DATE:
        return "delivered"
    return "shipped" if order.tracking else "invoiced"


# ---- what spoils it ----


def corrupt(world: World, kind: str, key: str) -> dict[str, object]:
    """Silent drift of a SKU ("stock", "price", "text") or an "order" (loses its delivery): no stamp moves.

    And what an ERP user or an administrator does, none of which has a field in `Change`:
    "service" / "service_up" (path prefix), "sessions" (any key: all tokens end), "parameter" ("number=value" or "number:branch=value";
    also "invoice_window=seconds"), "customer_blocked" / "customer_released" (codcli), "multiple" ("sku=n"),
    "tax_figure", "show_without_stock", "deleted", "unlisted" (a SKU key; the last leaves the lists of SKUs and stock), "recoded"
    ("sku=EAN": the packaging's code is edited); and the verbs of `desk`, which move the order's stamp.
    """
    spoilers: dict[str, Callable[[World, str], None]] = {
        "stock": _spoil_stock, "price": _spoil_price, "text": _spoil_text, "order": _spoil_order,
        "service": _take_down, "service_up": lambda world, prefix: world.services.down.discard(prefix),
        "sessions": lambda world, _: world.sessions.end_all(), "parameter": _parameter,
        "customer_blocked": lambda world, number: world.customers.block(number, blocked=True),
        "customer_released": lambda world, number: world.customers.block(number, blocked=False),
        "multiple": _multiple, "tax_figure": _untax, "show_without_stock": _show_without_stock, "deleted": _delete,
        "unlisted": _unlist, "recoded": _recode, **desk.VERBS,
    }  # fmt: skip
    if kind not in spoilers:
        raise ValueError(f"corrupt {kind!r}: one of {', '.join(spoilers)}")
    spoilers[kind](world, key)
    return {"corrupted": key}


def _spoil_stock(world: World, key: str) -> None:
    sku = _sku(world, key)
    branch, quantity = next(iter(world.stock.by_branch(sku).items()))
    world.stock.set(sku, branch, quantity + 7, touch=False)


def _spoil_price(world: World, key: str) -> None:
    sku = _sku(world, key)
    world.prices.set(sku, sku.effective(world.time.local()) + Decimal("1.11"), touch=False)


def _spoil_text(world: World, key: str) -> None:
    sku = _sku(world, key)
    world.catalog.change(sku, Change(sku=key, name=f"{sku.product.name} (alterado)", touch=False))


def _spoil_order(world: World, key: str) -> None:
    order = _order(world, key)
    order.tracking, order.delivery_date, order.raw = "", EMPTY_DATE, None
    for item in order.items:
        item.delivery = PENDING


def _take_down(world: World, prefix: str) -> None:
    if prefix not in world.services.prefixes:
        raise KeyError(f"service {prefix}")
    world.services.down.add(prefix)


def _parameter(world: World, text: str) -> None:
    name, _, value = text.partition("=")
    if name == "invoice_window":
        world.fiscal.window = float(value)
        return
    number, _, branch = name.partition(":")
    world.company.parameters.set(number, value, branch or None)


def _multiple(world: World, text: str) -> None:
    key, _, multiple = text.partition("=")
    _sku(world, key).product.multiple = int(multiple)


def _untax(world: World, key: str) -> None:
    sku = _sku(world, key)
    sku.tax_figure = 0
    sku.price_raw.clear()


def _show_without_stock(world: World, key: str) -> None:
    product = _sku(world, key).product
    product.show_without_stock, product.raw = True, None
    world.stock.reflag(product)


def _delete(world: World, key: str) -> None:
    product = _sku(world, key).product
    product.deleted = True
    for sku in product.skus:
        sku.raw = None
    world.catalog.products.touch(product.id, world.time.stamp())


def _unlist(world: World, key: str) -> None:
    sku = _sku(world, key)
    world.catalog.skus.drop(sku.order)
    for branch in world.company.branch_ids():
        pool = world.stock.pool(branch, sku.product)
        for row in [row for row in pool.rows if row.sku is sku] if pool is not None else ():
            world.stock.rows.drop(row.key)


def _recode(world: World, text: str) -> None:
    key, _, ean = text.partition("=")
    sku, stamp = _sku(world, key), world.time.stamp()
    pools = (world.stock.pool(branch, sku.product) for branch in world.company.branch_ids())
    rows = [row for pool in pools if pool is not None for row in pool.rows if row.sku is sku]
    world.catalog.skus.drop(sku.order)
    for row in rows:
        world.stock.rows.drop(row.key)
    del world.catalog.by_key[key]
    sku.code, sku.ean, sku.key, sku.last_change, sku.raw = int(ean), ean, f"{int(ean)}-{sku.product.id}", stamp, None
    sku.price_raw.clear()
    world.catalog.by_key[sku.key] = sku
    world.catalog.skus.put(sku.order, sku)
    for row in rows:
        row.last_change, row.raw = stamp, None
        world.stock.rows.put(row.key, row)


def _sku(world: World, key: str) -> Sku:
    sku = world.catalog.by_key.get(key)
    if sku is None:
        raise KeyError(f"SKU {key}")
    return sku


def _order(world: World, key: str) -> Order:
    order = world.orders.get(key)
    if order is None:
        raise KeyError(f"order {key}")
    return order
