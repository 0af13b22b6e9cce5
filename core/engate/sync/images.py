"""A shop that shows no SKU without an image (`Storefront.hides_without_image`): people hear of those of which the ERP has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from engate.domain.effective import NO_IMAGE
from engate.model import Image
from engate.model.kinds import KINDS
from engate.store import families
from engate.sync.work import SliceContext

SKU = KINDS["sku"]


def came(c: sa.Connection, work: SliceContext, docs: Sequence[Any]) -> None:
    """Some of these may be what a SKU lacked."""
    skus = {doc.sku for doc in docs if isinstance(doc, Image)}
    if work.pair.needs_image and skus and families.any_waits(c, work.records_of(SKU.name), skus, NO_IMAGE.key):
        were_read(c, work)


def were_read(c: sa.Connection, work: SliceContext) -> None:
    """What is said of every SKU is decided anew; nothing is sent for it."""
    if work.pair.needs_image:
        work.wake(c, (f"refresh/{SKU.name}", SKU.priority))
