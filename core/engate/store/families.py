"""Products with their SKUs, and the SKUs' images, prices and stock. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.model.kinds import KINDS, OF_A_SKU, buyable
from engate.store import moved
from engate.store.blobs import pack, readable
from engate.store.rows import RecordSet
from engate.store.tables import cause, key_index, link, record


def wait_for_links(c: sa.Connection, of: RecordSet, cause_id: int, only: Collection[str] | None) -> None:
    """Records to be sent whose parent has no link wait for this cause; those that wait for it and whose parent has one go on."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind)
    there = sa.exists().where(
        link.c.integration_id == record.c.integration_id, link.c.kind == KINDS[of.kind].parent_kind, link.c.key == record.c.parent
    )
    c.execute(sa.update(record).where(mine, record.c.cause_id == cause_id, there).values(cause_id=None))
    lacking = sa.update(record).where(mine, record.c.state == "to_send", ~there)
    if only is not None:
        lacking = lacking.where(record.c.key.in_(only))
    c.execute(lacking.values(cause_id=cause_id))


def wait_for_other(c: sa.Connection, of: RecordSet, cause_id: int, other: str) -> None:
    """Records to be sent whose SKU has nothing of the other kind in the shop wait for this cause; those whose SKU has it go on."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind)
    first = record.alias("first")
    same = (first.c.integration_id == record.c.integration_id) & (first.c.kind == other) & (first.c.parent == record.c.parent)
    there = sa.exists().where(same, first.c.have_doc.is_not(None))
    c.execute(sa.update(record).where(mine, record.c.cause_id == cause_id, there).values(cause_id=None))
    c.execute(sa.update(record).where(mine, record.c.state == "to_send", ~there).values(cause_id=cause_id))


def without(c: sa.Connection, integration_id: int, kind: str, skus: Collection[str]) -> frozenset[str]:
    """Those of these SKUs that have no record of this kind."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.parent.in_(skus)
    return frozenset(skus) - frozenset(c.execute(sa.select(record.c.parent).where(mine)).scalars())


