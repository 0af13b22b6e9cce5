"""Everything one installation holds, wired together."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from engate.clock import Clock
from engate.testing.sandbox import LedgerCounts
from engate_winthor_sandbox.auth import Account, Sessions
from engate_winthor_sandbox.catalog import Catalog
from engate_winthor_sandbox.company import Company
from engate_winthor_sandbox.customers import Customers
from engate_winthor_sandbox.fiscal import Fiscal
from engate_winthor_sandbox.orders import Orders
from engate_winthor_sandbox.prices import Prices
from engate_winthor_sandbox.stock import Stock
from engate_winthor_sandbox.wire import ErpTime


class World:
    def __init__(self, clock: Clock, counts: LedgerCounts, randomness: random.Random, account: Account) -> None:
        time = ErpTime(clock)
        self.time = time
        self.counts = counts
        self.account = account
        self.sessions = Sessions(time, counts, randomness, account)
        self.company = Company(time)
        self.catalog = Catalog(time, self.company.parameters)
        self.stock = Stock(time, self.company, self.catalog)
        self.prices = Prices(time, self.company, self.catalog)
        self.customers = Customers(time, counts, self.company)
        self.orders = Orders(time, counts, self.stock, self.customers)
        self.fiscal = Fiscal(time, counts, self.company, self.orders, account.invoice_window)
        self.services = Services()


@dataclass(slots=True)
class Services:
    """Which services (by path prefix) are down: they answer Jetty's HTML page, every third time with 200."""

    prefixes: tuple[str, ...] = (
        "/winthor/autenticacao/v1", "/api/purchases/v1", "/api/stock-vtex/v1", "/api/wholesale/v1", "/api/branch/v1", "/winthor/venda/v0",
        "/winthor/precos/v1", "/winthor/cliente/v1", "/winthor/fiscal/v1",
    )  # fmt: skip
    down: set[str] = field(default_factory=set)
    refused: int = 0

    def failing(self, path: str) -> bool:
        return any(path.startswith(prefix + "/") for prefix in self.down)

    def status(self) -> int:
        self.refused += 1
        return 200 if self.refused % 3 == 0 else 503
