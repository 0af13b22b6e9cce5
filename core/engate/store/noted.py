"""Numbers that the installation stores for its processes: when something was last done, how many rows there were."""

from __future__ import annotations

import sqlalchemy as sa

from engate.store.db import insert
from engate.store.tables import installation


def noted(c: sa.Connection, name: str) -> float | None:
    value = c.execute(sa.select(installation.c.value).where(installation.c.name == name)).scalar()
    return float(value) if value is not None else None


def note(c: sa.Connection, name: str, number: float) -> None:
    s = insert(c, installation).values(name=name, value=str(number).encode())
    c.execute(s.on_conflict_do_update(index_elements=["name"], set_={"value": s.excluded.value}))
