"""The control protocol's side of the store: how it is reached, what stands in it, what is seen from outside."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import msgspec

from engate.testing.facts import Count, Description, OrderState, Sale, Seed, SeedProduct, SkuState
from engate_webstore_sandbox.events import Events
from engate_webstore_sandbox.goods import Article, Goods, Product
from engate_webstore_sandbox.sales import CANCELLED, FORMS, OPEN, SHIPPING, Order, Sales, missing
from engate_webstore_sandbox.settings import Settings

WAREHOUSE = "loja"
"""A store has one stock, without a name of its own."""
PACKAGING = "Embalagem"
WORDS = {OPEN: "Aguardando pagamento", CANCELLED: "Cancelado"}
TAG = re.compile(r"<[^>]*>")
BREAK = re.compile(r"<br\s*/?>|</p>\s*<p>", re.IGNORECASE)
CNPJ = "11222333000181"
ECOMMERCE = 7071
CALLS_A_MINUTE = 1200
"""Of a store that is in a hurry: 300 products are some 900 calls."""
CALLER: dict[str, object] = {"changes_every": 2.0, "levels_every": 2.0, "orders_every": 3.0, "states_every": 5.0, "at_once": 4}
"""Products are fetched whole once, then by their changes: whole every half minute, they alone would use up what the ERP allows, and
orders would wait behind them."""


class Level(msgspec.Struct):
    id: int
    parent: int
    codigo: str
    level: Decimal | None


class Control:
    def __init__(self, goods: Goods, sales: Sales, events: Events) -> None:
        self.goods, self.sales, self.events = goods, sales, events

    def describe(self, settings: Settings, webhook: str) -> Description:
        return Description(
            platform="webstore",
            role="storefront",
            settings={
                "store": settings.store,
                "document": settings.cnpj or CNPJ,
                "integration": settings.ecommerce or ECOMMERCE,
                "calls_a_minute": CALLS_A_MINUTE,
            },
            secrets={"token": settings.token, "stock_webhook": webhook},
            choices={
                "warehouses": {tag: {"warehouse": WAREHOUSE} for tag in ("main", "second")},
                "payments": {tag: {"form": form} for tag, (form, _) in FORMS.items()},
                "carriers": {tag: {"shipping": name} for tag, name in SHIPPING.items()},
            },
            unlimited={"calls_a_minute": 6000},
            caller=CALLER,
            flat=True,
            options={"branch_of_order": "stock"},  # the store has one stock: of all branches that count
        )

    # ---- a store that already sells ----

    def seed(self, seed: Seed) -> dict[str, object]:
        """Everything active, with price and stock (of all branches together). No ERP knows it. A code that is taken: ValueError."""
        names = {one.key: one.name for one in (*seed.brands, *seed.categories)}
        for product in seed.products:
            self._product(product, names)
        return {"products": len(self.goods.products), "skus": sum(1 for _ in self.goods.articles())}

    def _product(self, seed: SeedProduct, names: dict[str, str]) -> None:
        varied = len(seed.skus) > 1
        fields: dict[str, Any] = {
            "nome": seed.name, "codigo": seed.key if varied else seed.skus[0].code or seed.key, "situacao": "A" if seed.for_web else "I",
            "descricao_complementar": seed.description, "marca": names.get(seed.brand or "", ""), "unidade": "UN",
            "categoria": names.get(seed.category or seed.section or seed.department or "", ""), "peso_bruto": seed.weight_kg,
            "alturaEmbalagem": seed.height_cm, "larguraEmbalagem": seed.width_cm, "comprimentoEmbalagem": seed.length_cm,
        }  # fmt: skip
        articles = [
            Article(
                0, "", {"codigo": one.code or seed.key, "nome": seed.name, "gtin": one.ean, "preco": one.price},
                {PACKAGING: one.packaging} if varied else {}, sum((Decimal(units) for units in one.stock.values()), Decimal(0)),
            )
            for one in seed.skus
        ]  # fmt: skip
        self.goods.add(fields, articles)

    # ---- sales ----

    def sell(self, sales: list[Sale], settings: Settings, now: Any) -> list[Order]:
        for sale in sales:
            self.sales.check(sale)
        orders = [self.sales.place(sale, now) for sale in sales]
        self._told(orders, settings)
        return orders

    def cancel(self, keys: list[str], settings: Settings) -> dict[str, object]:
        orders = self.sales.cancel(keys)
        self._told(orders, settings)
        return {"cancelled": len(orders)}

    def progress(self, to: str, keys: list[str] | None, settings: Settings) -> dict[str, object]:
        """`to`: paid or expired, of orders that wait for their payment."""
        if to not in ("paid", "expired"):
            raise ValueError(f"no progress to {to}")
        moved = self.sales.pay(keys) if to == "paid" else self.sales.expire(keys)
        self._told(moved, settings)
        return {"moved": len(moved)}

    def _told(self, orders: list[Order], settings: Settings) -> None:
        for order in orders if settings.push_at_once else ():
            self.events.tell(order)

    # ---- what is seen from outside ----

    def state(self) -> list[SkuState]:
        return [_sku_state(product, article) for product, article in self.goods.articles()]

    def orders(self) -> list[OrderState]:
        return [_order_state(order) for order in self.sales.orders.values()]

    def levels(self) -> list[Level]:
        return [
            Level(article.id, product.id if product.varied else 0, article.codigo, article.level)
            for product, article in self.goods.articles()
        ]

    def mapping(self) -> list[dict[str, str]]:
        """What a person types into the ERP: each code's Identificador, and that of its parent."""
        return [
            {"codigo": article.codigo, "identificador": str(article.id), "identificador_pai": str(product.id) if product.varied else ""}
            for product, article in self.goods.articles()
        ]

    # ---- spoiling ----

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        if kind == "order":
            return {"events_lost": self.events.lose(self.sales.order(key))}
        product, article = self.sales.article(key)
        match kind:
            case "stock":
                article.level = (article.level or Decimal(0)) + 7
            case "price":
                article.fields = {**article.fields, "preco": (article.fields.get("preco") or Decimal(0)) + Decimal("1.23")}
            case "text":
                product.fields = {**product.fields, "nome": f"{product.fields.get('nome', '')} (adulterado)"}
            case _:
                raise ValueError(f"cannot corrupt the {kind} of {key}")
        return {}


def _sku_state(product: Product, article: Article) -> SkuState:
    absent = missing(product, article)
    named = " - ".join(article.grade.values()) or product.fields.get("nome", "")
    return SkuState(
        key=article.codigo, product=product.fields.get("codigo", ""), name=named, product_name=product.fields.get("nome", ""),
        description=plain(product.fields.get("descricao_complementar", "")), ean=article.fields.get("gtin") or "", price=article.price,
        stock={WAREHOUSE: _count(article.level)} if article.level is not None else {}, visible=not absent, missing=absent,
        remote=str(article.id), product_remote=str(product.id) if product.varied else "",
    )  # fmt: skip


def _order_state(order: Order) -> OrderState:
    return OrderState(
        key=order.key, storefront_key=order.key, state=order.label or WORDS.get(order.wants, "Pago"), phase=order.phase,
        total=order.total, items=tuple((line.codigo, line.quantity, line.price) for line in order.lines), number=order.sale,
        invoices=tuple(note.key for note in order.notes.values() if note.key), tracking=(order.tracking,) if order.tracking else (),
    )  # fmt: skip


def _count(level: Decimal) -> Count:
    return int(level) if level == level.to_integral_value() else level


def plain(text: str) -> str:
    """HTML as one reads it."""
    return html.unescape(TAG.sub("", BREAK.sub("\n", text))).strip()
