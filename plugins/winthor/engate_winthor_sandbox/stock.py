"""Stock of winthor-estoque-vtex (`/api/stock-vtex/v1`). PCEST holds one row per product and branch in base units; the API shows it per SKU.

The quantity of a SKU is what the branch has available (QTESTGER - QTRESERV - QTBLOQUEADA), cut to parameter 2829's percentage, in whole
packagings; all packagings of a product draw from the same units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

from engate.model import plain
from engate.testing.facts import Count
from engate.testing.sandbox import Answer, Call
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.catalog import Catalog, Product, Sku, smallest_packaging
from engate_winthor_sandbox.company import Company
from engate_winthor_sandbox.wire import ErpTime, Table, branches_of, dumps, encoded, flag, number, page_of, paged, since_of

ZERO, GRAM = Decimal(0), Decimal("0.001")
RowKey = tuple[str, int, int, int]  # branch, then the order of a SKU


@dataclass(slots=True)
class Pool:
    """PCEST: the stock of a product in a branch, base units."""

    branch: str
    product: Product
    created: str
    on_hand: Decimal = ZERO  # QTESTGER
    reserved: Decimal = ZERO  # QTRESERV
    blocked: Decimal = ZERO  # QTBLOQUEADA
    rows: list[StockRow] = field(default_factory=list)

    @property
    def available(self) -> Decimal:
        return max(ZERO, self.on_hand - self.reserved - self.blocked)


class StockRow:
    """A SKU in a branch as the API lists it."""

    __slots__ = ("_stock", "last_change", "pool", "raw", "sku")

    def __init__(self, stock: Stock, pool: Pool, sku: Sku, last_change: str) -> None:
        self._stock = stock
        self.pool = pool
        self.sku = sku
        self.last_change = last_change
        self.raw: bytes | None = None

    @property
    def key(self) -> RowKey:
        return (self.pool.branch, *self.sku.order)

    def encode(self) -> bytes:
        branch = self._stock.company.branches.rows.get(self.pool.branch)
        return dumps({
            "productId": self.sku.key,
            "quantity": number(self._stock.quantity(self.pool, self.sku)),
            "unlimitedQuantity": self.pool.product.show_without_stock,
            "warehouseBranchId": self.pool.branch,
            "warehouseBranchName": branch.name if branch else "",
            "unitMultiplier": self.sku.units,
            "lastChange": self.last_change,
            "createDate": self.pool.created,
        })  # fmt: skip


class Stock:
    def __init__(self, time: ErpTime, company: Company, catalog: Catalog) -> None:
        self.time = time
        self.company = company
        self.catalog = catalog
        self.rows: Table[StockRow] = Table()
        self._pools: dict[tuple[str, int], Pool] = {}
        company.parameters.on_change += [self.rows.forget_encoded, self.rows.reshaped]

    def quantity(self, pool: Pool, sku: Sku) -> Decimal:
        """In whole packagings; weighed goods by the gram."""
        return self.shown(pool) / sku.units if pool.product.weighed else self.shown(pool) // sku.units

    def shown(self, pool: Pool) -> Decimal:
        """Base units shown to e-commerce: parameter 2829 keeps a percentage back."""
        share = pool.available * int(self.company.parameters.get("2829", pool.branch)) / 100
        return share.quantize(GRAM, ROUND_FLOOR) if pool.product.weighed else share // 1

    def pool(self, branch: str, product: Product) -> Pool | None:
        return self._pools.get((branch, product.id))

    def by_branch(self, sku: Sku) -> dict[str, Count]:
        """What the API answers for a SKU in each branch that keeps it."""
        pools = ((branch, self.pool(branch, sku.product)) for branch in self.company.branch_ids())
        return {branch: plain(self.quantity(pool, sku)) for branch, pool in pools if pool is not None}

    # ---- control ----

    def seed(self, product: Product, seeded: Iterable[tuple[Sku, Mapping[str, Count]]]) -> None:
        """The packagings share their units: the branch gets enough for the packaging that asks for most."""
        stamp = self.time.stamp()
        units: dict[str, Decimal] = {}
        for sku, stock in seeded:
            for branch, quantity in stock.items():
                units[branch] = max(units.get(branch, ZERO), Decimal(quantity * sku.units))
                product.weighed = product.weighed or quantity % 1 != 0
        kept = [branch for branch in self.company.branch_ids() if branch not in units and (branch, product.id) in self._pools]
        for branch in (*units, *kept):
            self._put_pool(branch, product, units.get(branch, ZERO), stamp)

    def _put_pool(self, branch: str, product: Product, units: Decimal, stamp: str) -> Pool:
        pool = self._pools.get((branch, product.id))
        if pool is None:
            pool = self._pools[branch, product.id] = Pool(branch, product, stamp)
        for row in pool.rows:
            self.rows.drop(row.key)
        pool.product, pool.on_hand = product, units + pool.reserved + pool.blocked
        pool.rows = [StockRow(self, pool, sku, stamp) for sku in product.skus]
        for row in pool.rows:
            self.rows.put(row.key, row)
        return pool

    def set(self, sku: Sku, branch: str, quantity: Count, *, touch: bool = True) -> None:
        """So many packagings are available now, beside what is reserved."""
        sku.product.weighed = sku.product.weighed or quantity % 1 != 0
        pool = self._pools.get((branch, sku.product.id))
        if pool is None:
            self._put_pool(branch, sku.product, Decimal(quantity * sku.units), self.time.stamp())
            return
        pool.on_hand = quantity * sku.units + pool.reserved + pool.blocked
        self._moved(pool, touch=touch)

    def _moved(self, pool: Pool, *, touch: bool = True) -> None:
        if touch:
            stamp = self.time.stamp()
            for row in pool.rows:
                self.rows.touch(row.key, stamp)
        else:
            for row in pool.rows:
                row.raw = None

    # ---- what orders do to it ----

    def reserve(self, branch: str, sku: Sku, wanted: Decimal) -> Decimal:
        """Reserves up to `wanted` packagings and answers how many: what is not available is cut."""
        pool = self._pools.get((branch, sku.product.id))
        if pool is None:
            return ZERO
        attended = min(wanted, pool.available // sku.units)
        if attended:
            pool.reserved += attended * sku.units
            self._moved(pool)
        return attended

    def free(self, branch: str, sku: Sku, quantity: Decimal) -> None:
        """A cancelled item gives its reservation back."""
        self._shift(branch, sku, on_hand=ZERO, reserved=-quantity)

    def leave(self, branch: str, sku: Sku, quantity: Decimal) -> None:
        """An invoiced item leaves: from the reservation and from QTESTGER."""
        self._shift(branch, sku, on_hand=-quantity, reserved=-quantity)

    def come_back(self, branch: str, sku: Sku, quantity: Decimal) -> None:
        """An undone invoice: the units are here again, and reserved."""
        self._shift(branch, sku, on_hand=quantity, reserved=quantity)

    def _shift(self, branch: str, sku: Sku, *, on_hand: Decimal, reserved: Decimal) -> None:
        pool = self._pools.get((branch, sku.product.id))
        if pool is None or not (on_hand or reserved):
            return
        pool.on_hand += on_hand * sku.units
        pool.reserved += reserved * sku.units
        self._moved(pool)

    def reflag(self, product: Product) -> None:
        """A flag of the product changed that its stock rows show or are chosen by."""
        for branch in self.company.branch_ids():
            if (pool := self.pool(branch, product)) is not None:
                self._moved(pool, touch=False)
        self.rows.reshaped()

    # ---- operations ----

    def list_available(self, call: Call) -> Answer:
        query = call.query
        branches, page, since = branches_of(query), page_of(query), since_of(query)
        origin = query.get("callOrigin", "WSH")
        rules.one_of("callOrigin", origin, ("W", "WSH"))
        by_packaging = flag(query, "usesPackagingSales")
        wanted = query.get("productId", "")
        links = {name: query.get(f"{name}Id", "") for name in ("department", "section", "category")}
        for name, value in links.items():
            if value:
                rules.whole_number(f"{name}Id", value)
        asked = [(name, int(value)) for name, value in links.items() if value]

        def keep(row: StockRow) -> bool:
            product = row.pool.product
            return (
                row.pool.branch in branches
                and ((by_packaging and self.company.parameters.sells_by_packaging(row.pool.branch)) or smallest_packaging(row.sku))
                and (origin != "W" or self.catalog.online(product))
                and (not wanted or wanted in (row.sku.key, str(product.id)))
                and all(getattr(product, name) == value for name, value in asked)
            )

        name = (branches, by_packaging, origin, wanted, tuple(asked))
        return paged(self.rows.select(name, keep, since), page)

    def read_available(self, call: Call) -> Answer:
        branch, reference = call.params["branch"], call.params["product"]
        sku = self.catalog.sku_of(reference)
        row = self.rows.rows.get((branch, *sku.order)) if sku else None
        rules.found(row is not None, "Estoque do produto")
        return Answer(body=encoded(row))  # pyright: ignore
