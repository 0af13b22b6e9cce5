"""One search over all integrations of a tenant: what a key stands for, where that is, and what is missing, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.model.kinds import titled
from engate.store import config
from engate.store.tables import integration, key_index
from engate.text import Text, squeezed
from engate.views import explain, orders, records
from engate.views.explain import Verdict
from engate.views.paging import Window, begins

MOST = 12
"""Most things in one answer."""
LOOKED_AT = 20 * MOST
EXPLAINED = 5
"""Most exact hits that are explained: each takes a dozen statements."""
SHORTEST = 3
"""Fewest characters to search for as the beginning of a key: half of all keys begin with the same one."""
OTHERS = ("category", "brand", "warehouse")


class Hit(msgspec.Struct):
    """`what`: order | sku | category | brand | warehouse. `text`: what it is, where it is and what is missing. `attention`: a person must
    act. `exact`: one of its keys is the text; else one begins with it, and of a SKU only its name is told (`state` null)."""

    what: str
    key: str
    name: str
    integration: int
    integration_name: str
    state: str | None
    attention: bool
    exact: bool
    text: Text
    hint: Text
    state_title: Text | None = None

    def __post_init__(self) -> None:
        if self.state is not None:
            self.state_title = titles.state(titles.ORDER_STATES if self.what == "order" else titles.RECORD_STATES, self.state)


class Hits(msgspec.Struct):
    """`text`: what was looked for. `more`: more keys begin with it; a longer beginning finds them."""

    text: Text
    items: list[Hit]
    more: bool


class _Place(NamedTuple):
    """An integration; an archived one has only its open orders."""

    id: int
    tenant_id: int
    name: str
    archived: bool


class _Meant(NamedTuple):
    what: str
    key: str
    at: _Place
    exact: bool


def search(c: sa.Connection, tenant_id: int, asked: str) -> Hits:
    """`asked`: as a person types it; a "#" before a number and blanks around it are ignored."""
    q = asked.strip().removeprefix("#")
    places = _places(c, tenant_id) if q else []
    first: dict[tuple[str, str, int], _Meant] = {}
    for each in _meant(c, places, q):
        first.setdefault((each.what, each.key, each.at.id), each)
    meant = list(first.values())
    exact = [each for each in meant if each.exact]
    explained = exact[:EXPLAINED] if exact else meant if len(meant) == 1 else []
    hits = [_explained(c, each) if each in explained else _named(c, each) for each in meant[:MOST]]
    return Hits(_looked_for(q, bool(meant)), hits, len(meant) > MOST)


def _places(c: sa.Connection, tenant_id: int) -> list[_Place]:
    """The tenant's integrations; archived ones come last."""
    rows = c.execute(sa.select(integration.c.id, integration.c.name, integration.c.deleted_at).where(integration.c.tenant_id == tenant_id))
    found = [_Place(row.id, tenant_id, row.name, row.deleted_at is not None) for row in rows]
    return sorted(found, key=lambda each: (each.archived, each.id))


def _meant(c: sa.Connection, places: list[_Place], q: str) -> Iterator[_Meant]:
    """Yields each thing as often as it is found; the first find is the best match."""
    live = [at for at in places if not at.archived]
    for at in places:
        yield from (_Meant("order", key, at, exact=True) for key in orders.keys_by(c, at.id, q))
    for at in live:
        yield from (_Meant("sku", key, at, exact=True) for key in records.skus_by(c, at.id, q))
    for at in live:
        yield from (_Meant(kind, q, at, exact=True) for kind in OTHERS if records.detail(c, at.id, kind, q) is not None)
    if len(squeezed(q)) < SHORTEST:
        return
    for at in places:
        yield from (_Meant("order", key, at, exact=False) for key in _beginning(c, at.id, q))
    for at in live:
        rows = records.listing(c, at.id, Window(MOST + 1), records.Filters(kind="sku", q=q))
        yield from (_Meant("sku", row.key, at, exact=False) for row in rows.items)


def _beginning(c: sa.Connection, integration_id: int, q: str) -> list[str]:
    """Orders that have a key with this beginning: the shop's, its number there, the ERP's, a note's, the buyer's document or name. More
    rows are read than shown, because an order may have several such keys."""
    mine = (key_index.c.integration_id == integration_id) & (key_index.c.kind == "order")
    found: dict[str, None] = {}
    for start in dict.fromkeys((q, squeezed(q))):
        if start:
            rows = sa.select(key_index.c.target).where(mine, begins(key_index.c.key, start)).order_by(key_index.c.key).limit(LOOKED_AT)
            found |= dict.fromkeys(c.execute(rows).scalars())
    return list(found)


def _explained(c: sa.Connection, meant: _Meant) -> Hit:
    snapshot = config.snapshot(c, meant.at.id)
    assert snapshot is not None
    if meant.what == "order":
        order = explain.order(c, snapshot, meant.key)
        return _said(meant, order.order.number if order.order is not None else "", order.state, order.verdict)
    if meant.what == "sku":
        sku = explain.sku(c, snapshot, meant.key)
        return _said(meant, sku.name, sku.state, sku.verdict)
    link = explain.link(c, snapshot, meant.what, meant.key)
    return _said(meant, link.name, link.state, link.verdict)


def _named(c: sa.Connection, meant: _Meant) -> Hit:
    """A hit without an explanation of its chain."""
    what, key, at, _ = meant
    if what == "order":
        line = orders.line(c, at.tenant_id, at.id, key)
        text, hint = (line.cause.text, line.cause.hint) if line.cause else (titles.state(titles.ORDER_WAITS, line.state), explain.NOTHING)
        return _said(meant, line.number, line.state, Verdict("", "person" if line.attention else None, text, hint))
    own = records.detail(c, at.id, what, key)
    return _said(meant, own.name if own is not None else "", None, Verdict("", None, NAMED, WHOLE_KEY))


NAMED = Text("ainda não verificado.", "not looked at yet.")
WHOLE_KEY = Text("Procure pelo código inteiro para ver onde está.", "Look for the whole key to see where it stands.")


def _said(meant: _Meant, name: str, state: str | None, verdict: Verdict) -> Hit:
    called = titled(meant.what, f"{meant.key} ({name})" if name and name != meant.key else meant.key)
    text = Text(f"{called.pt}, {meant.at.name}: {verdict.text.pt}", f"{called.en}, {meant.at.name}: {verdict.text.en}")
    attention = verdict.owner == "person"
    return Hit(meant.what, meant.key, name, meant.at.id, meant.at.name, state, attention, meant.exact, text, verdict.hint)


def _looked_for(q: str, any_found: bool) -> Text:
    """Says as which keys the text was looked for."""
    as_what = Text(
        "número do pedido (na loja ou no ERP), nota fiscal, CPF, CNPJ, nome ou e-mail do comprador, código do ERP, EAN e código da loja",
        "order number (the shop's or the ERP's), invoice, the buyer's CPF, CNPJ, name or e-mail, the ERP's code, EAN and the shop's id",
    )
    if not q:
        return Text(f"Diga o que procurar: {as_what.pt}.", f"Say what to look for: {as_what.en}.")
    if any_found:
        return Text(f"Procurado '{q}' como {as_what.pt}.", f"Looked for '{q}' as {as_what.en}.")
    return Text(f"Nada encontrado: procurado '{q}' como {as_what.pt}.", f"Nothing found: looked for '{q}' as {as_what.en}.")
