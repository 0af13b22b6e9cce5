"""The work queue: what waits, why, for whom, and how much depends on it; of one integration or all of a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store.blobs import readable
from engate.store.tables import cause, flow, integration, order, outbox, record
from engate.text import Text
from engate.views.causes import Cause
from engate.views.paging import Rows, Window, instant

By = Literal["impact", "age"]


class About(msgspec.Struct):
    """The first thing that waits: a record of this kind, or an order. `name`: "" if it has none."""

    kind: str
    key: str
    name: str


class Waiting(Cause):
    """A cause with what points to it: records by kind, orders with their money in reais, and messages that were not taken."""

    integration: int = 0
    integration_name: str = ""
    records: dict[str, int] = {}
    orders: int = 0
    money: Decimal = Decimal(0)
    messages: int = 0
    first: About | None = None


class Filters(msgspec.Struct, frozen=True):
    """`owner`: who can end it; None: anyone."""

    owner: str | None = None
    by: By = "impact"


class _Hanging(NamedTuple):
    """What points to one cause."""

    records: dict[str, int]
    orders: int = 0
    money: Decimal = Decimal(0)
    messages: int = 0

    @property
    def skus(self) -> int:
        """How many SKUs: the largest count of a kind, because a SKU's records of several kinds mostly wait for the same cause."""
        return max(self.records.values(), default=0)


def listing(c: sa.Connection, integration_ids: Sequence[int], window: Window, filters: Filters) -> Rows[Waiting]:
    """By impact: money of orders, orders, SKUs, then the oldest. `window.after`: how many have been shown."""
    of_owner = sa.true() if filters.owner is None else cause.c.owner == filters.owner
    rows = c.execute(sa.select(cause.c.id, cause.c.since).where(cause.c.integration_id.in_(integration_ids), of_owner)).all()
    hanging = _hanging(c, integration_ids, [row.id for row in rows])
    rows = sorted((row for row in rows if row.id in hanging), key=lambda row: _rank(row, hanging[row.id], filters.by))
    skip = window.after or 0
    ids = [row.id for row in rows[skip : skip + window.limit]]
    return Rows(_shown(c, ids, hanging), skip + window.limit if len(rows) > skip + window.limit else None)


def _rank(row: Any, hangs: _Hanging, by: By) -> tuple[Any, ...]:
    return (row.since, row.id) if by == "age" else (-hangs.money, -hangs.orders, -hangs.skus, row.since, row.id)


def _hanging(c: sa.Connection, integration_ids: Sequence[int], ids: Sequence[int]) -> dict[int, _Hanging]:
    """Cause id -> what points to it, for those that something points to."""
    found: dict[int, _Hanging] = {}
    for row in _counted(c, record, ids, record.c.kind):
        found.setdefault(row.cause_id, _Hanging({})).records[row.kind] = row.n
    for row in _counted(c, order, ids, total=sa.func.sum(order.c.total)):
        found[row.cause_id] = found.get(row.cause_id, _Hanging({}))._replace(orders=row.n, money=row.total)
    for row in _counted(c, outbox, ids):
        found[row.cause_id] = found.get(row.cause_id, _Hanging({}))._replace(messages=row.n)
    stopped = flow.c.integration_id.in_(integration_ids) & flow.c.cause_id.is_not(None)
    for id in c.execute(sa.select(flow.c.cause_id).where(stopped)).scalars():
        found.setdefault(id, _Hanging({}))
    return found


def _counted(c: sa.Connection, table: sa.Table, ids: Sequence[int], *by: Any, **more: Any) -> Iterator[Any]:
    """How many rows point to each of these causes, counted by an index."""
    groups = [table.c.cause_id, *by]
    counted = [sa.func.count().label("n"), *(value.label(name) for name, value in more.items())]
    for start in range(0, len(ids), AT_ONCE):
        some = table.c.cause_id.in_(ids[start : start + AT_ONCE])
        yield from c.execute(sa.select(*groups, *counted).where(some).group_by(*groups))


AT_ONCE = 1_000


def _shown(c: sa.Connection, ids: Sequence[int], hanging: dict[int, _Hanging]) -> list[Waiting]:
    """The causes in the order of the ids."""
    query = sa.select(cause, integration.c.name.label("called"), integration.c.deleted_at).join(
        integration, integration.c.id == cause.c.integration_id
    )
    rows = {row.id: row for row in c.execute(query.where(cause.c.id.in_(ids)))}
    first = {**_first_records(c, ids), **_first_orders(c, ids)}
    return [_waiting(rows[id], hanging[id], first.get(id)) for id in ids if id in rows]


def _waiting(row: Any, hangs: _Hanging, first: About | None) -> Waiting:
    text, hint, since = Text(**row.text), Text(**row.hint), instant(row.since)
    if row.deleted_at is not None:
        hint = Text(f"{DELETED.pt} {hint.pt}", f"{DELETED.en} {hint.en}")
    return Waiting(
        row.id, row.code, row.owner, text, hint, since, integration=row.integration_id, integration_name=row.called,
        records=hangs.records, orders=hangs.orders, money=hangs.money, messages=hangs.messages, first=first,
    )  # fmt: skip


DELETED = Text(
    "A integração foi excluída: ative uma integração das mesmas duas contas, que assume os pedidos dela.",
    "The integration was deleted: activate an integration of the same two accounts, which takes over its orders.",
)


def _first_orders(c: sa.Connection, ids: Sequence[int]) -> dict[int, About]:
    return {row.cause_id: About("order", row.key, "") for row in _firsts(c, order, ids, order.c.key)}


def _first_records(c: sa.Connection, ids: Sequence[int]) -> dict[int, About]:
    return {
        row.cause_id: About(row.kind, row.key, getattr(readable(row.doc, KINDS[row.kind].struct), "name", ""))
        for row in _firsts(c, record, ids, record.c.kind, record.c.key, record.c.doc)
    }


def _firsts(c: sa.Connection, table: sa.Table, ids: Iterable[int], *columns: Any) -> Iterable[Any]:
    oldest = sa.select(sa.func.min(table.c.id)).where(table.c.cause_id.in_(ids)).group_by(table.c.cause_id)
    return c.execute(sa.select(table.c.cause_id, *columns).where(table.c.id.in_(oldest)))
