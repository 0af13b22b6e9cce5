"""Why a SKU is not on the site: its chain, from category to stock, up to the first obstacle. And where an order stands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.domain import settlement
from engate.domain.flows import FLOWS
from engate.domain.snapshot import Snapshot
from engate.local import money, when
from engate.model import Category, Product, in_cents
from engate.model.kinds import CALLED, KINDS, titled, waits_for
from engate.store import archive, config, orders
from engate.store.tables import record
from engate.sync import pilot
from engate.text import NO_TEXT, Text
from engate.views import orders as order_views
from engate.views import records
from engate.views.causes import UNREADABLE, Cause, shown
from engate.views.orders import OrderView
from engate.views.paging import instant
from engate.views.records import Detail, RecordRef
from engate.views.selling import Sold, answer
from engate.views.summary import first_of

MOST_LEVELS = 20


class Verdict(msgspec.Struct):
    """`code`: of the cause, or engate's own word for the state; `title`: in words. `where`: the record it is about; `since`: since when."""

    code: str
    owner: str | None  # person | storefront | engate; null: nothing to do
    text: Text
    hint: Text
    where: RecordRef | None = None
    since: datetime | None = None
    title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.title = titles.verdict(self.code)


class Link(msgspec.Struct):
    """One place in the chain. `state` "missing": the ERP refers to it but never listed it. `title`: kind and key in words."""

    kind: str
    key: str
    name: str
    state: str
    remote: str | None
    verdict: Verdict
    title: Text = NO_TEXT
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.title, self.state_title = titled(self.kind, self.key), titles.state(titles.RECORD_STATES, self.state)


class SkuExplained(msgspec.Struct):
    """`state`: settled, or where its chain stops: to_send | sent | waiting | missing. `also`: other SKUs that the key stands for.
    `buyable`, `price`: what the shop last accepted; the verdict begins with it."""

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
    buyable: bool
    price: Decimal | None
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.RECORD_STATES, self.state)


class OrderExplained(msgspec.Struct):
    """`order` null: the storefront told it, but it has not been read yet. `integration`: its integration, which may be archived."""

    key: str
    integration: int
    state: str
    cause: Cause | None
    verdict: Verdict
    order: OrderView | None
    also: list[str]
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.ORDER_STATES, self.state)


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
    zone = config.zone_of(c, snapshot.tenant_id)
    chain = [_link(c, snapshot, zone, each) for each in _chain(c, snapshot.id, product, own, [*prices, *stock, *images])]
    stop = _first(chain) or _nothing_to_sell(own, prices, stock)
    sold = answer(zone, product, own, prices, stock)
    verdict = _whole(snapshot, own, sold, stop)
    for each in prices:
        verdict.text = _with(verdict.text, _rounded(each))
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
        sold.buyable,
        sold.price,
    )


def _rounded(price: Detail) -> Text:
    """Says that the ERP's price is sent rounded, if it has fractions of a cent; else an empty text."""
    base = Decimal(str(price.doc["base"])) if price.doc else Decimal(0)
    if base == in_cents(base):
        return NO_TEXT
    exact, cents = f"R$ {base.normalize():f}", money(in_cents(base))
    return Text(f"O ERP informa {exact.replace('.', ',')}, que vai à loja arredondado: {cents.pt}.",
                f"The ERP says {exact}, which goes to the shop rounded: {cents.en}.")  # fmt: skip


def _whole(snapshot: Snapshot, own: Detail, sold: Sold, stop: Link | None) -> Verdict:
    """The verdict on the SKU: first whether a buyer can buy it, then what blocks the ERP's data, then what is switched off."""
    said, where = [sold.text], RecordRef(own.kind, own.key)
    code, owner, hint, since = sold.code, None if sold.buyable else "person", sold.hint or NOTHING, sold.since
    off = switched_off(snapshot)
    if stop is not None:
        reason = stop.verdict
        if sold.buyable and reason.owner == "person" and reason.code not in (*SWITCHED, *GOES_WITHOUT):
            said.append(STILL)
        said.append(reason.text)
        code, owner, hint, where = reason.code, reason.owner, reason.hint, reason.where or where
        since = reason.since if sold.code == "not_in_shop" else since
    elif off:
        code, owner, hint = ("flow_disabled" if snapshot.active else "inactive"), "person", SWITCH_ON
    elif sold.buyable:
        code = "settled"
    said += [text for text in off if text not in said]
    return Verdict(code, owner, Text(" ".join(each.pt for each in said), " ".join(each.en for each in said)), hint, where, since)


STILL = Text(
    "A loja ainda vende como antes: o que mudou no ERP não chega lá.",
    "The shop still sells as before: what changed in the ERP does not get there.",
)
SWITCH_ON = Text("Se não for intencional, ligue de novo.", "Unless it is meant so, switch it on again.")
SWITCHED = ("inactive", "flow_disabled", "not_in_pilot")
GOES_WITHOUT = ("sku.gtin",)
"""Causes of records that are in the shop, where they went without the wrong value."""
INACTIVE = Text("A integração está inativa: nada é enviado.", "The integration is inactive: nothing is sent.")


