"""A few goods to seed an ERP with."""

from __future__ import annotations

from decimal import Decimal

from engate.testing.facts import Buyer, Sale, SaleItem, SalePayment, Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct, SeedSku


def gtin(number: int) -> str:
    """A valid GTIN-13."""
    body = f"{789000000000 + number:012d}"
    check = -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10
    return body + str(check)


def product(n: int, **more: object) -> SeedProduct:
    base: dict[str, object] = {
        "key": str(1000 + n), "name": f"Produto {n}", "description": f"Descrição do produto {n}", "department": "1", "section": "10",
        "category": "100", "brand": "5",
        "weight_kg": Decimal("1.5"), "height_cm": Decimal(10), "width_cm": Decimal(20), "length_cm": Decimal(30),
        "skus": (SeedSku(str(50000 + n), gtin(n), "UN", 1, Decimal("10.00") + n, {"1": 100 + n}),),
    }  # fmt: skip
    return SeedProduct(**(base | more))  # pyright: ignore[reportArgumentType]


def goods(count: int = 20, **more: object) -> Seed:
    """A seed of so many products, alike but for their numbers: nothing is missing in any. Product "1000" has one SKU, "50000" (UN, one
    unit, a valid GTIN, price 10.00, 100 units in branch "1"); the next has all numbers greater by one. All are of brand "5" and of category
    "100", below section "10" and department "1". `more`: fields that every `SeedProduct` has instead.
    """
    return Seed(
        branches=(SeedBranch("1", "Matriz", "11222333000181"),),
        categories=(
            SeedCategory("1", "Mercearia", "department"),
            SeedCategory("10", "Básicos", "section", "1"),
            SeedCategory("100", "Arroz", "category", "10"),
        ),
        brands=(SeedBrand("5", "Marca Boa"),),
        products=tuple(product(n, **more) for n in range(count)),
    )


BUYER = Buyer(
    "Maria da Silva", "52998224725", "maria@example.com", "11999998888", "Rua das Flores", "100", "Centro", "São Paulo", "SP", "01001000"
)


def sale(number: int, *items: tuple[str, int | Decimal, str], freight: str = "9.90", tag: str = "pix", **more: object) -> Sale:
    """A sale of these items (SKU, quantity, price of one), paid at once; the freight goes with the first. `tag`: how it is paid, one of
    the `choices` that both sandboxes have. `more`: fields that the `Sale` has instead.
    """
    lines = tuple(
        SaleItem(sku, quantity, Decimal(price), Decimal(freight) if i == 0 else Decimal(0))
        for i, (sku, quantity, price) in enumerate(items)
    )
    total = sum((line.price * line.quantity + line.freight for line in lines), Decimal(0))
    return Sale(number, BUYER, lines, (SalePayment(tag, total),), **more)  # pyright: ignore[reportArgumentType]
