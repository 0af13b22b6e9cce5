"""A catalogue that was loaded by operations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from plugins.shopify.tests.bulk.loads import Load, products, skus

from engate.model import Outcome
from engate_shopify import bulk, stock


@pytest.fixture(autouse=True)
def few_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "WORTH", bulk.WORTH)


@pytest.fixture
async def catalogue(shop: Any) -> AsyncIterator[dict[str, Outcome]]:
    """The outcomes of a load of products and their SKUs."""
    made = await Load(shop, "products", products()).accepted()
    yield await Load(shop, "skus", skus(made)).accepted()
