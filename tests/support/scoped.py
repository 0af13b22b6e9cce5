"""A fake ERP that is read branch by branch and price table by price table."""

from __future__ import annotations

from typing import Any

from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fakes import FAKE_ERP, lacking

BY_SCOPE = {"list_stock": "branches", "list_prices": "price_tables"}
SCOPED = lacking(FAKE_ERP, scoped=BY_SCOPE)


class TabledErp(FakeErpSandbox):
    """It has prices in a second table."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.switches.tables = ("T2",)
