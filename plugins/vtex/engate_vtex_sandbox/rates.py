"""The documented request rates. Real time: rates are the one thing it owns.

Catalog 45,000 a minute per account and 15,000 a minute per endpoint; Pricing POST, PUT and PATCH 2,000 a minute per route with 500 burst
credits, DELETE 1,000 with 300, GET without a figure; Orders 6,000 readings of an order a minute per account.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from engate.testing.sandbox import Answer, Operation, RateWindow

MINUTE = 60.0
READ_ORDER = "/api/oms/pvt/orders/{orderId}"


class MinuteWindow:
    """So many requests in each minute."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._start = -math.inf
        self._used = 0

    def take(self, now: float) -> bool:
        if now - self._start >= MINUTE:
            self._start, self._used = now, 0
        self._used += 1
        return self._used <= self.limit


class Rates:
    """The figures are attributes, so that a test can lower them before the first call."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.catalog_account = 45_000
        self.catalog_endpoint = 15_000
        self.orders_account = 6_000
        self.pricing_write = (2_000 / MINUTE, 500)
        self.pricing_delete = (1_000 / MINUTE, 300)
        self._minutes: dict[str, MinuteWindow] = {}
        self._routes: dict[str, RateWindow] = {}

    def refuse_catalog_rate(self, operation: Operation) -> Answer | None:
        now = self.now()
        endpoint = self._minute(operation.name, self.catalog_endpoint).take(now)
        if self._minute("catalog", self.catalog_account).take(now) and endpoint:
            return None
        return too_many()

    def refuse_orders_rate(self, operation: Operation) -> Answer | None:
        if operation.path != READ_ORDER or operation.method != "GET" or self._minute("orders", self.orders_account).take(self.now()):
            return None
        return too_many()

    def refuse_pricing_rate(self, operation: Operation) -> Answer | None:
        if operation.method == "GET":
            return None
        route = self._routes.get(operation.name)
        if route is None:
            rate, burst = self.pricing_delete if operation.method == "DELETE" else self.pricing_write
            route = self._routes[operation.name] = RateWindow(rate, burst)
        wait = route.take(self.now())
        return too_many({**(self.pricing_headers(operation.name) or {}), "Retry-After": str(math.ceil(wait))}) if wait else None

    def pricing_headers(self, operation: str) -> dict[str, str] | None:
        """Credits in all, credits left, and the seconds until they are full again."""
        route = self._routes.get(operation)
        if route is None:
            return None
        return {
            "Ratelimit-Limit": str(int(route.burst)),
            "Ratelimit-Remaining": str(int(route.level)),
            "Ratelimit-Reset": str(math.ceil((route.burst - route.level) / route.rate)),
        }

    def _minute(self, key: str, limit: int) -> MinuteWindow:
        return self._minutes.get(key) or self._minutes.setdefault(key, MinuteWindow(limit))


def too_many(headers: dict[str, str] | None = None) -> Answer:
    """Outside Pricing neither body nor headers are documented."""
    return Answer(429, "Too Many Requests", headers, content_type="text/plain")
