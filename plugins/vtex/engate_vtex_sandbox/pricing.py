"""Pricing: base prices and fixed prices. Served under /{account}/pricing, as the platform does on a host of its own.

Money is decimal currency; `markup` is a percent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.rates import Rates
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules import pricing as pricing_rules
from engate_vtex_sandbox.rules.common import document, instant, listing, whole
from engate_vtex_sandbox.shop import Price, Shop, Sku, decimal, number

CENT = Decimal("0.01")
CACHED_FOR = timedelta(minutes=5)  # how long checkout keeps a computed price


class Pricing:
    def __init__(self, shop: Shop, now: Callable[[], datetime], rates: Rates) -> None:
        self.shop = shop
        self.now = now
        self.rates = rates

    def read(self, call: Call) -> Answer:
        sku = self.priced(call)
        assert sku.price is not None
        price = sku.price
        return self._answer(call, {
            "itemId": str(sku.id),
            "listPrice": number(price.list) if price.list is not None else None,
            "costPrice": number(price.cost),
            "markup": price.markup,
            "basePrice": number(price.base),
            "fixedPrices": list(price.fixed.values()),
        })  # fmt: skip

    def put(self, call: Call) -> Answer:
        """Replaces the base price and ALL fixed prices of the SKU."""
        sku = self._sku(call)
        body = document(call)
        common_rules.refuse_type(body, (int, float), "basePrice", "costPrice", "listPrice")
        common_rules.refuse_type(body, int, "markup")
        common_rules.refuse_type(body, list, "fixedPrices")
        pricing_rules.refuse_price_fields(body)
        pricing_rules.refuse_negative(body, "basePrice", "costPrice", "listPrice", "markup")
        price = Price()
        price.base, price.cost, price.markup = base_prices(body)
        price.list = decimal(body["listPrice"]) if body.get("listPrice") is not None else None
        price.fixed = self._fixed(body.get("fixedPrices") or [], None)
        sku.price = price
        return self._answer(call, None)

    def delete(self, call: Call) -> Answer:
        self.priced(call).price = None
        return self._answer(call, None)

    def read_fixed(self, call: Call) -> Answer:
        price = self.priced(call).price
        assert price is not None
        table = call.params.get("priceTableId")
        return self._answer(call, [fixed for key, fixed in price.fixed.items() if table is None or key[0] == table])

    def patch_fixed(self, call: Call) -> Answer:
        """Adds and replaces; removes nothing. Two fixed prices are the same when table, minimum quantity and dates are."""
        price = self.priced(call).price
        assert price is not None
        price.fixed.update(self._fixed(listing(call), None))
        return self._answer(call, None)

    def post_fixed(self, call: Call) -> Answer:
        price = self.priced(call).price
        assert price is not None
        price.fixed.update(self._fixed(listing(call), call.params["priceTableId"]))
        return self._answer(call, None)

    def delete_fixed(self, call: Call) -> Answer:
        price = self.priced(call).price
        assert price is not None
        price.fixed = {key: fixed for key, fixed in price.fixed.items() if key[0] != call.params["priceTableId"]}
        return self._answer(call, None)

    def computed(self, call: Call) -> Answer:
        """The final price of a table or trade policy for a quantity."""
        sku = self.priced(call)
        assert sku.price is not None
        table, now = call.params["priceTableId"], self.now()
        selling = self.shop.selling_price(sku, table, whole(call, "quantity") if "quantity" in call.query else 1, now)
        assert selling is not None
        return self._answer(call, {
            "tradePolicyId": table,
            "listPrice": number(sku.price.list if sku.price.list is not None else selling),
            "costPrice": number(sku.price.cost),
            "sellingPrice": number(selling),
            "priceValidUntil": (now + CACHED_FOR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        })  # fmt: skip

    def tables(self, call: Call) -> Answer:
        names = {str(policy) for policy in self.shop.policies}
        names.update(key[0] for sku in self.shop.skus.values() if sku.price for key in sku.price.fixed)
        return self._answer(call, sorted(names))

    def priced(self, call: Call) -> Sku:
        sku = self._sku(call)
        pricing_rules.refuse_no_price(sku)
        return sku

    def _sku(self, call: Call) -> Sku:
        key = whole(call, "itemId")
        pricing_rules.refuse_unknown_item(self.shop, key)
        return self.shop.skus[key]

    def _fixed(self, entries: list[Any], table: str | None) -> dict[tuple[str, int, str, str], dict[str, Any]]:
        """The fixed prices of a body, checked, by what makes two of them the same. `table`: the path's, where it names one."""
        found: dict[tuple[str, int, str, str], dict[str, Any]] = {}
        for entry in entries:
            pricing_rules.refuse_fixed_entry(entry)
            name = entry.get("tradePolicyId") if table is None else table
            pricing_rules.refuse_price_table(name)
            pricing_rules.refuse_fixed_value(entry.get("value"))
            pricing_rules.refuse_min_quantity(entry.get("minQuantity"))
            common_rules.refuse_type(entry, (int, float), "listPrice")
            doc = {"tradePolicyId": name, "value": entry["value"], "listPrice": entry.get("listPrice"), "minQuantity": entry["minQuantity"]}
            dates = entry.get("dateRange")
            if dates is not None:
                common_rules.refuse_type(entry, dict, "dateRange")
                pricing_rules.refuse_date_range(instant(dates.get("from")), instant(dates.get("to")))
                doc["dateRange"] = {"from": dates["from"], "to": dates["to"]}
            found[name, entry["minQuantity"], *((dates["from"], dates["to"]) if dates else ("", ""))] = doc
        return found

    def _answer(self, call: Call, body: object) -> Answer:
        return Answer(200, body, self.rates.pricing_headers(call.operation))


def base_prices(body: dict[str, Any]) -> tuple[Decimal, Decimal, int]:
    """(base, cost, markup in percent) from any two of them; the cost of a base price alone is the base."""
    base = decimal(body["basePrice"]) if body.get("basePrice") is not None else None
    cost = decimal(body["costPrice"]) if body.get("costPrice") is not None else None
    markup = body.get("markup")
    if base is None:
        cost = cost or Decimal(0)
        return (cost * (100 + Decimal(markup or 0)) / 100).quantize(CENT), cost, markup or 0
    if cost is None:
        return base, (base * 100 / (100 + Decimal(markup or 0))).quantize(CENT), markup or 0
    return base, cost, round((base / cost - 1) * 100) if cost else 0
