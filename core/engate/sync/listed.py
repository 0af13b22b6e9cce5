"""Products that the shop had before engate, where only their SKUs carry a reference of the ERP (`Storefront.products_by_sku`): the shop's
own list is read once, before the first product is pushed, and links are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from engate.boundary import Received
from engate.domain.reasons import own
from engate.model import Listing, Query
from engate.model.kinds import KINDS
from engate.plugins import closing
from engate.store import links, runs
from engate.store.pushes import Claimed
from engate.sync.settling import wake_children
from engate.sync.work import NextTurn, Outdated, SliceContext
from engate.text import Text

LISTING = "listing"
"""The kind under which the place of this reading is kept."""
DONE = "done"

APART = own(
    "link.product", "product",
    Text("A loja já tem SKUs deste produto, em um produto que não está ligado a ele.",
         "The shop has SKUs of this product already, in a product that is not linked to it."),
    Text("Na planilha de ligações dos produtos, preencha a coluna 'ID na loja'. Se já está ligado a outro, separe antes os SKUs na loja.",
         "Fill in the column 'ID na loja' of the products' sheet of links. If that has another one, part the SKUs in the shop first."),
)  # fmt: skip


async def before_products(work: SliceContext) -> NextTurn | None:
    """None: the shop's products are linked, and products may go. Else when to come back; the end of the SKUs' reading also wakes it."""
    if not _tells(work):
        return None
    place = await work.store.reading(lambda c: runs.place_of(c, work.integration_id, LISTING))
    if place is not None and place.watermark == DONE:
        return None
    if place is not None and await _skus_under_way(work):
        return NextTurn()
    at = At(place is not None, place.cursor if place is not None else None)
    async with closing(work.coupling.storefront.read_listing(Query(cursor=at.cursor))) as pages:
        async for page in pages:
            if not at.began and (page.items or page.broken) and await _skus_under_way(work):
                # an empty shop waits for nothing; this one needs the ERP's SKUs to recognise its products
                await work.store.durably(lambda c: runs.keep_place(c, work.integration_id, LISTING, cursor=None, watermark=None))
                return NextTurn()
            await work.store.writing(lambda c, page=page, at=at: _keep(c, work, page, at))
            at = At(began=True, cursor=page.cursor)
            if work.time_is_up() and page.cursor is not None:
                return NextTurn(due=work.now())
    await work.store.durably(lambda c: _done(c, work, at))
    return None


class At(NamedTuple):
    """Where this reading is: whether its place has been kept, and the cursor there."""

    began: bool
    cursor: str | None


def must_be_read(c: sa.Connection, work: SliceContext) -> None:
    """Raises Outdated unless the list has been read. A link may have been removed since: a new reading keeps its product from being made
    twice."""
    if _tells(work):
        place = runs.place_of(c, work.integration_id, LISTING)
        if place is None or place.watermark != DONE:
            raise Outdated


def _tells(work: SliceContext) -> bool:
    return work.coupling.products_by_sku and work.coupling.can("read_listing")


async def _skus_under_way(work: SliceContext) -> bool:
    return bool(await work.store.reading(lambda c: runs.under_way(c, work.integration_id, ["sku"])))


def _keep(c: sa.Connection, work: SliceContext, page: Received[Listing], at: At) -> None:
    _must_go_on(c, work, at)
    _link(c, work, [row for row in page.items if row.product and row.reference])
    runs.keep_place(c, work.integration_id, LISTING, cursor=page.cursor, watermark=None)


def _done(c: sa.Connection, work: SliceContext, at: At) -> None:
    _must_go_on(c, work, at)
    runs.keep_place(c, work.integration_id, LISTING, cursor=None, watermark=DONE)


def _must_go_on(c: sa.Connection, work: SliceContext, at: At) -> None:
    """Raises Outdated if the reading was restarted: a link was removed meanwhile, and its product may be on an earlier page."""
    work.must_have_lease(c)
    place = runs.place_of(c, work.integration_id, LISTING)
    if At(place is not None, place.cursor if place is not None else None) != at:
        raise Outdated


def _link(c: sa.Connection, work: SliceContext, rows: Sequence[Listing]) -> None:
    """Links one to one. Existing links stay; a product of the shop is linked to the first product of the ERP that is found in it."""
    parents = links.parents_of(c, work.integration_id, [row.reference for row in rows])
    known = [row for row in rows if row.reference in parents]
    skus = [(row.reference, row.sku) for row in known]
    products = [(parents[row.reference], row.product) for row in known]
    now = work.now()
    for kind, pairs in (("sku", skus), ("product", products)):
        free = links.free_pairs(c, work.integration_id, kind, pairs)
        links.linked(c, work.records_of(kind), free, now, origin="listed")
        if free:
            wake_children(c, work, KINDS[kind])


def apart(c: sa.Connection, work: SliceContext, rows: Sequence[Claimed]) -> set[str]:
    """Keys of products that would be made although the shop has their SKUs, in a product that is not linked to them."""
    if not work.coupling.products_by_sku:
        return set()
    return links.with_skus_there(c, work.integration_id, [row.key for row in rows if row.remote is None])
