"""Which configuration of an integration is in force, so that nothing is decided by an older one."""

from __future__ import annotations

import sqlalchemy as sa

from engate.domain.snapshot import Stamp
from engate.store.tables import connection, integration

_ERP, _SHOP = connection.alias("erp"), connection.alias("shop")
_STAMP = (
    sa.select(integration.c.revision, _ERP.c.revision.label("erp"), _SHOP.c.revision.label("shop"))
    .select_from(integration.join(_ERP, _ERP.c.id == integration.c.erp_id).join(_SHOP, _SHOP.c.id == integration.c.storefront_id))
    .where(integration.c.id == sa.bindparam("of_id"))
)


def stamp(c: sa.Connection, integration_id: int) -> Stamp | None:
    """The current revisions. None: the integration is gone."""
    row = c.execute(_STAMP, {"of_id": integration_id}).first()
    return (row.revision, row.erp, row.shop) if row is not None else None
