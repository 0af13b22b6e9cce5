"""Health: trouble of lanes that has not ended. A connection's health follows from the lanes that need it."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store import causes
from engate.store.tables import connection, lane

OK, DEGRADED, REFUSED = STATES = ("ok", "degraded", "reauth_required")
"""Values of a connection's health."""
NOBODY = 0
"""In `lane.trouble_of`: the lane failed, and no connection is to blame."""


class Trouble(NamedTuple):
    """Why a lane does not get through. `said`: {code, text, hint}; `cause`: the key of the cause that ends when it does."""

    connection_id: int | None
    said: dict[str, Any]
    cause: str | None = None


def met(c: sa.Connection, lane_id: int, trouble: Trouble) -> None:
    """The lane failed or hangs. Its connection shows the trouble of the last lane that met some."""
    id = trouble.connection_id or NOBODY
    c.execute(sa.update(lane).where(lane.c.id == lane_id).values(trouble_of=id, trouble={**trouble.said, "cause": trouble.cause}))
    # refused credentials are worse, and only a test ends that state
    shown = (connection.c.id == id) & (connection.c.health != REFUSED)
    c.execute(sa.update(connection).where(shown).values(health=DEGRADED, health_cause=trouble.said))


def refused(c: sa.Connection, connection_id: int, said: dict[str, Any]) -> None:
    """The credentials are no longer accepted: a person must renew them."""
    c.execute(sa.update(connection).where(connection.c.id == connection_id).values(health=REFUSED, health_cause=said))


def got_through(c: sa.Connection, integration_id: int, lane_id: int) -> None:
    """The lane did its work: its cause ends, and its connection is well again unless another lane has trouble."""
    row = c.execute(sa.select(lane.c.trouble_of, lane.c.trouble).where(lane.c.id == lane_id)).first()
    if row is None or row.trouble_of is None:
        return
    c.execute(sa.update(lane).where(lane.c.id == lane_id).values(trouble_of=None, trouble=None))
    if row.trouble["cause"]:
        causes.release(c, integration_id, [row.trouble["cause"]])
    # two lanes that get through at once would each see the other's trouble: the second one waits here, and sees that the first is through
    c.execute(sa.select(connection.c.id).where(connection.c.id == row.trouble_of).with_for_update(key_share=True))
    others = sa.select(lane.c.trouble).where(lane.c.trouble_of == row.trouble_of).order_by(lane.c.id).limit(1)
    other = c.execute(others).scalar()
    values: dict[str, Any] = {"health": OK, "health_cause": None}
    if other is not None:
        values = {"health_cause": {key: value for key, value in other.items() if key != "cause"}}
    c.execute(sa.update(connection).where(connection.c.id == row.trouble_of, connection.c.health == DEGRADED).values(**values))


def passed(c: sa.Connection, connection_id: int) -> None:
    """A test passed: forgets earlier trouble of the connection's lanes."""
    c.execute(sa.update(lane).where(lane.c.trouble_of == connection_id).values(trouble_of=None, trouble=None))


def gone(c: sa.Connection, integration_id: int) -> None:
    """The integration ends: ends the trouble of its lanes."""
    troubled = sa.select(lane.c.id).where(lane.c.integration_id == integration_id, lane.c.trouble_of.is_not(None))
    for id in c.execute(troubled).scalars().all():
        got_through(c, integration_id, id)
