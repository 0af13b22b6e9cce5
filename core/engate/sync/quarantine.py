"""Data that cannot be used affects only its own record: items that a plugin built wrongly, and stored documents that cannot be read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate.boundary import Broken, is_segment, stand_in
from engate.errors import PluginFault
from engate.logs import say_after
from engate.model import OrderEvent
from engate.model.kinds import Kind
from engate.store import desired, runs
from engate.store.blobs import readable
from engate.store.pushes import Claimed
from engate.store.runs import Reading
from engate.sync.work import SliceContext
from engate.text import Text


def stand_ins(c: sa.Connection, work: SliceContext, kind: Kind, broken: list[tuple[Broken, float]]) -> list[tuple[Any, float]]:
    """Documents for broken items that tell their key: the last sound document, with the problem as its cause."""
    keyed = {each.key: (each, asked_at) for each, asked_at in broken if each.key is not None}
    last = desired.docs_of(c, work.integration_id, kind.name, list(keyed)) if keyed else {}
    return [(stand_in(kind.struct, each, readable(last.get(key), kind.struct)), at) for key, (each, at) in keyed.items()]


def lost(c: sa.Connection, row: Reading, kind: str, broken: list[tuple[Broken, float]], now: float) -> None:
    """Broken items that do not tell their key: the run of `row` shows how many there are, and one of them."""
    nameless = [each for each, _ in broken if each.key is None]
    if not nameless:
        return
    example = nameless[0].problem
    error = PluginFault(
        Text(
            f"{len(nameless)} itens ficaram de fora, pois não dizem qual registro são. {example.text.pt}",
            f"{len(nameless)} items were left out, for they do not say which record they are. {example.text.en}",
        ),
        example.hint,
        code="plugin.item",
    )
    runs.failed(c, row.run_id, error, now)
    say_after(c, "items_left_out", integration=row.integration_id, kind=kind, count=len(nameless), example=example.text.en)


def sound(c: sa.Connection, work: SliceContext, kind: Kind, rows: list[Claimed]) -> list[Claimed]:
    """The rows without those whose stored document cannot be read; those wait until they are read from the ERP again."""
    spoilt = [row.id for row in rows if row.doc is None]
    if spoilt:
        desired.unreadable(c, work.records_of(kind.name), spoilt, work.now())
        say_after(c, "records_unreadable", integration=work.integration_id, kind=kind.name, count=len(spoilt))
    return [row for row in rows if row.doc is not None]


def events_of(broken: tuple[Broken, ...], now: float) -> list[OrderEvent]:
    """Events for broken ones that still tell their order: the order is read anew, whatever happened to it."""
    found: list[OrderEvent] = []
    for each in broken:
        key = getattr(each.item, "order", None)
        if isinstance(key, str) and len(key) <= 200 and key.isprintable() and is_segment(key):
            found.append(OrderEvent(each.key or f"broken/{key[:160]}/{now}", key, "unknown", ""))
    return found
