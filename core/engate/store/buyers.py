"""Erases buyers from orders: from all places that may hold their data.

Only orders that are over are changed: engate needs the buyer until then. What was sold, for how much and when stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate import personal
from engate.model import Address, Buyer, ErpOrder, Invoice, Order, OrderChange
from engate.personal import Words
from engate.store import calls, deliveries, lanes
from engate.store.archive import GOES_ON, OVER
from engate.store.blobs import pack, readable
from engate.store.db import insert
from engate.store.tables import (
    cause,
    delivery,
    document,
    inbox,
    installation,
    key_index,
    lane,
    order,
    order_cause,
    outbox,
    part,
    step,
    task,
)
from engate.text import Text

LOOKED_AT = 500
"""Old orders that one transaction looks at."""
ERASED_AT_ONCE = 20
"""Orders that one transaction erases: meanwhile nobody else writes on SQLite, and one line of the audit trail names them all."""
DONE = (*OVER, "invoiced", "shipped")
"""States in which nothing more is sent to the ERP. Some ERPs never tell that an order was delivered."""
QUIET = 90 * 86400.0
"""Seconds without change after which an invoiced or shipped order counts as over. Unhandled events of an ended order that are older are
ignored: an inactive integration reads none."""
MAILS = "outbox/mail/buyers"
"""The lane that sends letters to buyers."""


CLOSED = Text("Pendência encerrada.", "Task closed.")


def is_over(c: sa.Connection, row: Any, quiet: float) -> bool:
    """Whether nothing more is to be done for this order (its row). `quiet`: the instant `QUIET` seconds ago."""
    if row.state not in OVER and (row.state not in DONE or row.changed_at > quiet):
        return False
    todo = sa.select(task.c.id).where(task.c.order_id == row.id, task.c.closed_at.is_(None))
    mine = (inbox.c.integration_id == row.integration_id) & (inbox.c.order_key == row.key)
    told = sa.select(inbox.c.id).where(mine, inbox.c.handled_at.is_(None), inbox.c.received_at > quiet)
    return c.execute(todo).first() is None and c.execute(told).first() is None


# ---- which are old enough ----


class Old(NamedTuple):
    """Ids of old orders that may be over; `after`: where the next look starts, None at the end."""

    ids: list[int]
    after: tuple[float, int] | None


FIRST = (float("-inf"), 0)


def old_ones(c: sa.Connection, before: float, after: tuple[float, int] = FIRST) -> Old:
    """The next orders placed before `before` that still have their buyer, oldest first."""
    old = order.c.erased_at.is_(None) & (order.c.placed_at < before)
    if after != FIRST:
        old &= sa.tuple_(order.c.placed_at, order.c.id) > sa.tuple_(*map(sa.literal, after))
    rows = c.execute(
        sa.select(order.c.id, order.c.placed_at, order.c.state).where(old).order_by(order.c.placed_at, order.c.id).limit(LOOKED_AT)
    ).all()
    last = (rows[-1].placed_at, rows[-1].id) if len(rows) == LOOKED_AT else None
    return Old([row.id for row in rows if row.state in DONE], last)


# ---- erasing ----


def erase(c: sa.Connection, ids: Sequence[int], now: float) -> list[tuple[int, str]]:
    """Takes the buyer out of those of these orders that are over and whose lane is not in hand: a running slice could write the buyer.
    Returns (integration id, key) of each erased order."""
    mine = order.c.id.in_(_at_rest(c, ids)) & order.c.erased_at.is_(None)
    rows = c.execute(sa.select(order).where(mine).order_by(order.c.id).with_for_update()).all()
    over = [row for row in rows if is_over(c, row, now - QUIET)]
    docs: dict[int, list[Order]] = {}
    for row in over:
        doc = readable(row.doc, Order) or _unreadable(row)
        docs.setdefault(row.integration_id, []).append(doc)
        _of_order(c, row, doc)
        c.execute(sa.update(order).where(order.c.id == row.id).values(doc=pack(personal.erased(doc)), erased_at=now))
    for integration_id, known in docs.items():
        _of_integration(c, integration_id, personal.traces_of(known))
    return [(row.integration_id, row.key) for row in over]


def _at_rest(c: sa.Connection, ids: Sequence[int]) -> list[int]:
    """Those of these orders whose lane is not in hand. It stays so until this transaction ends."""
    by_lane: dict[int, dict[str, int]] = {}
    for row in c.execute(sa.select(order.c.id, order.c.integration_id, order.c.key).where(order.c.id.in_(ids))):
        by_lane.setdefault(row.integration_id, {})[f"order/{row.key}"] = row.id
    found: list[int] = []
    for integration_id, mine in by_lane.items():
        busy = lanes.in_work(c, integration_id, mine)
        found += [id for name, id in mine.items() if name not in busy]
    return found


def _unreadable(row: Any) -> Order:
    """An order made from its row, where its document cannot be read."""
    at, zero = datetime.fromtimestamp(row.placed_at, UTC), Decimal(0)
    return Order(row.key, row.shop_state, row.raw_state, at, Buyer("", ""), Address(), (), (), row.total, zero, zero, zero, row.total)


def _of_order(c: sa.Connection, row: Any, doc: Order) -> None:
    """Erases the buyer from the order's other rows. Notes of tasks are removed whole: people may name buyers in any way."""
    words = personal.traces_in(doc)
    keys = {row.key, doc.number.removeprefix("#")}
    for each in c.execute(sa.select(part).where(part.c.order_id == row.id)).all():
        erp, change = readable(each.erp_doc, ErpOrder), readable(each.change, OrderChange)
        keys |= {each.reference, each.erp_key or ""}
        values = {
            "erp_doc": pack(personal.erased_erp(erp)) if erp is not None else None,
            "change": pack(msgspec.structs.replace(change, reason=words.hidden(change.reason))) if change is not None else None,
            "change_refused": personal.erased_text(each.change_refused, words) if each.change_refused else None,
        }
        c.execute(sa.update(part).where(part.c.id == each.id).values(**values))
    for each in c.execute(sa.select(document).where(document.c.order_id == row.id)).all():
        note = readable(each.doc, Invoice)
        if note is not None:
            keys |= {note.key, note.number}
            c.execute(sa.update(document).where(document.c.id == each.id).values(doc=pack(msgspec.structs.replace(note, xml=""))))
    _of_causes(c, row.id, personal.traces_of([doc]))
    closed = (step.c.order_id == row.id) & (step.c.name == "task_closed")
    c.execute(sa.update(step).where(closed).values(text=msgspec.to_builtins(CLOSED)))
    _texts(c, step, (step.c.order_id == row.id) & ~closed, lambda said: personal.erased_text(said, words))
    _texts(c, task, task.c.order_id == row.id, lambda said: personal.erased_text(said, words))
    c.execute(sa.update(task).where(task.c.order_id == row.id, task.c.note.is_not(None)).values(note=personal.GONE))
    found = (key_index.c.integration_id == row.integration_id) & (key_index.c.kind == "order") & (key_index.c.target == row.key)
    c.execute(sa.delete(key_index).where(found, key_index.c.key.not_in(keys)))
    c.execute(sa.update(lane).where(lane.c.integration_id == row.integration_id, lane.c.name == f"order/{row.key}").values(trouble=None))
    letters = [f"{what}/{row.key}" for what in ("shipped", "delivered")]
    letter = (
        (outbox.c.integration_id == row.integration_id)
        & (outbox.c.kind == "mail")
        & (outbox.c.target == "buyers")
        & outbox.c.key.in_(letters)
    )
    c.execute(sa.delete(outbox).where(letter))  # its error may hold the address, and a letter not sent yet must not be sent
    c.execute(sa.update(inbox).where(inbox.c.integration_id == row.integration_id, inbox.c.order_key == row.key).values(doc=None))
    calls.erase(c, row.tenant_id, row.integration_id, row.key)


