"""The default catalogue: about 300 SKUs of Brazilian wholesale goods and their buyers, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from engate.testing.assortment import CENT, assortment
from engate.testing.facts import Sale, SaleItem, SalePayment, SeedProduct
from engate_demo.catalog import Catalog, Listed, Skus, buyer

DEFAULT_SKUS = 300
_CITIES = (("São Paulo", "SP", "01310100"), ("Campinas", "SP", "13010111"), ("Curitiba", "PR", "80010000"))
_FORMS = ("pix", "credit_card", "boleto", "credit_card", "pix", "debit_card")
TWICE = 7  # this order has the same SKU on two lines


def generated(skus: int = DEFAULT_SKUS) -> Catalog:
    """A catalogue of about this many SKUs: at least as many, less than one product more."""
    seed = assortment(skus)
    return Catalog(seed, lambda count, listed, now: list(_sales(seed.products, count, listed)))


def _sales(products: Sequence[SeedProduct], count: int, listed: Skus) -> Iterator[Sale]:
    """Orders of one to four lines, now and then with a discount or paid in two ways. Only what `listed` holds is sold."""
    sellable = [listed[sku.ean] for product in products for sku in product.skus if sku.ean in listed]
    if not sellable:
        return
    for number in range(1, count + 1):
        lines = [_line(sellable, number, nth) for nth in range(1 + number * 3 % 4)]
        if number == min(TWICE, count):
            lines = [lines[0], *lines]
        goods = sum((line.price * line.quantity for line in lines), Decimal(0))
        discount = (goods * 5 / 100).quantize(CENT) if number % 6 == 0 else Decimal(0)
        total = goods - discount + sum((line.freight for line in lines), Decimal(0))
        city, state, zip_code = _CITIES[number % len(_CITIES)]
        yield Sale(
            number=number,
            buyer=buyer(number, city, state, zip_code, company=number % 5 == 0),
            items=tuple(lines),
            payments=_payments(number, total),
            discount=discount,
            shipping="express" if number % 4 == 0 else "standard",
        )


def _line(sellable: list[Listed], number: int, nth: int) -> SaleItem:
    sku = sellable[(number * 31 + nth * 17) % len(sellable)]
    return SaleItem(sku.key, 1 + (number + nth) % 3, sku.price, Decimal("4.90") if nth else Decimal("14.90"))


def _payments(number: int, total: Decimal) -> tuple[SalePayment, ...]:
    form = _FORMS[number % len(_FORMS)]
    installments = 1 + number % 3 if form == "credit_card" else 1
    if number % 8 == 0:
        voucher = min(Decimal("10.00"), total / 2).quantize(CENT)
        return (SalePayment("voucher", voucher), SalePayment(form, total - voucher, installments))
    return (SalePayment(form, total, installments),)
