"""The records that people link, with names to recognise them."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store.blobs import readable
from engate.store.tables import link, record


class Linkable(NamedTuple):
    """`name`: of a SKU, after its product's name. `remote`: "" if nothing is linked."""

    key: str
    name: str
    remote: str


def linkable(c: sa.Connection, integration_id: int, kind: str, after: str, limit: int) -> list[Linkable]:
    """Records in the order of their keys, after this one."""
    parent = record.alias()
    of_link = (link.c.integration_id == record.c.integration_id) & (link.c.kind == record.c.kind) & (link.c.key == record.c.key)
    of_parent = (
        (parent.c.integration_id == record.c.integration_id)
        & (parent.c.kind == (KINDS[kind].parent_kind or ""))
        & (parent.c.key == record.c.parent)
    )
    rows = c.execute(
        sa.select(record.c.key, record.c.doc, parent.c.doc.label("of"), link.c.remote)
        .select_from(record.outerjoin(link, of_link).outerjoin(parent, of_parent))
        .where(record.c.integration_id == integration_id, record.c.kind == kind, record.c.key > after)
        .order_by(record.c.key)
        .limit(limit)
    )
    return [Linkable(row.key, _name(kind, row.doc, row.of), row.remote or "") for row in rows]


def _name(kind: str, doc: bytes, of: bytes | None) -> str:
    own = getattr(readable(doc, KINDS[kind].struct), "name", "")
    above = KINDS[kind].parent_kind
    first = getattr(readable(of, KINDS[above].struct), "name", "") if above and of is not None else ""
    return f"{first} - {own}" if first else own
