"""Orders of the store: what a buyer orders and pays, and what the ERP has said of it since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from engate.testing.facts import Buyer, Count, Sale
from engate_webstore_sandbox.goods import Article, Goods, Product

FIRST_NUMBER = 100_001
ECOMMERCE = "Webstore"
NONE, CENT = Decimal(0), Decimal("0.01")
FORMS = {
    "pix": ("pix", "Pix"), "boleto": ("boleto", "Boleto bancário"), "credit_card": ("credito", "Cartão de crédito"),
    "debit_card": ("debito", "Cartão de débito"), "voucher": ("outros", "Vale-presente"),
}  # fmt: skip
"""Tag of a sale -> forma_pagamento, meio_pagamento."""
SHIPPING = {"standard": "Entrega normal", "express": "Entrega expressa"}
"""Tag of a sale -> forma_frete."""
OPEN, APPROVED, CANCELLED = "aberto", "aprovado", "cancelado"
"""What the store tells of its orders, as the ERP's slugs."""
INVOICED = frozenset(("Faturado (atendido)", "Faturado", "Pronto para envio"))
SENT, DELIVERED, NOT_DELIVERED, ENDED = "Enviado", "Entregue", "Não entregue", "Cancelado"
OVER = frozenset((DELIVERED, ENDED))
"""Labels after which nothing is asked any more."""


Phase = Literal["open", "in_erp", "invoiced", "shipped", "delivered", "cancelled"]


class Line(NamedTuple):
    codigo: str
    erp: str  # the ERP's id of the article
    name: str
    unit: str
    quantity: Count
    price: Decimal


@dataclass(slots=True)
class Note:
    id: str
    number: str = ""
    series: str = ""
    key: str = ""


@dataclass(slots=True)
class Order:
    """`erp`, `erp_number`: what the ERP answered first; "" before. `erp_ids`: all that it ever answered, one where it knows its orders.
    `told`: the state that it has confirmed; `first`: the one with which it first went. `refused`: why not, in its words."""

    number: int
    sale: int
    buyer: Buyer
    lines: tuple[Line, ...]
    payments: tuple[tuple[str, Decimal, int], ...]  # tag, value, installments
    freight: Decimal
    discount: Decimal
    shipping: str
    placed_at: datetime
    paid: bool
    channel: str = ECOMMERCE
    cancelled: bool = False
    erp: str = ""
    erp_number: str = ""
    erp_ids: list[str] = field(default_factory=list)
    told: str = ""
    first: str = ""
    refused: str = ""
    sent: int = 0  # times it was handed in
    label: str = ""  # its state, as the ERP's label
    tracking: str = ""
    tracking_url: str = ""
    notes: dict[str, Note] = field(default_factory=dict)  # by the ERP's id

    def is_in_erp(self, id: str, number: str) -> None:
        if not self.erp:
            self.erp, self.erp_number = id, number
        if id not in self.erp_ids:
            self.erp_ids.append(id)

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def total(self) -> Decimal:
        return items_total(self.lines) + self.freight - self.discount

    @property
    def wants(self) -> str:
        """The state that the ERP should know of."""
        return CANCELLED if self.cancelled else APPROVED if self.paid else OPEN

    @property
    def confirmed(self) -> bool:
        return bool(self.erp) and self.told == self.wants

    @property
    def phase(self) -> Phase:
        if self.cancelled or self.label == ENDED:
            return "cancelled"
        if self.label == DELIVERED:
            return "delivered"
        if self.label in (SENT, NOT_DELIVERED):
            return "shipped"
        if self.label in INVOICED:
            return "invoiced"
        return "in_erp" if self.erp else "open"


def items_total(lines: tuple[Line, ...]) -> Decimal:
    """A line is worth price times quantity, in cents."""
    return sum(((line.price * line.quantity).quantize(CENT) for line in lines), NONE)


