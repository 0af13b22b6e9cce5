"""Keys that the ERP said have changed. They wait until a reading of only these keys has brought them. A key told again while it is read
waits again, because what was read may be older."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from engate.store.db import insert
from engate.store.tables import run, told_key

AT_ONCE = 500
"""Most keys of one run."""
ROWS = 500


def note(c: sa.Connection, integration_id: int, kind: str, keys: Iterable[str], now: float) -> None:
    rows = [{"integration_id": integration_id, "kind": kind, "key": key, "run_id": None, "at": now} for key in sorted(set(keys))]
    s = insert(c, told_key)
    again = s.on_conflict_do_update(index_elements=["integration_id", "kind", "key"], set_={"run_id": None, "at": now})
    for start in range(0, len(rows), ROWS):
        c.execute(again, rows[start : start + ROWS])


def waiting(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> dict[str, list[str]]:
    """Kind -> keys that no run is reading, the oldest first, at most as many as one run takes."""
    found: dict[str, list[str]] = {}
    for row in c.execute(_WAITING, {"of_integration": integration_id, "of_kinds": kinds}):
        found.setdefault(row.kind, []).append(row.key)
    return found


# built once: used for every reading
_READING = sa.select(run.c.id).where(run.c.integration_id == sa.bindparam("of_integration"), run.c.state == "reading")
_WAITING = (
    sa.select(told_key.c.kind, told_key.c.key)
    .where(
        told_key.c.integration_id == sa.bindparam("of_integration"),
        told_key.c.kind.in_(sa.bindparam("of_kinds", expanding=True)),
        told_key.c.run_id.is_(None) | told_key.c.run_id.not_in(_READING),
    )
    .order_by(told_key.c.at)
    .limit(AT_ONCE)
)
_OF_RUN = sa.delete(told_key).where(
    told_key.c.integration_id == sa.bindparam("of_integration"),
    told_key.c.kind == sa.bindparam("of_kind"),
    told_key.c.run_id == sa.bindparam("of_run"),
)


def taken(c: sa.Connection, integration_id: int, keys: dict[str, list[str]], run_id: int) -> None:
    for kind, these in keys.items():
        mine = (told_key.c.integration_id == integration_id) & (told_key.c.kind == kind) & told_key.c.key.in_(these)
        c.execute(sa.update(told_key).where(mine).values(run_id=run_id))


def been_read(c: sa.Connection, integration_id: int, kind: str, run_id: int, *, all_since: float | None) -> None:
    """Deletes the keys that the run has read. `all_since`: when a reading of everything began, which covers all keys told before."""
    c.execute(_OF_RUN, {"of_integration": integration_id, "of_kind": kind, "of_run": run_id})
    if all_since is not None:
        mine = (told_key.c.integration_id == integration_id) & (told_key.c.kind == kind)
        c.execute(sa.delete(told_key).where(mine, told_key.c.at <= all_since))
