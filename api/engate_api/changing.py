"""The one way in which a route changes something: the change and the line of the audit trail that says so, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from engate.store import audit
from engate.store.audit import Act
from engate_api.auth import Caller
from engate_api.installation import Installation

T = TypeVar("T")


async def changing(installation: Installation, caller: Caller, act: Act, work: Callable[[sa.Connection], T]) -> T:
    """A line that cannot be written fails the change; a change that is rolled back takes its line along."""
    now = installation.now()

    def go(c: sa.Connection) -> T:
        was = audit.before(c, caller.by, act)
        result = work(c)
        audit.keep(c, caller.by, act.done(result), was, now)
        return result

    return await installation.store.writing(go)
