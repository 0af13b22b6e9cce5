"""What an operation is about: one integration of one tenant, in one transaction, at one moment."""

from __future__ import annotations

from typing import NamedTuple, Self

import sqlalchemy as sa

from engate.store import config


class Scope(NamedTuple):
    """Made with `of` from what somebody asked for, it holds an integration of the tenant who asks, or there is none."""

    c: sa.Connection
    tenant_id: int
    integration_id: int
    now: float

    @classmethod
    def of(cls, c: sa.Connection, tenant_id: int, integration_id: int, now: float) -> Self:
        """Raises `NotFound` where it is another tenant's, archived, or there is none."""
        config.integration_row(c, tenant_id, integration_id)
        return cls(c, tenant_id, integration_id, now)
