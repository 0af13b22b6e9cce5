"""Why is it not on the site? A SKU's chain, from its category to its stock, to the first thing in the way. And where an order stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model import Category, Product
from engate.model.kinds import KINDS
from engate.store import config
from engate.store.tables import record
from engate.store.views import orders as order_views
from engate.store.views import records
from engate.store.views.causes import UNREADABLE, Cause, shown
from engate.store.views.orders import OrderView
from engate.store.views.paging import instant
from engate.store.views.records import Detail, RecordRef
from engate.store.views.summary import first_of
from engate.sync import pilot
from engate.sync.work import Snapshot
from engate.text import Text

MOST_LEVELS = 20


class Verdict(msgspec.Struct):
    """`code`: the cause's, or engate's own word for the state; `where`: the record it is about; `since`: since when."""

    code: str
    owner: str | None  # person | storefront | engate; null: nothing to do
    text: Text
    hint: Text
    where: RecordRef | None = None
    since: datetime | None = None


class Link(msgspec.Struct):
    """One place in the chain. `state` "missing": the ERP refers to it but never listed it."""

    kind: str
    key: str
    name: str
    state: str
    remote: str | None
    verdict: Verdict


class SkuExplained(msgspec.Struct):
    """`state`: settled, or where its chain stops: to_send | sent | waiting | missing. `also`: other SKUs that the same key means."""

    key: str
    name: str
    remote: str | None
    state: str
    cause: Cause | None
    verdict: Verdict
    chain: list[Link]
    product: Detail | None
    sku: Detail
    images: list[Detail]
    prices: list[Detail]
    stock: list[Detail]
    also: list[str]


class OrderExplained(msgspec.Struct):
    """`order` null: the storefront told of it, but it has not been read yet."""

    key: str
    state: str
    cause: Cause | None
    verdict: Verdict
    order: OrderView | None
    also: list[str]


NOTHING = Text("Nada a fazer.", "Nothing to do.")
FULL_READ = Text(
    "Peça uma carga completa; se continuar, confira o cadastro no ERP.", "Ask for a full load; if it stays, check the ERP's data."
)


# ---- SKUs ----


def sku(c: sa.Connection, snapshot: Snapshot, any_key: str) -> SkuExplained:
    """Raises NotFound where no key of this kind is known."""
    keys = records.skus_by(c, snapshot.id, any_key)
    own = records.detail(c, snapshot.id, "sku", keys[0]) if keys else None
    if own is None:
        raise config.NotFound(
            Text(f"O engate não conhece '{any_key}'.", f"engate does not know '{any_key}'."),
            Text(
                "O item está marcado para a web no ERP? Peça uma carga de produtos e tente de novo.",
                "Is the item flagged for the web in the ERP? Ask for a load of products and try again.",
            ),
        )
    product = records.detail(c, snapshot.id, "product", own.parent) if own.parent else None
    hanging = records.details(c, snapshot.id, record.c.kind.in_(("image", "price", "stock")), record.c.parent == own.key)
    images, prices, stock = ([each for each in hanging if each.kind == kind] for kind in ("image", "price", "stock"))
    chain = [_link(c, snapshot, each) for each in _chain(c, snapshot.id, product, own, prices, stock, images)]
    stop = _first(chain) or _nothing_to_sell(own, prices, stock)
    verdict = stop.verdict if stop else _held(own, [own, *([product] if product else []), *prices, *stock])
    cause = None
    if stop is not None:
        row = first_of(c, snapshot.id, _cause_id(c, snapshot.id, stop))
        cause = UNREADABLE if stop.verdict.code == UNREADABLE.code else shown(row) if row is not None else None
    return SkuExplained(
        own.key,
        own.name or (product.name if product else ""),
        own.remote,
        stop.state if stop else "settled",
        cause,
        verdict,
        chain,
        product,
        own,
        images,
        prices,
        stock,
        keys[1:],
    )


def _chain(
    c: sa.Connection, id: int, product: Detail | None, own: Detail, prices: list[Detail], stock: list[Detail], images: list[Detail]
) -> list[Detail | RecordRef]:
    """From the root of the category tree to the images; a reference alone stands for a record that is not there."""
    found: list[Detail | RecordRef] = []
    if product is not None:
        doc = records.document(c, id, "product", product.key)
        if isinstance(doc, Product):
            found += reversed(_categories(c, id, doc.category))
            if doc.brand:
                found.append(records.detail(c, id, "brand", doc.brand) or RecordRef("brand", doc.brand))
        found.append(product)
    elif own.parent:
        found.append(RecordRef("product", own.parent))
    return [*found, own, *prices, *stock, *images]


def _categories(c: sa.Connection, id: int, key: str | None) -> list[Detail | RecordRef]:
    """The category and what is above it."""
    found: list[Detail | RecordRef] = []
    while key and len(found) < MOST_LEVELS:
        here = records.detail(c, id, "category", key)
        found.append(here or RecordRef("category", key))
        doc = records.document(c, id, "category", key)
        key = doc.parent if isinstance(doc, Category) else None
    return found


def _link(c: sa.Connection, snapshot: Snapshot, at: Detail | RecordRef) -> Link:
    where = RecordRef(at.kind, at.key)
    if isinstance(at, RecordRef):
        text = Text(
            f"O ERP aponta para {at.kind} {at.key}, que nunca foi lida.", f"The ERP refers to {at.kind} {at.key}, which was never read."
        )
        return Link(at.kind, at.key, "", "missing", None, Verdict("missing", "person", text, FULL_READ, where))
    verdict = _said(at, where) or _stopped(c, snapshot, at, where) or _under_way(at, where)
    return Link(at.kind, at.key, at.name, at.state, at.remote, verdict)


def _said(at: Detail, where: RecordRef) -> Verdict | None:
    """Its own cause, or that all is well."""
    if at.cause is not None:
        return Verdict(at.cause.code, at.cause.owner, at.cause.text, at.cause.hint, where, at.cause.since)
    return _held(at, [at]) if at.state == "settled" else None


def _stopped(c: sa.Connection, snapshot: Snapshot, at: Detail, where: RecordRef) -> Verdict | None:
    """What people decided that keeps it from going."""
    kind = KINDS[at.kind]
    if not snapshot.active:
        return Verdict(
            "inactive",
            "person",
            Text("A integração está inativa: nada é enviado.", "The integration is inactive: nothing is sent."),
            Text("Ative a integração.", "Activate the integration."),
            where,
        )
    if kind.flow not in snapshot.enabled:
        return Verdict(
            "flow_disabled",
            "person",
            Text(f"A carga '{kind.flow}' está desligada.", f"The flow '{kind.flow}' is switched off."),
            Text("Ligue a carga na integração.", "Switch the flow on."),
            where,
        )
    if snapshot.pilot is not None and at.key not in pilot.allowed(c, snapshot, kind):
        return Verdict(
            "not_in_pilot",
            "person",
            Text("Fora do piloto: só os SKUs do piloto são enviados.", "Not in the pilot: only its SKUs are sent."),
            Text(
                "Ative de novo com everything: true, ou inclua o SKU no piloto.",
                "Activate again with everything: true, or put the SKU into the pilot.",
            ),
            where,
        )
    return None


def _under_way(at: Detail, where: RecordRef) -> Verdict:
    if at.waits_for is not None:
        up = at.waits_for
        text = Text(f"Espera {up.kind} {up.key} chegar à loja.", f"Waits for {up.kind} {up.key} to reach the shop.")
        return Verdict("waiting.parent", "engate", text, Text("Veja o elo anterior.", "See the link before it."), where)
    if at.state == "sent":
        text = Text("Enviado; a loja ainda não confirmou.", "Sent; the shop has not confirmed yet.")
        return Verdict(
            "sent", "engate", text, Text("O engate confere e reenvia sozinho.", "engate looks and resends by itself."), where, at.sent_at
        )
    if at.effective_at is not None:
        text = Text(f"Vale a partir de {at.effective_at:%d/%m/%Y %H:%M} UTC.", f"Holds from {at.effective_at:%Y-%m-%d %H:%M} UTC on.")
        return Verdict("dated", "engate", text, NOTHING, where)
    if at.retry_at is not None and at.tries:
        text = Text(
            f"Nova tentativa em breve ({at.tries} já feitas): {at.answer or ''}", f"Next try soon ({at.tries} made): {at.answer or ''}"
        )
        return Verdict("retrying", "engate", text, NOTHING, where)
    return Verdict("to_send", "engate", Text("Na fila para a loja.", "Queued for the shop."), NOTHING, where, at.read_at)


def _first(chain: list[Link]) -> Link | None:
    """Where the chain stops: the first link with a reason of its own, else the first that is not settled."""
    stops = [link for link in chain if link.state != "settled" or link.verdict.code == UNREADABLE.code]
    own = [link for link in stops if link.verdict.code not in ("waiting.link", "waiting.parent", "to_send", "sent")]
    return next(iter(own or stops), None)


def _nothing_to_sell(own: Detail, prices: list[Detail], stock: list[Detail]) -> Link | None:
    """All that was read is in the shop, yet a price or stock never came."""
    for kind, rows, text in (
        ("price", prices, Text("O ERP não informou preço deste SKU.", "The ERP gave no price for this SKU.")),
        ("stock", stock, Text("O ERP não informou estoque deste SKU.", "The ERP gave no stock for this SKU.")),
    ):
        if not rows:
            return Link(kind, own.key, "", "missing", None, Verdict(f"no_{kind}", "person", text, FULL_READ, RecordRef(kind, own.key)))
    return None


def _held(about: Detail, all_of: list[Detail]) -> Verdict:
    """Since when the shop holds it: since the last of these was accepted."""
    since = max((each.answered_at for each in all_of if each.answered_at is not None), default=None)
    day_pt, day_en = (f"{since:%d/%m/%Y %H:%M} UTC", f"{since:%Y-%m-%d %H:%M} UTC") if since else ("?", "?")
    text = Text(f"Na loja desde {day_pt}, como {about.remote or '?'}.", f"In the shop since {day_en}, as {about.remote or '?'}.")
    return Verdict("settled", None, text, NOTHING, RecordRef(about.kind, about.key), since)


def _cause_id(c: sa.Connection, id: int, at: Link) -> int | None:
    return c.execute(
        sa.select(record.c.cause_id).where(record.c.integration_id == id, record.c.kind == at.kind, record.c.key == at.key)
    ).scalar()


# ---- orders ----

WAITS: dict[str, Text] = {
    "received": Text("Recebido; a loja ainda não o liberou.", "Received; the shop has not released it."),
    "awaiting_payment": Text("Aguardando pagamento na loja.", "Waits for payment in the shop."),
    "held": Text("Em análise ou na janela de cancelamento da loja.", "In review, or in the shop's cancel window."),
    "ready": Text("Pronto: entra no ERP em seguida.", "Ready: enters the ERP next."),
    "importing": Text(
        "Enviado ao ERP, que ainda não confirmou; o engate confere antes de reenviar.",
        "Sent to the ERP, which has not confirmed; engate looks before it resends.",
    ),
    "erp_held": Text("No ERP, bloqueado (crédito, limite ou margem).", "In the ERP, held (credit, limit or margin)."),
    "in_erp": Text("No ERP, aguardando separação.", "In the ERP, waiting to be picked."),
    "picking": Text("Em separação no ERP.", "Being picked."),
    "invoiced": Text("Faturado.", "Invoiced."),
    "shipped": Text("Enviado ao cliente.", "Shipped."),
    "delivered": Text("Entregue.", "Delivered."),
    "cancel_requested": Text("Cancelamento pedido na loja.", "Cancellation requested in the shop."),
    "cancelled": Text("Cancelado.", "Cancelled."),
    "expired": Text("Expirado na loja sem pagamento.", "Expired in the shop, unpaid."),
    "ignored": Text(
        "Não entra no ERP por regra (teste ou anterior à entrada em produção).", "Kept out of the ERP by rule (test, or before go-live)."
    ),
}
OWNERS = {"erp_held": "person"}


def order(c: sa.Connection, snapshot: Snapshot, any_key: str) -> OrderExplained:
    """Raises NotFound where no key of this kind is known."""
    keys = order_views.keys_by(c, snapshot.id, any_key)
    if keys:
        found = order_views.one_order(c, snapshot.tenant_id, snapshot.id, keys[0])
        return OrderExplained(found.key, found.state, found.cause, _where(snapshot, found), found, keys[1:])
    told_at = order_views.told_at(c, snapshot.id, any_key)
    if told_at is None:
        raise config.NotFound(
            Text(f"O engate não conhece o pedido '{any_key}'.", f"engate does not know the order '{any_key}'."),
            Text(
                "Confira a chave. A loja avisou deste pedido? Veja o feed da conexão.",
                "Check the key. Did the shop tell of it? See the connection's feed.",
            ),
        )
    text = Text("A loja avisou deste pedido; ele ainda não foi lido.", "The shop told of this order; it has not been read yet.")
    hint = Text("Ative a integração.", "Activate the integration.") if not snapshot.active else NOTHING
    verdict = Verdict("told", "engate" if snapshot.active else "person", text, hint, None, instant(told_at))
    return OrderExplained(any_key, "received", None, verdict, None, [])


def _where(snapshot: Snapshot, found: OrderView) -> Verdict:
    if found.cause is not None:
        return Verdict(found.cause.code, found.cause.owner, found.cause.text, found.cause.hint, None, found.cause.since)
    if not snapshot.active and found.state not in ("delivered", "cancelled", "expired", "ignored"):
        text = Text("A integração está inativa: o pedido espera.", "The integration is inactive: the order waits.")
        return Verdict("inactive", "person", text, Text("Ative a integração.", "Activate the integration."), None, found.changed_at)
    text = WAITS.get(found.state, Text(f"Estado: {found.state}.", f"State: {found.state}."))
    last: Any = found.timeline[-1].at if found.timeline else found.changed_at
    erp_keys = ", ".join(part.erp_key for part in found.parts if part.erp_key)
    if erp_keys:
        text = Text(f"{text.pt} Número no ERP: {erp_keys}.", f"{text.en} In the ERP: {erp_keys}.")
    hint = Text("Libere o pedido no ERP.", "Release the order in the ERP.") if found.state == "erp_held" else NOTHING
    return Verdict(found.state, OWNERS.get(found.state), text, hint, None, last)