def _of_causes(c: sa.Connection, order_id: int, words: Words) -> None:
    """Erases the buyer from the causes that the order or its letters ever waited for. Other records may share them: only traces go."""
    mine = sa.select(order_cause.c.cause_id).where(order_cause.c.order_id == order_id)
    _texts(c, cause, cause.c.id.in_(mine), lambda said: _without(said, words))


def _of_integration(c: sa.Connection, integration_id: int, words: Words) -> None:
    """Erases these buyers from the trouble of lanes that work on several orders, which is in a platform's words."""
    shared = (lane.c.integration_id == integration_id) & lane.c.name.in_([*GOES_ON, MAILS])
    for each in c.execute(sa.select(lane.c.id, lane.c.trouble).where(shared, lane.c.trouble.is_not(None))).all():
        said = {name: _without(each.trouble[name], words) for name in ("text", "hint") if name in each.trouble}
        c.execute(sa.update(lane).where(lane.c.id == each.id).values(trouble=each.trouble | said))


def _without(said: dict[str, str], words: Words) -> dict[str, str]:
    return {language: words.hidden(text) for language, text in said.items()}


def _texts(c: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool], change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Changes the texts (pt, en) of these rows."""
    columns = [table.c[name] for name in ("text", "hint") if name in table.c]
    for row in c.execute(sa.select(table.c.id, *columns).where(which)).all():
        values = {column.name: change(getattr(row, column.name)) for column in columns}
        if any(values[column.name] != getattr(row, column.name) for column in columns):
            c.execute(sa.update(table).where(table.c.id == row.id).values(**values))


def empty(c: sa.Connection, delivery_ids: Iterable[int]) -> int:
    """Empties the bodies of these deliveries. Their rows stay, so that a repeat is not taken for a new one. Returns how many."""
    gone = {"body": deliveries.packed(b""), "size": 0}
    return c.execute(sa.update(delivery).where(delivery.c.id.in_(list(delivery_ids)), delivery.c.size > 0).values(**gone)).rowcount


# ---- the files ----

UNCLEAN = "unclean"


def soil(c: sa.Connection, now: float) -> None:
    """Notes that the database's files still hold erased data."""
    s = insert(c, installation).values(name=UNCLEAN, value=str(now).encode())
    c.execute(s.on_conflict_do_update(index_elements=["name"], set_={"value": s.excluded.value}))


def unclean(c: sa.Connection) -> bytes | None:
    """Since when files hold erased data; None: they hold none."""
    return c.execute(sa.select(installation.c.value).where(installation.c.name == UNCLEAN)).scalar()


def cleaned(c: sa.Connection, since: bytes) -> None:
    """The files were cleaned after `since`. A newer note stays: data erased meanwhile may still be there."""
    c.execute(sa.delete(installation).where(installation.c.name == UNCLEAN, installation.c.value == since))
