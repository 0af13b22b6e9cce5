"""The audit trail as people read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.store.audit import ACTS
from engate.store.tables import audit
from engate.text import Text
from engate.views.paging import Rows, Window, each, instant, page


class Changed(msgspec.Struct):
    """One field, before and after; of a `secret` only that it was changed. An argument of the act has no `before`."""

    field: str
    before: Any
    after: Any
    secret: bool


class By(msgspec.Struct):
    """An API key, by the name it had then; `id` null: the installation key."""

    id: int | None
    name: str
    role: str


class Line(msgspec.Struct):
    """One thing that a person did. `what`: the act; `thing`, `name`: what it was done to, by the name it had then."""

    id: int
    at: datetime | None
    by: By
    what: str
    title: Text
    thing: str
    name: str
    integration: int | None
    changes: list[Changed]


class Filters(msgspec.Struct, frozen=True):
    """Filters; None: any. `what`: an act, or a kind of thing."""

    integration: int | None = None
    key: int | None = None
    since: float | None = None
    until: float | None = None
    what: str | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.integration is not None:
            found.append(audit.c.integration_id == self.integration)
        if self.key is not None:
            found.append(audit.c.key_id == self.key)
        if self.since is not None:
            found.append(audit.c.at >= self.since)
        if self.until is not None:
            found.append(audit.c.at < self.until)
        if self.what is not None:
            found.append(audit.c.what == self.what if self.what in ACTS else audit.c.what.startswith(f"{self.what}.", autoescape=True))
        return found


def trail(c: sa.Connection, tenant_id: int, window: Window, filters: Filters) -> Rows[Line]:
    """Newest first."""
    ids = sa.select(audit.c.id).where(audit.c.tenant_id == tenant_id, *filters.where())
    return each(page(c, ids, sa.select(audit), window, newest_first=True), _line)


def _line(row: Any) -> Line:
    by = By(row.key_id, row.key_name, row.role)
    changes = [Changed(**change) for change in row.changes]
    return Line(row.id, instant(row.at), by, row.what, ACTS[row.what], row.thing, row.name, row.integration_id, changes)
