"""Buyers' data in what is stored: whose it is is found by reading it, and it is taken out of all places where it may stand.

Only orders that are over are touched: engate needs the buyer until then. What is left of one is what was sold, for how much and when.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate import personal
from engate.model import Address, Buyer, ErpOrder, Invoice, Order, OrderChange
from engate.personal import Words
from engate.store import deliveries
from engate.store.archive import OVER
from engate.store.blobs import pack, readable
from engate.store.tables import cause, delivery, document, inbox, key_index, lane, order, outbox, part, step, task
from engate.text import Text, squeezed

AT_ONCE = 500
"""Rows that are looked at in one transaction."""
ERASED_AT_ONCE = 50
"""Orders that are erased in one."""
DONE = (*OVER, "invoiced", "shipped")
"""Nothing of such an order is sent to the ERP any more; some ERPs never tell that one arrived."""
QUIET = 90 * 86400.0
"""Seconds after which one that is invoiced or shipped counts as over, if nothing happened to it; and after which what the shop told of one
that is over is waited for no more: of an inactive integration nobody reads it."""


CLOSED = Text("Pendência encerrada.", "Task closed.")


class Whom(NamedTuple):
    """A buyer, as an admin names one: by document, by e-mail address, or both. What either of them is on is theirs."""

    tenant_id: int
    document: str = ""
    email: str = ""

    def bought(self, doc: Order) -> bool:
        buyer = doc.buyer
        by_document = bool(self.document) and squeezed(buyer.document) == self.document
        return by_document or (bool(self.email) and buyer.email.casefold() == self.email)

    @property
    def in_bodies(self) -> re.Pattern[bytes]:
        """As platforms write them: with points or without, with an escaped @."""
        said: list[str] = []
        if self.document:
            said.append(r"[.\-/ ]?".join(re.escape(letter) for letter in self.document))
        if self.email:
            said.append(r"(?:@|%40|\\u0040)".join(re.escape(half) for half in self.email.split("@")))
        return re.compile("|".join(said).encode(), re.IGNORECASE)


class Held(NamedTuple):
    """An order of a buyer. `over`: nothing more is to be done for it."""

    id: int
    integration_id: int
    key: str
    over: bool


class Some(NamedTuple):
    """What a look at some rows has found; `after`: where the next one begins, None at the end."""

    found: list[Any]
    after: int | None


def orders_of(c: sa.Connection, whom: Whom, after: int, now: float) -> Some:
    """The buyer's orders (`Held`) among the next ones. Those that were erased are nobody's."""
    mine = (order.c.tenant_id == whom.tenant_id) & (order.c.id > after) & order.c.erased_at.is_(None)
    rows = c.execute(sa.select(order).where(mine).order_by(order.c.id).limit(AT_ONCE)).all()
    bought = [row for row in rows if (doc := readable(row.doc, Order)) is not None and whom.bought(doc)]
    return Some([Held(row.id, row.integration_id, row.key, _is_over(c, row, now - QUIET)) for row in bought], _last(rows))


def untaken_of(c: sa.Connection, whom: Whom, after: int) -> Some:
    """The same of orders that the shop told of and nobody has worked on yet: (integration, key)."""
    mine = (inbox.c.tenant_id == whom.tenant_id) & (inbox.c.id > after) & inbox.c.doc.is_not(None)
    rows = c.execute(sa.select(inbox).where(mine).order_by(inbox.c.id).limit(AT_ONCE)).all()
    told = [row for row in rows if (doc := readable(row.doc, Order)) is not None and whom.bought(doc)]
    return Some([(row.integration_id, row.order_key) for row in told], _last(rows))


class About(NamedTuple):
    """The keys of a buyer's orders: those that are meant, and those that are not."""

    these: frozenset[str]
    others: frozenset[str] = frozenset()


def deliveries_of(c: sa.Connection, whom: Whom, about: About, after: int) -> Some:
    """Kept deliveries (their rows) that are about one of these orders, or name the buyer and are about none of the others."""
    mine = (delivery.c.tenant_id == whom.tenant_id) & (delivery.c.id > after) & (delivery.c.size > 0)
    rows = c.execute(sa.select(delivery).where(mine).order_by(delivery.c.id).limit(AT_ONCE)).all()
    names = whom.in_bodies
    left = [row for row in rows if about.others.isdisjoint(row.about.get("orders", ()))]
    found = [row for row in left if about.these.intersection(row.about.get("orders", ())) or names.search(deliveries.body(row))]
    return Some(found, _last(rows))


def _last(rows: Sequence[Any]) -> int | None:
    return rows[-1].id if len(rows) == AT_ONCE else None


def _is_over(c: sa.Connection, row: Any, quiet: float) -> bool:
    if row.state not in OVER and (row.state not in DONE or row.changed_at > quiet):
        return False
    todo = sa.select(task.c.id).where(task.c.order_id == row.id, task.c.closed_at.is_(None))
    mine = (inbox.c.integration_id == row.integration_id) & (inbox.c.order_key == row.key)
    told = sa.select(inbox.c.id).where(mine, inbox.c.handled_at.is_(None), inbox.c.received_at > quiet)
    return c.execute(todo).first() is None and c.execute(told).first() is None


# ---- taken out ----


