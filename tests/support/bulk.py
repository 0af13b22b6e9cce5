"""A big integration, written straight into the database: 33,000 SKUs (182,000 records), 20,000 orders and all that hangs on them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa

from engate.model import Address, Brand, Buyer, Category, Image, Invoice, Order, OrderPart, Price, Product, Sku, StockLevel, Warehouse
from engate.store.blobs import pack
from engate.store.db import Store
from engate.transcript import Said

NOW = 1_790_000_000.0
SKUS = 33_000
RECORDS: dict[str, tuple[int, str | None, object]] = {
    # kind -> (how many, SQL of the parent's key, the document they all have)
    "warehouse": (2, None, Warehouse("1", "Matriz")),
    "category": (300, None, Category("1", "Mercearia")),
    "brand": (198, None, Brand("5", "Marca")),
    "product": (SKUS, None, Product("1", "Produto", category="1", brand="5")),
    "sku": (SKUS, "CAST(n AS varchar(20))", Sku("1", "1", "Produto")),
    "image": (16_500, "CAST(n AS varchar(20))", Image("1", "1", "https://imagens.example.com/1.jpg", "1")),
    "price": (SKUS, "CAST(n AS varchar(20))", Price("1", "1", Decimal("10.00"))),
    "stock": (2 * SKUS, "CAST(n / 2 AS varchar(20))", StockLevel("1", "1", "1", Decimal(5))),
}
ORDERS = 20_000
CALLS = 20_000
CAUSES = 3_000
LARGE = frozenset(
    {
        "record",
        "link",
        "cause",
        "shop_order",
        "step",
        "part",
        "key_index",
        "document",
        "inbox",
        "lane",
        "run",
        "unit",
        "call",
        "call_record",
    }
)
"""Tables that grow with the catalogue or with time: nobody may read one of them whole to answer a person."""


def fill(store: Store, tenant_id: int, id: int, *, share: int = 1, open_share: int = 100) -> None:
    """`share`: a so many-th of it all. `open_share`: one record in so many is not settled (1: a first load, nothing is)."""
    with store.write() as c:
        filling = _Filling(c, tenant_id, id, share)
        filling.causes()
        for kind, (count, parent, doc) in RECORDS.items():
            filling.records(kind, count, parent or "NULL", pack(doc), open_share)
        filling.orders()
        filling.runs()
        filling.calls()


class _Filling:
    """Each statement makes many rows out of numbers."""

    def __init__(self, c: sa.Connection, tenant_id: int, id: int, share: int) -> None:
        self._c, self._given, self._share = c, {"tenant": tenant_id, "id": id, "now": NOW}, share

    def _run(self, count: int, into: str, values: str, **given: object) -> None:
        table, _, columns = into.partition(" ")
        most = max(1, count // self._share)
        numbers = f"WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {most})"  # noqa: S608
        statement = sa.text(f"INSERT INTO {table} {columns} {numbers} SELECT {values} FROM many")  # noqa: S608
        named = self._given | given
        self._c.execute(statement, {name: value for name, value in named.items() if f":{name}" in statement.text})

    def _first(self, table: str) -> int:
        return self._c.execute(sa.text(f"SELECT min(id) FROM {table} WHERE integration_id = :id"), {"id": self._given["id"]}).scalar_one()  # noqa: S608

    def causes(self) -> None:
        self._run(
            CAUSES, "cause (tenant_id, integration_id, key, code, owner, text, hint, since)",
            ":tenant, :id, 'answer:x:' || n, 'sku.x', CASE WHEN n % 3 = 0 THEN 'engate' ELSE 'person' END, "
            """'{"pt": "Falta", "en": "Missing"}', '{"pt": "Veja", "en": "See"}', :now""",
        )  # fmt: skip

    def records(self, kind: str, count: int, parent: str, doc: bytes, open_share: int) -> None:
        causes = max(1, CAUSES // self._share)
        self._run(
            count,
            "record (tenant_id, integration_id, kind, key, parent, doc, want, have, have_doc, sent, sent_at, cause_id, run_id, read_at)",
            f":tenant, :id, :kind, CAST(n AS varchar(20)), {parent}, :doc, :want, CASE WHEN n % {open_share} = 0 THEN NULL ELSE :want END, "
            f":doc, CASE WHEN n % {open_share * 10} = 0 THEN :want END, CASE WHEN n % {open_share * 10} = 0 THEN :now END, "
            f"CASE WHEN n % {open_share * 2} = 0 THEN :first + n % {causes} END, 1 + n % 9, :now",
            kind=kind, doc=doc, want=b"w" * 16, first=self._first("cause"),
        )  # fmt: skip
        self._run(
            count, "link (tenant_id, integration_id, kind, key, remote, origin, at)",
            ":tenant, :id, :kind, CAST(n AS varchar(20)), 'r' || n, 'engate', :now", kind=kind,
        )  # fmt: skip
        if kind == "sku":
            self._run(count, "key_index (integration_id, key, kind, target)", ":id, 'ean' || n, 'sku', CAST(n AS varchar(20))")

    def orders(self) -> None:
        order = order_doc()
        part = OrderPart("ref", order, "1", (), order.freight, order.discount, order.interest, order.total)
        many, causes = max(1, ORDERS // self._share), max(1, CAUSES // self._share)
        self._run(
            ORDERS, "shop_order (tenant_id, integration_id, key, state, shop_state, raw_state, doc, total, cause_id, placed_at, read_at, "
            "created_at, changed_at)",
            ":tenant, :id, 'o' || n, CASE WHEN n % 50 = 0 THEN 'in_erp' ELSE 'delivered' END, 'ready', 'ready', :doc, 10, "
            f"CASE WHEN n % 500 = 0 THEN :first + n % {causes} END, :now, :now, :now, :now",
            doc=pack(order), first=self._first("cause"),
        )  # fmt: skip
        first = self._first("shop_order")
        self._run(
            ORDERS, "part (tenant_id, integration_id, order_id, no, reference, branch, doc, state, erp_key)",
            f":tenant, :id, {first - 1} + n, 1, 'ref' || n, '1', :doc, 'delivered', 'e' || n", doc=pack(part),
        )  # fmt: skip
        self._run(
            ORDERS, "document (tenant_id, integration_id, order_id, part_id, key, doc, created_at)",
            f":tenant, :id, {first - 1} + n, {self._first('part') - 1} + n, 'k' || n, :doc, :now", doc=pack(note_doc()),
        )  # fmt: skip
        self._run(
            4 * ORDERS, "step (tenant_id, integration_id, order_id, part_no, name, text, at)",
            f""":tenant, :id, {first} + n % {many}, 1, 'shop', '{{"pt": "Passo", "en": "Step"}}', :now""",
        )  # fmt: skip
        self._run(
            2 * ORDERS, "inbox (tenant_id, integration_id, key, order_key, raw_state, received_at, handled_at)",
            f":tenant, :id, 'x' || n, 'o' || (1 + n % {many}), 'ready', :now, CASE WHEN n % 1000 = 0 THEN NULL ELSE :now END",
        )  # fmt: skip
        self._run(ORDERS, "key_index (integration_id, key, kind, target)", ":id, 'note' || n, 'order', 'o' || n")
        self._run(ORDERS, "key_index (integration_id, key, kind, target)", ":id, 'o' || n, 'order', 'o' || n")
        self._run(
            ORDERS, "lane (tenant_id, integration_id, name, prio, due_at)",
            ":tenant, :id, 'order/o' || n, 0, CASE WHEN n % 1000 = 0 THEN :now + 1e9 END",
        )  # fmt: skip

    def runs(self) -> None:
        self._run(
            5_000, 'run (tenant_id, integration_id, flow, trigger, "full", state, started_at)',
            ":tenant, :id, CASE n % 4 WHEN 0 THEN 'stock' WHEN 1 THEN 'prices' WHEN 2 THEN 'products' ELSE 'images' END, 'schedule', "
            "(1 = 0), 'done', :now",
        )  # fmt: skip

    def calls(self) -> None:
        erp = self._c.execute(sa.text("SELECT erp_id FROM integration WHERE id = :id"), {"id": self._given["id"]}).scalar_one()
        self._run(
            CALLS,
            "call (tenant_id, connection_id, integration_id, at, hook, method, operation, status, outcome, ms, attempt, order_key, "
            "example, said)",
            ":tenant, :erp, :id, :now - n, 'push_stock', 'PUT', 'PUT stock', 200, CASE WHEN n % 100 = 0 THEN 'refused' ELSE 'ok' END, "
            "12, 1, CASE WHEN n % 3 = 0 THEN 'o' || n % 500 END, CASE WHEN n % 3 = 0 THEN 0 ELSE 1 END, :said",
            erp=erp, said=pack(Said("/stock/1", "", "{}", "{}")),
        )  # fmt: skip
        self._run(
            CALLS,
            "call_record (tenant_id, kind, key, call_id)",
            f":tenant, 'sku', CAST(n % 500 AS varchar(20)), {self._first('call') - 1} + n",
        )


def order_doc() -> Order:
    money = Decimal("10.00")
    at = datetime.fromtimestamp(NOW, UTC)
    return Order("o1", "ready", "ready-for-handling", at, Buyer("Ana", "52998224725"), Address(), (), (), money, money, money, money, money)


def note_doc() -> Invoice:
    return Invoice("k1", "1", "1", "55", datetime.fromtimestamp(NOW, UTC), Decimal(10), "11222333000181")
