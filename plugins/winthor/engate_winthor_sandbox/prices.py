"""Prices: `/api/wholesale/v1/price/*` and winthor-integracao-precos (`/winthor/precos/v1`). No list of prices knows "changed since".

The list is branch by branch, SKU by SKU, so a page is found by arithmetic; a row's JSON is kept on the SKU until its price changes.
"""

from __future__ import annotations

from decimal import Decimal

from engate.testing.sandbox import Answer, Call
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.catalog import Catalog, Sku, smallest_packaging
from engate_winthor_sandbox.company import PRICE_REGION, Company
from engate_winthor_sandbox.wire import EMPTY_DATE, STAMP, ErpTime, branches_of, dumps, envelope, flag, number, page_of

NO_POLICY = {"id": 0, "discount": 0, "startDate": EMPTY_DATE, "endDate": EMPTY_DATE, "deleted": False}


class Prices:
    def __init__(self, time: ErpTime, company: Company, catalog: Catalog) -> None:
        self.time = time
        self.company = company
        self.catalog = catalog
        company.parameters.on_change.append(self.forget_encoded)

    def forget_encoded(self) -> None:
        for sku in self.catalog.by_key.values():
            sku.price_raw.clear()

    def set(self, sku: Sku, price: Decimal, *, touch: bool = True) -> None:
        """The price asked from now on: that of a running offer where there is one."""
        now = self.time.local()
        if sku.offer is not None and sku.effective(now) == sku.offer[0]:
            sku.offer = (price, sku.offer[1], sku.offer[2])
        else:
            sku.price = price
        sku.price_raw.clear()
        sku.raw = None
        if touch:
            sku.price_change = self.time.stamp()
            self.catalog.skus.touch(sku.order, sku.price_change)  # PVENDA is a column of PCEMBALAGEM

    def set_in_region(self, sku: Sku, region: int, price: Decimal) -> None:
        """PCTABPR: what it costs in another region than the branch's own."""
        sku.region_prices[region] = price
        sku.price_change = self.time.stamp()
        sku.price_raw.clear()

    def _regions(self, call: Call) -> list[int]:
        """Of a row for each, where all are asked for; the branch's own comes first."""
        if not flag(call.query, "multiRegionPrice"):
            return [PRICE_REGION]
        others = {region for sku in self.catalog.by_key.values() for region in sku.region_prices}
        return [PRICE_REGION, *sorted(others - {PRICE_REGION})]

    def _shape(self, sku: Sku, branch: str, region: int = PRICE_REGION) -> dict[str, object]:
        standard = self.company.parameters.get("2277", branch) == "P"
        offer = sku.offer
        return {
            "branchId": branch,
            "erpReferenceKey": sku.product.id,
            "skuId": sku.key,
            "price": number(sku.region_prices.get(region, sku.price)),
            "fixedPrice": False,
            "origin": 201 if standard else 2017,
            "priceRegion": region,
            "unitMultiplier": sku.units,
            "taxFigureId": sku.tax_figure,
            "offerPrice": number(offer[0]) if offer else 0,
            "offerStartDate": offer[1].strftime(STAMP) if offer else EMPTY_DATE,
            "offerEndDate": offer[2].strftime(STAMP) if offer else EMPTY_DATE,
            "lastChange": sku.price_change,
        }

    def _row(self, sku: Sku, branch: str, region: int) -> bytes:
        raw = sku.price_raw.get((branch, region))
        if raw is None:
            raw = sku.price_raw[branch, region] = dumps(self._shape(sku, branch, region))
        return raw

    def _skus(self, call: Call) -> list[Sku]:
        """One row per product, the smallest packaging's, unless every packaging has a price of its own to show."""
        product, reference = call.query.get("productId", ""), call.query.get("productSKUERPReferenceKey", "")
        if reference:
            sku = self.catalog.by_key.get(reference)
            return [sku] if sku else []
        everything = flag(call.query, "useMultiplePricesPerProductPackage")
        skus = self.catalog.skus.view(everything, None if everything else smallest_packaging)
        return [sku for sku in skus if str(sku.product.id) == product] if product else skus

    # ---- operations ----

    def list_prices(self, call: Call) -> Answer:
        branches, page = self._branches(call), page_of(call.query)
        skus, regions = self._skus(call), self._regions(call)
        of_branch = len(skus) * len(regions)
        total = of_branch * len(branches)
        start, stop = page.cut(total)
        places = ((index // of_branch, divmod(index % of_branch, len(regions))) for index in range(start, stop))
        rows = (self._row(skus[sku], branches[branch], regions[region]) for branch, (sku, region) in places)
        return envelope(rows, page, total)

    def list_discount_policies(self, call: Call) -> Answer:
        rules.one_of("callOrigin", call.query.get("callOrigin", ""), ("WSH",))
        branches, page = self._branches(call), page_of(call.query)
        skus = self._skus(call)
        total = len(skus) * len(branches)
        start, stop = page.cut(total)
        places = ((skus[index % len(skus)], branches[index // len(skus)]) for index in range(start, stop))
        return envelope([dumps(self._shape(sku, branch) | {"discountPolicy": NO_POLICY}) for sku, branch in places], page, total)

    def list_region_prices(self, call: Call) -> Answer:
        """PCTABPR: PVENDA1..7 of each SKU in the price region."""
        page = page_of(call.query)
        rules.branch_given(call.query.get("branchId", ""))
        skus = self.catalog.skus.view(True, None)
        start, stop = page.cut(len(skus))
        return envelope([dumps(_region_shape(sku)) for sku in skus[start:stop]], page, len(skus))

    def _branches(self, call: Call) -> list[str]:
        return [branch for branch in branches_of(call.query) if self.company.has_branch(branch)]


def _region_shape(sku: Sku) -> dict[str, object]:
    return {
        "barCodeId": sku.code,
        "productId": sku.product.id,
        "regionId": PRICE_REGION,
        "startDate": EMPTY_DATE,
        "endDate": EMPTY_DATE,
        "active": not sku.product.deleted,
        "lastChangeDate": sku.price_change,
        "prices": [
            {"priceIndex": index, "salePrice": number(sku.price), "wholesalePrice": number(sku.price)} for index in range(1, 8)
        ],  # fmt: skip
    }
