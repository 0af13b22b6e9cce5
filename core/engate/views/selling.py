"""Whether a buyer can buy it now, at which price, and if not why: by what the storefront last accepted, not by what it should have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from engate.domain.effective import NO_IMAGE
from engate.local import money, when
from engate.model.kinds import KINDS, buyable
from engate.text import Text
from engate.views.records import Detail


class Sold(msgspec.Struct):
    """`code`: sells, or why not; `price`: the shop's price now; `since`: since when the answer holds; `hint`: what would change it, where
    the ERP's data is the reason."""

    code: str
    buyable: bool
    price: Decimal | None
    since: datetime | None
    text: Text
    hint: Text | None = None


class Held(msgspec.Struct, frozen=True):
    """What the shop last accepted of one record, and since when a buyer can (or cannot) buy because of it."""

    doc: Any
    since: datetime | None


def answer(zone: ZoneInfo, product: Detail | None, sku: Detail, prices: list[Detail], stock: list[Detail]) -> Sold:
    """The answer for one SKU. `zone`: of the times in its text."""
    sold = _sold(product, sku, prices, stock)
    if sold.since is not None:
        at = when(sold.since, zone)
        sold.text = Text(f"{sold.text.pt[:-1]} (desde {at.pt}).", f"{sold.text.en[:-1]} (since {at.en}).")
    return sold


def _sold(product: Detail | None, sku: Detail, prices: list[Detail], stock: list[Detail]) -> Sold:
    top = [held(each) for each in (product, sku) if each is not None]
    asked, units = _all(prices), _all(stock)
    if any(each is None for each in top):
        return _no("not_in_shop", None, None, Text("ainda não está na loja", "it is not in the shop yet"))
    base = [each for each in top if each is not None]
    price = _cheapest(asked)
    if off := [each for each in base if not buyable(each.doc)]:
        text = Text("está inativo no ERP", "it is inactive in the ERP")
        return _no("inactive_in_erp", price, _latest(off), text, Text("Reative o item no ERP.", "Make the item active again in the ERP."))
    if sku.cause is not None and sku.cause.code == NO_IMAGE.code:
        text = Text("ele não tem imagem", "it has no image")
        return _no("no_image", price, None, text, sku.cause.hint)
    if price is None:
        return _without_price(asked)
    if not any(buyable(each.doc) for each in units):
        if not units:
            return _no("no_stock", price, None, Text("a loja não tem estoque dele", "the shop holds no stock of it"))
        hint = Text(
            "Confira no ERP o estoque disponível, e no engate o estoque de segurança e qual filial corresponde a qual depósito.",
            "Check the available stock in the ERP, and in engate the safety stock and which branch is which warehouse.",
        )
        text = Text("o estoque é zero em todos os depósitos", "stock is zero in every warehouse")
        return _no("out_of_stock", price, _latest(units), text, hint)
    since = _latest([*base, _first(asked), _first(units)])
    text = Text(f"Um comprador pode comprar agora por {money(price).pt}.", f"A buyer can buy it now for {money(price).en}.")
    return Sold("sells", True, price, since, text)


def held(record: Detail) -> Held | None:
    """None: the shop never accepted it, or it is unknown."""
    if record.last_sent is None:
        return None
    sent = {"name": "", **record.last_sent}  # the name is missing where it is the shop's own
    doc = msgspec.convert(sent, KINDS[record.kind].struct, strict=False)
    return Held(doc, record.turned_at or record.answered_at)


def _all(records: Iterable[Detail]) -> list[Held]:
    return [each for record in records if (each := held(record)) is not None]


def _without_price(asked: list[Held]) -> Sold:
    if not asked:
        return _no("no_price", None, None, Text("a loja não tem preço dele", "the shop holds no price of it"))
    wrong = min(each.doc.base for each in asked)
    text = Text(f"o preço é {money(wrong).pt}", f"its price is {money(wrong).en}")
    return _no("price_invalid", None, _latest(asked), text, Text("Corrija o preço no ERP.", "Correct the price in the ERP."))


def _cheapest(asked: list[Held]) -> Decimal | None:
    return min((each.doc.base for each in asked if buyable(each.doc)), default=None)


def _first(held: list[Held]) -> Held:
    """Of several prices or warehouses, the one that has allowed buying for longest."""
    able = [each for each in held if buyable(each.doc)]
    return min(able, key=lambda each: each.since.timestamp() if each.since else 0.0)


def _latest(held: Iterable[Held]) -> datetime | None:
    return max((each.since for each in held if each.since is not None), default=None)


def _no(code: str, price: Decimal | None, since: datetime | None, why: Text, hint: Text | None = None) -> Sold:
    text = Text(f"Um comprador não pode comprar agora: {why.pt}.", f"A buyer cannot buy it now: {why.en}.")
    return Sold(code, False, price, since, text, hint)
