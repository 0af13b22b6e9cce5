"""The suite's seed of an ERP: lists of several pages, and stock in two branches."""

from __future__ import annotations

import msgspec

from engate.testing.facts import Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct
from engate.testing.goods import goods

ROWS = 430
"""Products: three pages of what platforms usually give (200)."""
SECOND = SeedBranch("2", "Filial", "11222333000262", "Campinas")


def seed() -> Seed:
    """Every second product lies in the second branch too, in another quantity."""
    base = goods(ROWS)
    return msgspec.structs.replace(
        base,
        branches=(*base.branches, SECOND),
        categories=(*base.categories, *(SeedCategory(str(1000 + n), f"Categoria {n}", "category", "10") for n in range(ROWS))),
        brands=(*base.brands, *(SeedBrand(str(1000 + n), f"Marca {n}") for n in range(ROWS))),
        products=tuple(_in_both(product, n) if n % 2 else product for n, product in enumerate(base.products)),
    )


def _in_both(product: SeedProduct, n: int) -> SeedProduct:
    skus = (msgspec.structs.replace(sku, stock={**sku.stock, SECOND.key: 10 + n}) for sku in product.skus)
    return msgspec.structs.replace(product, skus=tuple(skus))
