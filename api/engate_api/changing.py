"""Every route changes data through this function. The change and its line of the audit trail are one transaction."""

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
    """If the line cannot be written, the change is rolled back too."""
    now = installation.now()

    def go(c: sa.Connection) -> T:
        was = audit.before(c, caller.by, act)
        result = work(c)
        audit.keep(c, caller.by, act.done(result), was, now)
        return result

    return await installation.store.writing(go)
