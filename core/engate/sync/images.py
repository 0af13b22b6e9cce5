"""For a shop that hides SKUs without an image (`Storefront.hides_without_image`): people are told which SKUs have none in the ERP."""

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
    """Images were read; decides the SKUs anew if one of them was waiting for its image."""
    skus = {doc.sku for doc in docs if isinstance(doc, Image)}
    if work.pair.needs_image and skus and families.any_waits(c, work.records_of(SKU.name), skus, NO_IMAGE.key):
        were_read(c, work)


def were_read(c: sa.Connection, work: SliceContext) -> None:
    """Decides anew what is said of every SKU. Nothing is sent for it."""
    if work.pair.needs_image:
        work.wake(c, (f"refresh/{SKU.name}", SKU.priority))
