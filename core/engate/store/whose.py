"""Finds what is stored of one buyer, by reading everything that may hold a buyer's data, some rows at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.model import Order
from engate.store import config, deliveries
from engate.store.blobs import readable
from engate.store.buyers import QUIET, is_over
from engate.store.tables import connection, delivery, inbox, integration, order
from engate.text import squeezed

AT_ONCE = 500
"""Rows read in one transaction."""
FOUND = 50
"""Finds after which a look ends early."""
ORDERS, TOLD, DELIVERIES = "orders", "told", "deliveries"


class Whom(NamedTuple):
    """A buyer, as an admin names one: by document, by e-mail address, or both. Data that holds either of them is theirs."""

    tenant_id: int
    document: str = ""
    email: str = ""

    def bought(self, doc: Order) -> bool:
        buyer = doc.buyer
        by_document = bool(self.document) and squeezed(buyer.document) == self.document
        return by_document or (bool(self.email) and buyer.email.casefold() == self.email)

    @property
    def in_bodies(self) -> re.Pattern[bytes]:
        """Matches them as platforms write them: with or without punctuation, with an escaped @. A longer address that ends in theirs does
        not match."""
        said: list[str] = []
        if self.document:
            number = r"[.\-/ ]?".join(re.escape(letter) for letter in self.document)
            said.append(rf"(?<!\d){number}(?!\d)")
        if self.email:
            address = r"(?:@|%40|\\u0040)".join(re.escape(half) for half in self.email.split("@"))
            said.append(rf"(?:(?<![\w.+\-])|(?<=%22)|(?<=\\[nrt])){address}(?![\w\-]|\.\w)")
        return re.compile("|".join(said).encode(), re.IGNORECASE)


class Spot(NamedTuple):
    """Where to look next: which rows, of which integration (deliveries: connection), after which id."""

    what: str
    of: int
    after: int = 0


class Some(NamedTuple):
    """The finds in some rows; `after`: the id of the last row read, None at the end."""

    found: list[Any]
    after: int | None


class Held(NamedTuple):
    """An order of a buyer. `over`: nothing more is to be done for it."""

    id: int
    integration_id: int
    key: str
    over: bool


class Kept(NamedTuple):
    """A delivery (its row) that is about a buyer's order, names the buyer, or is about an erased order.

    `names`: it names the buyer. `needed`: it is about an order that still has its buyer. `alone`: it holds an order that was not taken in
    and is stored nowhere else."""

    row: Any
    names: bool
    needed: bool
    alone: bool


def spots(c: sa.Connection, tenant_id: int) -> list[Spot]:
    """All places to look, in order: the orders that deliveries are about come before them. Includes archived integrations, whose orders go
    on."""
    ids = config.integrations_of(c, tenant_id)
    doors = c.execute(sa.select(connection.c.id).where(connection.c.tenant_id == tenant_id).order_by(connection.c.id)).scalars()
    return [*(Spot(what, id) for what in (ORDERS, TOLD) for id in ids), *(Spot(DELIVERIES, id) for id in doors)]


def look(c: sa.Connection, whom: Whom, at: Spot, now: float) -> Some:
    """Finds in the next rows of this place: `Held`, keys of orders that were only told, or `Kept`."""
    if at.what == ORDERS:
        return orders_of(c, whom, at, now)
    return told_of(c, whom, at) if at.what == TOLD else deliveries_of(c, whom, at)


def orders_of(c: sa.Connection, whom: Whom, at: Spot, now: float) -> Some:
    """The buyer's orders. Erased ones are not found."""
    next_ones = (order.c.integration_id == at.of) & (order.c.id > at.after)
    rows = c.execute(sa.select(order).where(next_ones).order_by(order.c.id).limit(AT_ONCE)).all()
    found: list[Held] = []
    for row in rows:
        if row.erased_at is None and (doc := readable(row.doc, Order)) is not None and whom.bought(doc):
            found.append(Held(row.id, row.integration_id, row.key, is_over(c, row, now - QUIET)))
            if len(found) == FOUND:
                return Some(found, row.id)
    return Some(found, _last(rows))


def told_of(c: sa.Connection, whom: Whom, at: Spot) -> Some:
    """Keys of the buyer's orders that the shop has told and that are not stored yet."""
    waiting = (inbox.c.integration_id == at.of) & inbox.c.handled_at.is_(None) & inbox.c.doc.is_not(None)
    stored = sa.select(order.c.id).where(order.c.integration_id == inbox.c.integration_id, order.c.key == inbox.c.order_key).exists()
    some = sa.select(inbox.c.id, inbox.c.order_key, inbox.c.doc).where(waiting, inbox.c.id > at.after, ~stored)
    rows = c.execute(some.order_by(inbox.c.id).limit(AT_ONCE)).all()
    told = [row.order_key for row in rows if (doc := readable(row.doc, Order)) is not None and whom.bought(doc)]
    return Some(list(dict.fromkeys(told)), _last(rows))


def deliveries_of(c: sa.Connection, whom: Whom, at: Spot) -> Some:
    """Deliveries of one account. Keys in them mean orders of that shop, not another shop's of the same number."""
    mine = (delivery.c.tenant_id == whom.tenant_id) & (delivery.c.connection_id == at.of) & (delivery.c.id > at.after)
    rows = c.execute(sa.select(delivery).where(mine).order_by(delivery.c.id).limit(AT_ONCE)).all()
    about = _about(c, whom, at.of, {key for row in rows for key in row.about.get("orders", ())})
    names, found = whom.in_bodies, list[Kept]()
    for row in rows:
        keys = set(row.about.get("orders", ()))
        kept = Kept(
            row,
            names=row.size > 0 and names.search(deliveries.body(row)) is not None,
            needed=not keys.isdisjoint(about.theirs),
            alone=deliveries.alone(row) and keys.isdisjoint(about.known),
        )
        if row.size and (kept.names or kept.needed or not keys.isdisjoint(about.erased)):
            found.append(kept)
            if len(found) == FOUND:
                return Some(found, row.id)
    return Some(found, _last(rows))


def _last(rows: Sequence[Any]) -> int | None:
    return rows[-1].id if len(rows) == AT_ONCE else None


class _About(NamedTuple):
    """Keys of a shop's orders: those stored, the buyer's, and those erased."""

    known: frozenset[str]
    theirs: frozenset[str]
    erased: frozenset[str]


def _about(c: sa.Connection, whom: Whom, connection_id: int, keys: Iterable[str]) -> _About:
    found = order.c.integration_id.in_(_integrations_at(c, whom.tenant_id, connection_id)) & order.c.key.in_(sorted(keys))
    rows = c.execute(sa.select(order.c.key, order.c.erased_at, order.c.doc).where(found)).all()
    theirs = [row.key for row in rows if (doc := readable(row.doc, Order)) is not None and whom.bought(doc)]
    return _About(frozenset(row.key for row in rows), frozenset(theirs), frozenset(row.key for row in rows if row.erased_at is not None))


def _integrations_at(c: sa.Connection, tenant_id: int, connection_id: int) -> Sequence[int]:
    """Integrations whose shop is behind this connection. An archived one may use another connection to the same shop."""
    shop = config.shop_of(config.connection_row(c, tenant_id, connection_id))
    by_shop = sa.select(integration.c.id.label("integration_id"), connection).join(
        connection, connection.c.id == integration.c.storefront_id
    )
    return [row.integration_id for row in c.execute(by_shop.where(integration.c.tenant_id == tenant_id)) if config.shop_of(row) == shop]