def any_waits(c: sa.Connection, of: RecordSet, keys: Collection[str], cause_key: str) -> bool:
    """Whether one of these records points to the cause of this key."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind) & record.c.key.in_(keys)
    found = sa.select(record.c.id).join(cause, cause.c.id == record.c.cause_id).where(mine, cause.c.key == cause_key)
    return c.execute(found.limit(1)).first() is not None


class Row(NamedTuple):
    """One record as it was when it was read. `owner`: who ends the cause that it waits for; None: it waits for nothing."""

    id: int
    kind: str
    key: str
    parent: str | None
    doc: Any
    want: bytes
    have: bytes | None
    have_doc: Any
    read_at: float
    operation_id: int | None
    turn: int
    cause: str | None
    owner: str | None
    remote: str | None
    more: str


def _products(integration_id: int, only: Collection[str] | None) -> sa.Select[Any]:
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "product")
    chosen = mine if only is None else mine & record.c.key.in_(only)
    # `+ 0`: else the planner walks the primary key over records of every kind to avoid sorting
    return sa.select(record.c.id).where(chosen).order_by(record.c.id + 0)


def count(c: sa.Connection, integration_id: int, only: Collection[str] | None) -> int:
    """How many products there are; `only`: of these keys."""
    return c.execute(sa.select(sa.func.count()).select_from(_products(integration_id, only).order_by(None).subquery())).scalar() or 0


def some(c: sa.Connection, integration_id: int, only: Collection[str] | None, start: int, most: int) -> list[int]:
    """Ids of products from `start` on, at most `most`, in the order in which they came: new ones come last."""
    return list(c.execute(_products(integration_id, only).offset(start).limit(most)).scalars())


class Since(NamedTuple):
    """`at`: the instant; `served`: kinds that the shop fetches; `fetch`: id of the cause of records that only wait to be fetched (0: none);
    `kinds`: kinds that count."""

    at: float
    served: Collection[str]
    fetch: int
    kinds: Collection[str]


def changed(c: sa.Connection, integration_id: int, only: Collection[str] | None, since: Since) -> list[int]:
    """Ids of the products that have changed since then, themselves or in their SKUs and below: the shop fetched or accepted a record since,
    never had it in its current state, or it was read since and is on its way."""
    product, sku, below = record.alias("product"), record.alias("sku"), record.alias("below")

    def moved(each: Any) -> sa.ColumnElement[bool]:
        differs = each.c.have.is_distinct_from(each.c.want)
        fetchable = each.c.kind.in_(since.served) & (each.c.cause_id.is_(None) | (each.c.cause_id == since.fetch))
        counts = each.c.kind.in_(since.kinds)
        return counts & ((each.c.answered_at >= since.at) | (differs & (fetchable | (each.c.read_at >= since.at))))

    def mine(each: Any, kinds: Sequence[str], above: Any) -> sa.ColumnElement[bool]:
        own = (each.c.integration_id == integration_id) & each.c.kind.in_(kinds)
        return own & (each.c.parent == above.c.key) if above is not None else own

    hangs = sa.exists().where(mine(below, BELOW, sku), moved(below))
    of_skus = sa.exists().where(mine(sku, ["sku"], product), moved(sku) | hangs)
    among = mine(product, ["product"], None) if only is None else mine(product, ["product"], None) & product.c.key.in_(only)
    return list(c.execute(sa.select(product.c.id).where(among, moved(product) | of_skus).order_by(product.c.id + 0)).scalars())


BELOW = list(OF_A_SKU)


def by_ids(c: sa.Connection, integration_id: int, ids: Sequence[int]) -> list[Row]:
    return _rows(c, integration_id, record.c.id.in_(ids))


def of_kind(c: sa.Connection, integration_id: int, kind: str, keys: Collection[str] | None = None) -> list[Row]:
    """All of a kind, or those of these keys."""
    return _rows(c, integration_id, (record.c.kind == kind) & (record.c.key.in_(keys) if keys is not None else sa.true()))


def found(c: sa.Connection, integration_id: int, kind: str, of: str | int) -> Row | None:
    """The record with this key (text) or id (number)."""
    one = record.c.key == of if isinstance(of, str) else record.c.id == of
    return next(iter(_rows(c, integration_id, (record.c.kind == kind) & one)), None)


def with_ean(c: sa.Connection, integration_id: int, ean: str) -> list[Row]:
    """The products that have a SKU with this EAN now."""
    same = (key_index.c.integration_id == integration_id) & (key_index.c.kind == "sku") & (key_index.c.key == ean)
    keys = c.execute(sa.select(key_index.c.target).where(same)).scalars().all()
    # the index also finds SKUs by former EANs
    products = {row.parent for row in of_kind(c, integration_id, "sku", keys) if row.doc is not None and row.doc.ean == ean}
    return of_kind(c, integration_id, "product", [key for key in products if key is not None])


class Named(NamedTuple):
    """A SKU: the ids of its record and of its product's (`Item.id`), the storefront's key of the product if it is linked, and how many SKUs
    the product has."""

    id: int
    product_id: int
    product: str | None
    of: int


def named(c: sa.Connection, integration_id: int, skus: Collection[str]) -> dict[str, Named]:
    product, each = record.alias("product"), record.alias("each")
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.key.in_(skus)
    its = (product.c.integration_id == record.c.integration_id) & (product.c.kind == "product") & (product.c.key == record.c.parent)
    above = (link.c.integration_id == record.c.integration_id) & (link.c.kind == "product") & (link.c.key == record.c.parent)
    same = (each.c.integration_id == record.c.integration_id) & (each.c.kind == "sku") & (each.c.parent == record.c.parent)
    of = sa.select(sa.func.count()).select_from(each).where(same).correlate(record).scalar_subquery()
    columns = (record.c.key, record.c.id, product.c.id.label("product_id"), link.c.remote, of.label("of"))
    found = sa.select(*columns).select_from(record.join(product, its).outerjoin(link, above)).where(mine)
    return {row.key: Named(row.id, row.product_id, row.remote, row.of) for row in c.execute(found)}


def below(c: sa.Connection, integration_id: int, kinds: Sequence[str], parents: Collection[str]) -> dict[tuple[str, str], list[Row]]:
    """(kind, parent) -> its records, sorted by key."""
    found: dict[tuple[str, str], list[Row]] = {}
    rows = _rows(c, integration_id, record.c.kind.in_(kinds) & record.c.parent.in_(parents)) if parents else []
    for row in sorted(rows, key=lambda row: row.key):
        found.setdefault((row.kind, row.parent or ""), []).append(row)
    return found


def sold(c: sa.Connection, integration_id: int, skus: Collection[str], flows: Collection[str]) -> frozenset[str]:
    """Those of these SKUs that are for sale in the ERP as last read: SKU and product are on, and the price is above 0. `flows`: those that
    are on; data of other flows is not checked, because the shop looks after it."""

    def docs(kind: str, where: sa.ColumnElement[bool]) -> list[Any]:
        mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & where
        found = (readable(blob, KINDS[kind].struct) for blob in c.execute(sa.select(record.c.doc).where(mine)).scalars())
        return [doc for doc in found if buyable(doc)]

    found = frozenset(skus)
    if "products" in flows:
        on = {sku.key: sku.product for sku in docs("sku", record.c.key.in_(skus))}
        products = {product.key for product in docs("product", record.c.key.in_(set(on.values())))}
        found &= {sku for sku, product in on.items() if product in products}
    if "prices" in flows:
        found &= {price.sku for price in docs("price", record.c.parent.in_(skus)) if not price.table}
    return found


def skus_of(c: sa.Connection, integration_id: int, products: Collection[str]) -> list[str]:
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.parent.in_(products)
    return list(c.execute(sa.select(record.c.key).where(mine)).scalars())


def _rows(c: sa.Connection, integration_id: int, where: sa.ColumnElement[bool]) -> list[Row]:
    same = (link.c.integration_id == record.c.integration_id) & (link.c.kind == record.c.kind) & (link.c.key == record.c.key)
    r = record.c
    columns = (
        r.id, r.kind, r.key, r.parent, r.doc, r.want, r.have, r.have_doc, r.read_at, r.operation_id, r.turn,
        cause.c.key.label("cause"), cause.c.owner, link.c.remote, link.c.more,
    )  # fmt: skip
    source = record.outerjoin(cause, cause.c.id == r.cause_id).outerjoin(link, same)
    rows = c.execute(sa.select(*columns).select_from(source).where(r.integration_id == integration_id, where))
    return [_row(row) for row in rows]


def _row(row: Any) -> Row:
    struct = KINDS[row.kind].struct
    given = row._asdict() | {"doc": readable(row.doc, struct), "have_doc": readable(row.have_doc, struct), "more": row.more or ""}
    return Row(**given)


def handed_in_doubt(c: sa.Connection, given: Sequence[tuple[int, Any]]) -> None:
    """The shop got these documents last, but the records were decided otherwise meanwhile: they are given again."""
    accepted = moved.accepted_here(sa.bindparam("b_doc", type_=sa.LargeBinary))
    mine = sa.update(record).where(record.c.id == sa.bindparam("b_id")).values(have=None, have_doc=accepted)
    if given:
        c.execute(mine, [{"b_id": id, "b_doc": pack(doc)} for id, doc in given])


def as_they_were(c: sa.Connection, rows: Sequence[Row]) -> set[int]:
    """Ids of those that were not decided anew, accepted or moved since they were read. They are locked, so they stay so."""
    found = sa.select(record.c.id, record.c.want, record.c.have, record.c.turn, record.c.operation_id)
    now = {row.id: row for row in c.execute(found.where(record.c.id.in_([row.id for row in rows])).order_by(record.c.id).with_for_update())}
    return {
        row.id
        for row in rows
        if row.id in now
        and (row.want, row.have, row.turn, row.operation_id)
        == (now[row.id].want, now[row.id].have, now[row.id].turn, now[row.id].operation_id)
    }