class Sales:
    def __init__(self, goods: Goods) -> None:
        self.goods = goods
        self.orders: dict[str, Order] = {}

    def order(self, key: str) -> Order:
        """Raises KeyError."""
        return self.orders[key]

    # ---- buying ----

    def check(self, sale: Sale) -> None:
        """ValueError where it cannot be bought so."""
        where = f"sale {sale.number}"
        if not sale.items or not sale.payments:
            raise ValueError(f"{where}: needs items and payments")
        if sale.shipping not in SHIPPING:
            raise ValueError(f"{where}: no shipping {sale.shipping}")
        for item in sale.items:
            product, article = self.article(item.sku)
            if absent := missing(product, article):
                raise ValueError(f"{where}: SKU {item.sku} cannot be bought: {', '.join(absent)}")
            if item.quantity <= 0:
                raise ValueError(f"{where}: SKU {item.sku}: quantity {item.quantity}")
        for payment in sale.payments:
            if payment.tag not in FORMS:
                raise ValueError(f"{where}: no payment form {payment.tag}")
        items = sum(((item.price * item.quantity).quantize(CENT) for item in sale.items), NONE)
        if not 0 <= sale.discount <= items:
            raise ValueError(f"{where}: a discount of {sale.discount} on items of {items}")
        total = items - sale.discount + sum((item.freight for item in sale.items), NONE)
        paid = sum((payment.value for payment in sale.payments), NONE)
        if paid != total:
            raise ValueError(f"{where}: the payments are {paid}, the order is {total}")

    def article(self, codigo: str) -> tuple[Product, Article]:
        found = self.goods.of_code(codigo)
        if found is None:
            raise ValueError(f"no product has the code {codigo}")
        return found

    def place(self, sale: Sale, now: datetime) -> Order:
        """Raises ValueError where there is not enough."""
        self._take(sale)
        lines: list[Line] = []
        for item in sale.items:
            product, article = self.article(item.sku)
            unit = product.fields.get("unidade") or "UN"
            lines.append(Line(item.sku, article.erp, title(product, article), unit, item.quantity, item.price))
        payments = tuple((payment.tag, payment.value, payment.installments) for payment in sale.payments)
        freight = sum((item.freight for item in sale.items), NONE)
        order = Order(
            FIRST_NUMBER + len(self.orders), sale.number, sale.buyer, tuple(lines), payments, freight, sale.discount, sale.shipping,
            sale.placed_at or now, sale.paid, sale.channel or ECOMMERCE,
        )  # fmt: skip
        self.orders[order.key] = order
        return order

    def _take(self, sale: Sale) -> None:
        wanted: dict[str, Count] = {}
        for item in sale.items:
            wanted[item.sku] = wanted.get(item.sku, 0) + item.quantity
        for codigo, quantity in wanted.items():
            if (self.article(codigo)[1].level or 0) < quantity:
                raise ValueError(f"sale {sale.number}: SKU {codigo}: there are not {quantity}")
        for codigo, quantity in wanted.items():
            article = self.article(codigo)[1]
            article.level = (article.level or NONE) - quantity

    # ---- afterwards ----

    def cancel(self, keys: list[str]) -> list[Order]:
        """The buyer does not want them any more; what they held is free again. All or none; raises KeyError, ValueError."""
        orders = [self.order(key) for key in keys]
        for order in orders:
            if order.phase not in ("open", "in_erp"):
                raise ValueError(f"order {order.key} is {order.phase} and cannot be cancelled")
        for order in orders:
            order.cancelled = True
            for line in order.lines:
                held = self.goods.of_code(line.codigo)
                if held is not None and held[1].level is not None:
                    held[1].level += line.quantity
        return orders

    def pay(self, keys: list[str] | None) -> list[Order]:
        """Those that wait for their payment; None: all of these."""
        chosen = list(self.orders.values()) if keys is None else [self.order(key) for key in keys]
        moved = [order for order in chosen if not order.paid and order.phase in ("open", "in_erp")]
        for order in moved:
            order.paid = True
        return moved

    def expire(self, keys: list[str] | None) -> list[Order]:
        chosen = list(self.orders.values()) if keys is None else [self.order(key) for key in keys]
        return self.cancel([order.key for order in chosen if not order.paid and order.phase in ("open", "in_erp")])


def missing(product: Product, article: Article) -> tuple[str, ...]:
    """Why a buyer cannot buy it now."""
    found: list[str] = []
    if product.fields.get("situacao", "A") != "A":
        found.append("inactive")
    if article.price is None:
        found.append("no_price")
    if (article.level or 0) <= 0:
        found.append("no_stock")
    return tuple(found)


def title(product: Product, article: Article) -> str:
    return " - ".join([product.fields.get("nome", ""), *article.grade.values()])