def erase(c: sa.Connection, ids: Sequence[int], now: float) -> list[tuple[int, str]]:
    """Takes the buyer out of these orders, as far as they are (still) over. Returns the integration and key of each that was erased."""
    rows = c.execute(sa.select(order).where(order.c.id.in_(ids), order.c.erased_at.is_(None)).with_for_update()).all()
    over = [row for row in rows if _is_over(c, row, now - QUIET)]
    _erase(c, over, now)
    return [(row.integration_id, row.key) for row in over]


def erase_old(c: sa.Connection, before: float, now: float) -> int:
    """The same of some of the orders that were placed before then. Returns how many; 0: none is left."""
    todo = sa.select(task.c.id).where(task.c.order_id == order.c.id, task.c.closed_at.is_(None)).exists()
    mine = (inbox.c.integration_id == order.c.integration_id) & (inbox.c.order_key == order.c.key)
    told = sa.select(inbox.c.id).where(mine, inbox.c.handled_at.is_(None), inbox.c.received_at > now - QUIET).exists()
    quiet = order.c.state.in_(OVER) | (order.c.changed_at <= now - QUIET)  # as in `_is_over`
    old = order.c.erased_at.is_(None) & (order.c.placed_at < before) & order.c.state.in_(DONE) & quiet
    rows = c.execute(sa.select(order).where(old, ~todo, ~told).order_by(order.c.placed_at).limit(ERASED_AT_ONCE).with_for_update()).all()
    _erase(c, rows, now)
    return len(rows)


def _erase(c: sa.Connection, rows: Sequence[Any], now: float) -> None:
    docs: dict[int, list[Order]] = {}
    for row in rows:
        doc = readable(row.doc, Order) or _unreadable(row)
        docs.setdefault(row.integration_id, []).append(doc)
        _of_order(c, row, doc)
        c.execute(sa.update(order).where(order.c.id == row.id).values(doc=pack(personal.erased(doc)), erased_at=now))
    for integration_id, known in docs.items():
        _of_integration(c, integration_id, personal.traces_of(known))


def _unreadable(row: Any) -> Order:
    """What its own row says of an order whose document cannot be read."""
    at, zero = datetime.fromtimestamp(row.placed_at, UTC), Decimal(0)
    return Order(row.key, row.shop_state, row.raw_state, at, Buyer("", ""), Address(), (), (), row.total, zero, zero, zero, row.total)


def _of_order(c: sa.Connection, row: Any, doc: Order) -> None:
    """Whatever hangs on it. What a person noted of a task goes whole: nobody knows how they call people."""
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
    closed = (step.c.order_id == row.id) & (step.c.name == "task_closed")
    c.execute(sa.update(step).where(closed).values(text=msgspec.to_builtins(CLOSED)))
    _texts(c, step, (step.c.order_id == row.id) & ~closed, lambda said: personal.erased_text(said, words))
    _texts(c, task, task.c.order_id == row.id, lambda said: personal.erased_text(said, words))
    c.execute(sa.update(task).where(task.c.order_id == row.id, task.c.note.is_not(None)).values(note=personal.GONE))
    found = (key_index.c.integration_id == row.integration_id) & (key_index.c.kind == "order") & (key_index.c.target == row.key)
    c.execute(sa.delete(key_index).where(found, key_index.c.key.not_in(keys)))
    c.execute(sa.update(lane).where(lane.c.integration_id == row.integration_id, lane.c.name == f"order/{row.key}").values(trouble=None))
    letters = [f"{what}/{row.key}" for what in ("shipped", "delivered")]
    letter = (outbox.c.integration_id == row.integration_id) & (outbox.c.kind == "mail") & outbox.c.key.in_(letters)
    c.execute(sa.delete(outbox).where(letter))  # its error may hold the address; one that has not gone must not go any more
    c.execute(sa.update(inbox).where(inbox.c.integration_id == row.integration_id, inbox.c.order_key == row.key).values(doc=None))


def _of_integration(c: sa.Connection, integration_id: int, words: Words) -> None:
    """What was said of several things at once, in a platform's words."""
    _texts(c, cause, cause.c.integration_id == integration_id, lambda said: _without(said, words))
    met = sa.select(lane.c.id, lane.c.trouble).where(lane.c.integration_id == integration_id, lane.c.trouble.is_not(None))
    for each in c.execute(met).all():
        said = {name: _without(each.trouble[name], words) for name in ("text", "hint") if name in each.trouble}
        c.execute(sa.update(lane).where(lane.c.id == each.id).values(trouble=each.trouble | said))


def _without(said: dict[str, str], words: Words) -> dict[str, str]:
    """Other things wait for it too: what does not name the buyer stays."""
    return {language: words.hidden(text) for language, text in said.items()}


def _texts(c: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool], change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """The texts (pt, en) of these rows, changed."""
    columns = [table.c[name] for name in ("text", "hint") if name in table.c]
    for row in c.execute(sa.select(table.c.id, *columns).where(which)).all():
        values = {column.name: change(getattr(row, column.name)) for column in columns}
        if any(values[column.name] != getattr(row, column.name) for column in columns):
            c.execute(sa.update(table).where(table.c.id == row.id).values(**values))


def empty(c: sa.Connection, delivery_ids: Iterable[int]) -> int:
    """What these deliveries said is gone; that they came stays, so that none is taken for a new one. Returns how many they were."""
    gone = {"body": deliveries.packed(b""), "size": 0}
    return c.execute(sa.update(delivery).where(delivery.c.id.in_(list(delivery_ids)), delivery.c.size > 0).values(**gone)).rowcount
