"""Prices: of the variant itself, or fixed ones in the price list that the mapping names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engate import Rejected, Text
from engate.model import Batch, Item, Price
from engate_shopify import bulk, translate
from engate_shopify import operations as op
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.groups import accepted_only, by_row, chunks, in_groups, lots


class Prices:
    """The prices of one batch."""

    points = 2
    """Points for an item: the reading of the variant's product."""

    def __init__(self, shop: Shopify, batch: Batch[Price]) -> None:
        self._shop, self._batch = shop, batch
        self._variants: dict[str, dict[str, Any]] = {}
        self._heard: set[str] = set()
        self._currencies: dict[str, str] = {}

    async def push(self) -> None:
        """Prices of the variants themselves go as one operation where there are many; a price list takes 250 a call."""
        items = accepted_only(self._batch, self._check)
        await self._in_lists([item for item in items if item.refs.get("price_list")])
        await self._find([item for item in items if not item.refs.get("price_list")])
        await bulk.push(self._shop, self._batch, self, self._plan())

    def _plan(self) -> bulk.Plan[Price] | None:
        chosen = [item for item in self._batch.unreported() if not item.uncertain]
        if not bulk.worth(self._batch, chosen):
            return None
        return bulk.Plan(chosen, op.VARIANTS_CHANGE, map(self._line, lots(self._by_product(chosen).values())))

    def _check(self, item: Item[Price]) -> None:
        translate.linked(item, "sku", "o SKU", "SKU")
        translate.positive(item.want)

    async def _find(self, items: Sequence[Item[Price]]) -> None:
        """The product of each variant: a mutation is of one product, and only the variant says which."""
        for part in chunks(items):
            found = await self._shop.graphql(op.VARIANTS, ids=[item.refs["sku"] for item in part])
            for item, variant in zip(part, found, strict=True):
                if not variant:
                    self._batch.failed(item, gone_sku(item))
                    continue
                self._variants[item.key] = variant
                if translate.same_price(variant, translate.price_fields(item)):
                    self._batch.accepted(item, variant["id"])

    def _by_product(self, items: Iterable[Item[Price]]) -> dict[str, list[Item[Price]]]:
        products: dict[str, list[Item[Price]]] = defaultdict(list)
        for item in items:
            products[self._variants[item.key]["product"]["id"]].append(item)
        return products

    def _line(self, items: Sequence[Item[Price]]) -> Mapping[str, Any]:
        bodies = [{"id": item.refs["sku"], **translate.price_fields(item)} for item in items]
        return {"id": self._variants[items[0].key]["product"]["id"], "variants": bodies}

    # ---- what an operation answers ----

    def heard(self, payload: Mapping[str, Any]) -> None:
        self._heard |= {variant["id"] for variant in payload["productVariants"]}

    async def finish(self) -> None:
        for item in self._batch.unreported():
            if item.refs["sku"] in self._heard:
                self._batch.accepted(item, item.refs["sku"])

    # ---- by calls ----

    async def alone(self, items: Sequence[Item[Price]]) -> None:
        await self._find([item for item in items if item.key not in self._variants])
        groups = self._by_product(item for item in items if item.key not in self._batch.outcomes)
        await in_groups(self._batch, self._shop.settings.at_once, lots(groups.values()), self._of_product)

    async def _of_product(self, items: Sequence[Item[Price]]) -> None:
        self._report(items, await self._shop.graphql(op.VARIANTS_UPDATE, **self._line(items)))

    # ---- price lists ----

    async def _in_lists(self, items: Sequence[Item[Price]]) -> None:
        if not items:
            return
        lists: dict[str, list[Item[Price]]] = defaultdict(list)
        for item in items:
            lists[item.refs["price_list"]].append(item)
        async for rows in self._shop.pages(op.PRICE_LISTS):
            self._currencies |= {row["id"]: row["currency"] for row in rows}
        groups = [part for held in lists.values() for part in chunks(held)]
        await in_groups(self._batch, self._shop.settings.at_once, groups, self._of_list)

    async def _of_list(self, items: Sequence[Item[Price]]) -> None:
        price_list = items[0].refs["price_list"]
        if price_list not in self._currencies:
            raise Rejected(
                Text(f"A Shopify não tem a lista de preços {price_list}.", f"Shopify has no price list {price_list}."),
                Text("Corrija o mapeamento das listas de preço.", "Correct the mapping of the price lists."),
                code="price.table",
            )
        while items:
            bodies = [translate.fixed_price(item, item.refs["sku"], self._currencies[price_list]) for item in items]
            payload = await self._shop.graphql(op.PRICES_ADD, list=price_list, prices=bodies)
            faults = self._report(items, payload, whole=True)
            items = [item for item in items if item.key not in self._batch.outcomes] if faults else []

    def _report(self, items: Sequence[Item[Price]], payload: Any, *, whole: bool = False) -> bool:
        """Reports a call. `whole`: one bad row kept the others out too, so only the bad one is reported."""
        faults = by_row(faults_of(payload), len(items))
        for row, item in enumerate(items):
            if row in faults:
                self._batch.failed(item, refused("price", faults[row]))
            elif not (whole and faults):
                self._batch.accepted(item, item.refs["sku"])
        return bool(faults)


def gone_sku(item: Item[Any]) -> Rejected:
    return Rejected(
        Text(f"A Shopify não tem mais o SKU {item.want.sku}.", f"Shopify has no SKU {item.want.sku} any more."),
        Text("Desvincule o SKU na integração e reenvie.", "Unlink the SKU in the integration, then retry."),
        code="sku.missing",
    )
