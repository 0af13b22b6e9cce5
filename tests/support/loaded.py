"""A pair whose first load is over, to be copied: the load costs more than what most tests of orders are about.

The database is copied as a file and the sandboxes as objects, before they listen, so a copy goes on where the first one stopped.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store.tables import connection, lane
from engate.testing.sandbox import Sandbox


class Loaded(NamedTuple):
    """`at`: when the load was over."""

    database: bytes
    erp: Sandbox
    shop: Sandbox
    tenant_id: int
    integration_id: int
    flows: list[str]
    at: float

    def copied(self, url: str) -> tuple[Sandbox, Sandbox]:
        """The database is written to where `url` (of SQLite) points."""
        Path(url.removeprefix("sqlite:///")).write_bytes(self.database)
        return copy.deepcopy(self.erp), copy.deepcopy(self.shop)

    def moved(self, c: sa.Connection, boxes: tuple[Sandbox, Sandbox], own: dict[str, dict[str, object]]) -> None:
        """The sandboxes listen elsewhere, and what has been due for the age of the copy is as far away as it was. `own`: settings of the
        test, which stay."""
        for box in boxes:
            said = box.describe()
            there = sa.select(connection.c.id, connection.c.settings).where(connection.c.platform == said.platform)
            row = c.execute(there).one()
            fresh = {name: value for name, value in said.settings.items() if name not in own.get(said.platform, {})}
            c.execute(sa.update(connection).where(connection.c.id == row.id).values(settings={**row.settings, **fresh}))
        c.execute(sa.update(lane).where(lane.c.due_at.is_not(None)).values(due_at=lane.c.due_at + (time.time() - self.at)))


def kept(url: str, boxes: tuple[Sandbox, Sandbox], ids: tuple[int, int], flows: list[str]) -> Loaded:
    """Of a stage that has ended: nothing writes to its database any more."""
    return Loaded(Path(url.removeprefix("sqlite:///")).read_bytes(), *boxes, *ids, flows, time.time())


LOADED: dict[Any, Loaded] = {}
"""Of this process, by what they were made of."""
