"""Kinds that a shop fetches instead of being sent them (`Storefront.served`): the causes that their records wait for."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from engate.domain.effective import Effective
from engate.domain.reasons import Reason, own
from engate.model.kinds import CALLED, KINDS, Kind
from engate.store import causes, families
from engate.sync import pilot
from engate.sync.work import SliceContext
from engate.text import Text

TO_FETCH = own(
    "served.fetch", "shop",
    Text("Aguarda a loja buscar: o engate não envia este dado, ele o entrega quando a loja pede.",
         "Waits for the shop to fetch it: engate does not send this, it hands it out when the shop asks."),
    Text("Veja na conexão da loja quando foi o último contato.", "See in the shop's connection when its last contact was."),
    "storefront",
)  # fmt: skip


LINK_BY_HAND = "own:link.by_hand:"


def link_by_hand(kind: str) -> Reason:
    """The cause of pushed records whose parent the shop fetched: the shop does not tell the parent's key."""
    return own(
        "link.by_hand", kind,
        Text(f"Falta dizer que ID {CALLED[kind].pt} tem na loja: ela busca esse dado por conta própria e não diz o ID que lhe deu.",
             f"Which id the {CALLED[kind].en} has in the shop is not said: it fetches that by itself and does not tell the id it gave it."),
        Text("Na planilha de ligações da integração, preencha a coluna 'ID na loja' e envie-a de volta.",
             "In the integration's sheet of links fill in the column 'ID na loja' and send it back."),
    )  # fmt: skip


PARENTS = sorted({kind.parent_kind for kind in KINDS.values() if kind.parent_kind})
CAUSES = (TO_FETCH.key, *(link_by_hand(kind).key for kind in PARENTS))


def hangs_on_served(work: SliceContext, kind: Kind) -> bool:
    """Whether the kind is pushed and its parent kind is fetched."""
    return kind.parent_kind is not None and work.serves(KINDS[kind.parent_kind]) and not work.serves(kind)


def ask_for_links(c: sa.Connection, work: SliceContext, kind: Kind) -> None:
    """Records whose parent has no link wait for a person; those whose parent is linked by now go on."""
    work.must_be_current(c)
    assert kind.parent_kind is not None
    reason = link_by_hand(kind.parent_kind)
    cause_id = causes.ensure(c, work.tenant_id, work.integration_id, {reason}, work.now())[reason.key]
    only = pilot.allowed(c, work.snapshot, kind) if work.snapshot.pilot is not None else None
    families.wait_for_links(c, work.records_of(kind.name), cause_id, only)


def named(c: sa.Connection, work: SliceContext, kind: Kind, found: Sequence[Effective]) -> list[Effective]:
    """Adds to records that hang on a fetched SKU the numbers under which the shop fetched it, `refs["sku.id"]` and `refs["product.id"]`,
    the shop's key of the product where it is linked, `refs["product"]`, and how many SKUs the product has, `refs["product.of"]`."""
    if not hangs_on_served(work, kind) or kind.parent is None:
        return list(found)
    parent = kind.parent
    skus = families.named(c, work.integration_id, {parent(each.doc) for each in found})
    return [each._replace(refs=each.refs | _names(skus.get(parent(each.doc)))) for each in found]


def _names(sku: families.Named | None) -> dict[str, str]:
    if sku is None:
        return {}
    numbers = {"sku.id": str(sku.id), "product.id": str(sku.product_id), "product.of": str(sku.of)}
    return numbers | ({"product": sku.product} if sku.product else {})


def start_anew(c: sa.Connection, integration_id: int) -> None:
    """Ends these causes because the account, or the way it gets its data, may have changed: the lanes find anew what waits for what."""
    causes.release(c, integration_id, CAUSES)
