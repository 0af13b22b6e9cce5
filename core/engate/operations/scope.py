"""The scope of an operation: one integration of one tenant, in one transaction, at one moment."""

from __future__ import annotations

from typing import NamedTuple, Self

import sqlalchemy as sa

from engate.store import config


class Scope(NamedTuple):
    """Make it with `of`: then the integration belongs to the tenant who asks."""

    c: sa.Connection
    tenant_id: int
    integration_id: int
    now: float

    @classmethod
    def of(cls, c: sa.Connection, tenant_id: int, integration_id: int, now: float) -> Self:
        """Raises `NotFound` where the integration is another tenant's, archived, or missing."""
        config.integration_row(c, tenant_id, integration_id)
        return cls(c, tenant_id, integration_id, now)