def switched_off(snapshot: Snapshot) -> list[Text]:
    """Texts of what people have switched off."""
    if not snapshot.active:
        return [INACTIVE]
    return [_flow_off(name) for name, flow in FLOWS.items() if flow.kinds and name not in snapshot.enabled]


def _flow_off(name: str) -> Text:
    title = FLOWS[name].title
    return Text(
        f"A carga '{title.pt}' está desligada: o que muda no ERP não chega à loja.",
        f"The flow '{title.en}' is switched off: what changes in the ERP does not reach the shop.",
    )


def _chain(c: sa.Connection, id: int, product: Detail | None, own: Detail, below: list[Detail]) -> list[Detail | RecordRef]:
    """The records from the root of the category tree to the images; a missing record is its `RecordRef`."""
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
    return [*found, own, *below]


def _categories(c: sa.Connection, id: int, key: str | None) -> list[Detail | RecordRef]:
    """The category and its ancestors, from the category up."""
    found: list[Detail | RecordRef] = []
    while key and len(found) < MOST_LEVELS:
        here = records.detail(c, id, "category", key)
        found.append(here or RecordRef("category", key))
        doc = records.document(c, id, "category", key)
        key = doc.parent if isinstance(doc, Category) else None
    return found


def link(c: sa.Connection, snapshot: Snapshot, kind: str, key: str) -> Link:
    """Where one record stands, without those that depend on it."""
    return _link(c, snapshot, config.zone_of(c, snapshot.tenant_id), records.detail(c, snapshot.id, kind, key) or RecordRef(kind, key))


def _link(c: sa.Connection, snapshot: Snapshot, zone: ZoneInfo, at: Detail | RecordRef) -> Link:
    where = RecordRef(at.kind, at.key)
    if isinstance(at, RecordRef):
        called = CALLED[at.kind]
        text = Text(
            f"O ERP aponta para {called.pt} {at.key}, mas não informou esse cadastro.",
            f"The ERP refers to {called.en} {at.key}, which was never read.",
        )
        return Link(at.kind, at.key, "", "missing", None, Verdict("missing", "person", text, FULL_READ, where))
    verdict = _said(at, where, zone) or _stopped(c, snapshot, at, where) or _under_way(at, where, zone)
    return Link(at.kind, at.key, at.name, at.state, at.remote, verdict)


def _said(at: Detail, where: RecordRef, zone: ZoneInfo) -> Verdict | None:
    """The record's own cause, or that it is settled; else None."""
    if at.cause is not None:
        return Verdict(at.cause.code, at.cause.owner, at.cause.text, at.cause.hint, where, at.cause.since)
    return _held(at, zone) if at.state == "settled" else None


def _stopped(c: sa.Connection, snapshot: Snapshot, at: Detail, where: RecordRef) -> Verdict | None:
    """The setting of people that blocks the record; None without one."""
    kind = KINDS[at.kind]
    if not snapshot.active:
        return Verdict(
            "inactive",
            "person",
            INACTIVE,
            Text("Ative a integração.", "Activate the integration."),
            where,
        )
    if kind.flow not in snapshot.enabled:
        return Verdict(
            "flow_disabled",
            "person",
            _flow_off(kind.flow),
            Text(
                "Ligue a carga na integração; a do estoque, também na opção 'Estoque enviado'.",
                "Switch the flow on; that of the stock also in the option 'Stock sent'.",
            ),
            where,
        )
    if snapshot.pilot is not None and at.key not in pilot.allowed(c, snapshot, kind):
        return Verdict(
            "not_in_pilot",
            "person",
            Text("Fora do piloto: só os SKUs do piloto são enviados.", "Not in the pilot: only its SKUs are sent."),
            Text(
                "Ative a integração de novo para todos os SKUs, ou inclua este no piloto.",
                "Activate the integration again for all SKUs, or put this one into the pilot.",
            ),
            where,
        )
    return None


def _under_way(at: Detail, where: RecordRef, zone: ZoneInfo) -> Verdict:
    if at.waits_for is not None:
        up = at.waits_for
        text = waits_for(up.kind, up.key)
        return Verdict("waiting.parent", "engate", text, Text("Resolva antes o item anterior.", "See to the one before it first."), where)
    if at.state == "sent":
        why = f" {at.answer}" if at.tries and at.answer else ""
        text = Text(f"Enviado; a loja ainda não confirmou.{why}", f"Sent; the shop has not confirmed yet.{why}")
        return Verdict(
            "sent", "engate", text, Text("O engate confere e reenvia sozinho.", "engate looks and resends by itself."), where, at.sent_at
        )
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
    """Where everything read is in the shop, but a price or stock was never read."""
    for kind, rows, text in (
        ("price", prices, Text("O ERP não informou preço deste SKU.", "The ERP gave no price for this SKU.")),
        ("stock", stock, Text("O ERP não informou estoque deste SKU.", "The ERP gave no stock for this SKU.")),
    ):
        if not rows:
            return Link(kind, own.key, "", "missing", None, Verdict(f"no_{kind}", "person", text, FULL_READ, RecordRef(kind, own.key)))
    return None


