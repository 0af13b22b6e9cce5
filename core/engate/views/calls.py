"""Calls of platforms, as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.store import calls
from engate.store.blobs import readable
from engate.store.tables import call, call_record, connection, integration
from engate.text import NO_TEXT, Text
from engate.transcript import Said
from engate.views.paging import Rows, Window, instant, page


class RecordRef(msgspec.Struct):
    kind: str
    key: str


class CallView(msgspec.Struct):
    """One call of a platform. `hook`: what it was made for; `operation`: the path's template. `status` 0: there was no answer. `outcome`:
    ok | refused (the platform said no) | failed (no answer, and certainly no effect) | unknown (it may have had an effect); `code` and
    `error` say what it met. `ms`: how long it took. `attempt`: which try it was. `order`: the shop's key of the order that it was about;
    `records`: the records, as far as they are known. `path`, `request`, `answer`, `headers` (of the answer): shortened, without secrets,
    and empty for an order whose buyer was erased. A `read` key is not shown these."""

    id: int
    at: datetime | None
    connection: int
    integration: int | None
    hook: str
    method: str
    operation: str
    status: int
    outcome: str
    code: str
    error: str
    ms: int
    attempt: int
    order: str | None
    records: list[RecordRef]
    path: str | None
    request: str | None
    answer: str | None
    headers: dict[str, str] | None
    hook_title: Text = NO_TEXT
    outcome_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.hook_title = titles.doing(self.hook)
        self.outcome_title = titles.state(titles.CALLS, self.outcome)


class BuyersCall(msgspec.Struct):
    """A call about a buyer's order, with its answer."""

    at: datetime | None
    path: str
    request: str
    answer: str
    error: str


class RecordKey(NamedTuple):
    kind: str
    key: str


class Filters(msgspec.Struct, frozen=True):
    """Filters; None: any. `order`: the shop's key."""

    integration: int | None = None
    connection: int | None = None
    order: str | None = None
    record: RecordKey | None = None
    outcome: str | None = None
    since: float | None = None
    until: float | None = None

    def where(self) -> Iterable[sa.ColumnElement[bool]]:
        equal = (
            (call.c.integration_id, self.integration),
            (call.c.connection_id, self.connection),
            (call.c.order_key, self.order),
            (call.c.outcome, self.outcome),
        )
        yield from (column == value for column, value in equal if value is not None)
        at = call.c.at + 0  # `+ 0`: not by the index of all tenants' times, after which a sort would be needed
        if self.since is not None:
            yield at >= self.since
        if self.until is not None:
            yield at < self.until


def listed(c: sa.Connection, tenant_id: int, window: Window, filters: Filters) -> Rows[CallView]:
    """Newest first."""
    named = ((connection, filters.connection), (integration, filters.integration))
    if not all(id is None or _is_ours(c, tenant_id, table, id) for table, id in named):
        return Rows([])
    found = page(c, *_asked(tenant_id, filters), window, newest_first=True)
    records = _records(c, [row.id for row in found.items])
    return Rows([_shown(row, records.get(row.id, [])) for row in found.items], found.next)


def _is_ours(c: sa.Connection, tenant_id: int, table: sa.Table, id: int) -> bool:
    return c.execute(sa.select(table.c.id).where(table.c.id == id, table.c.tenant_id == tenant_id)).first() is not None


def _asked(tenant_id: int, filters: Filters) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The queries of the ids and of the rows. Calls about a record are found by its own index."""
    further = list(filters.where())
    if filters.record is None:
        mine = call.c.tenant_id == tenant_id
        return sa.select(call.c.id).where(mine, *further), sa.select(call).where(mine)
    kind, key = filters.record
    mine = (call_record.c.tenant_id == tenant_id) & (call_record.c.kind == kind) & (call_record.c.key == key)
    joined = call.c.id == call_record.c.call_id
    ids = sa.select(call_record.c.call_id).where(mine)
    return ids.join(call, joined).where(*further) if further else ids, sa.select(call).join(call_record, joined).where(mine)


def _records(c: sa.Connection, ids: list[int]) -> dict[int, list[RecordRef]]:
    found: dict[int, list[RecordRef]] = {}
    about = sa.select(call_record.c.call_id, call_record.c.kind, call_record.c.key).where(call_record.c.call_id.in_(ids))
    for row in c.execute(about) if ids else ():
        found.setdefault(row.call_id, []).append(RecordRef(row.kind, row.key))
    return found


def _shown(row: Any, records: list[RecordRef]) -> CallView:
    said = readable(row.said, Said) or Said()
    records.sort(key=lambda each: (each.kind, each.key))
    return CallView(
        row.id, instant(row.at), row.connection_id, row.integration_id, row.hook, row.method, row.operation, row.status, row.outcome,
        row.error, said.error, row.ms, row.attempt, row.order_key, records, said.path, said.request, said.answer, said.headers,
    )  # fmt: skip


def of_order(c: sa.Connection, tenant_id: int, integration_id: int, key: str) -> list[BuyersCall]:
    """All stored calls about one order."""
    mine = calls.of_order(tenant_id, integration_id, key)
    rows = c.execute(sa.select(call.c.at, call.c.said).where(mine).order_by(call.c.id)).all()
    told = [(row.at, readable(row.said, Said) or Said()) for row in rows]
    return [BuyersCall(instant(at), said.path, said.request, said.answer, said.error) for at, said in told if said != Said()]