def _held(at: Detail, zone: ZoneInfo) -> Verdict:
    """The verdict that the shop holds the record, and since when."""
    since = at.answered_at
    pt, en = (f" desde {when(since, zone).pt}", f" since {when(since, zone).en}") if since else ("", "")
    text = Text(f"Na loja{pt}, como {at.remote or at.key}.", f"In the shop{en}, as {at.remote or at.key}.")
    return Verdict("settled", None, text, NOTHING, RecordRef(at.kind, at.key), since)


def _cause_id(c: sa.Connection, id: int, at: Link) -> int | None:
    return c.execute(
        sa.select(record.c.cause_id).where(record.c.integration_id == id, record.c.kind == at.kind, record.c.key == at.key)
    ).scalar()


# ---- orders ----

OWNERS = {"erp_held": "person"}


def order_of(c: sa.Connection, tenant_id: int, id: int, any_key: str) -> OrderExplained:
    """The order in this integration, or in an archived one whose orders go on."""
    archived = [row.id for row in archive.of_tenant(c, tenant_id)]
    if id not in archived:
        config.integration_row(c, tenant_id, id)
    holding = [each for each in (id, *archived) if order_views.keys_by(c, each, any_key)]
    snapshot = config.snapshot(c, holding[0] if holding else id)
    assert snapshot is not None
    return order(c, snapshot, any_key)


def order(c: sa.Connection, snapshot: Snapshot, any_key: str) -> OrderExplained:
    """Raises NotFound where no key of this kind is known."""
    keys = order_views.keys_by(c, snapshot.id, any_key)
    if keys:
        found = order_views.one_order(c, snapshot.tenant_id, snapshot.id, keys[0])
        verdict = _where(c, snapshot, found)
        if snapshot.archived:
            verdict = msgspec.structs.replace(verdict, text=_with(verdict.text, FOLLOWED))
        return OrderExplained(found.key, snapshot.id, found.state, found.cause, verdict, found, keys[1:])
    told_at = order_views.told_at(c, snapshot.id, any_key)
    if told_at is None:
        raise config.NotFound(
            Text(f"O engate não conhece o pedido '{any_key}'.", f"engate does not know the order '{any_key}'."),
            Text(
                "Confira o número na loja. Se estiver certo, teste a conexão da loja: o teste diz se os pedidos chegam.",
                "Check the number in the shop. If it is right, test the shop's connection: the test says whether orders arrive.",
            ),
        )
    text = Text("A loja avisou deste pedido; ele ainda não foi lido.", "The shop told of this order; it has not been read yet.")
    hint = Text("Ative a integração.", "Activate the integration.") if not snapshot.active else NOTHING
    verdict = Verdict("told", "engate" if snapshot.active else "person", text, hint, None, instant(told_at))
    return OrderExplained(any_key, snapshot.id, "received", None, verdict, None, [])


FOLLOWED = Text(
    "A integração foi excluída; este pedido é acompanhado até terminar.",
    "The integration was deleted; this order is followed until it ends.",
)


def _with(text: Text, more: Text) -> Text:
    return Text(f"{text.pt} {more.pt}".strip(), f"{text.en} {more.en}".strip())


def _where(c: sa.Connection, snapshot: Snapshot, found: OrderView) -> Verdict:
    if found.cause is not None:
        return Verdict(found.cause.code, found.cause.owner, found.cause.text, found.cause.hint, None, found.cause.since)
    if not snapshot.active and not snapshot.archived and found.state not in ("delivered", "cancelled", "expired", "ignored"):
        text = Text("A integração está inativa: o pedido espera.", "The integration is inactive: the order waits.")
        return Verdict("inactive", "person", text, Text("Ative a integração.", "Activate the integration."), None, found.changed_at)
    text = titles.state(titles.ORDER_WAITS, found.state)
    last: Any = found.timeline[-1].at if found.timeline else found.changed_at
    if found.state == "cancelled":
        stored = orders.load(c, snapshot.id, found.key)
        text = _with(text, (settlement.of_cancelled(stored) if stored is not None else None) or NOTHING)
    erp_keys = ", ".join(part.erp_key for part in found.parts if part.erp_key)
    if erp_keys:
        text = Text(f"{text.pt} Número no ERP: {erp_keys}.", f"{text.en} In the ERP: {erp_keys}.")
    hint = Text("Libere o pedido no ERP.", "Release the order in the ERP.") if found.state == "erp_held" else NOTHING
    return Verdict(found.state, OWNERS.get(found.state), text, hint, None, last)
