"""Prices: of the variant itself, or fixed ones in the price list that the mapping names."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from engate import AuthFailed, EngateError, Forbidden, Rejected, Text
from engate.model import Batch, Item, Price
from engate_shopify import operations as op
from engate_shopify import translate
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.variants import by_row

T = TypeVar("T")


async def in_groups(batch: Batch[T], at_once: int, groups: Iterable[Sequence[Item[T]]], push: Callable[[Any], Awaitable[None]]) -> None:
    """Each group by itself: what one ends with is of its items; a missing permission ends all."""
    todo = iter(groups)
    stopped: list[EngateError] = []

    async def worker() -> None:
        for items in todo:
            try:
                if not stopped:
                    await push(items)
                    continue
                error = stopped[0]
            except (AuthFailed, Forbidden) as raised:
                stopped.append(raised)
                error = raised
            except EngateError as raised:
                error = raised
            for item in items:
                if item.key not in batch.outcomes:
                    batch.failed(item, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


def accepted_only(batch: Batch[T], check: Callable[[Item[T]], object]) -> list[Item[T]]:
    """The items that pass; the others are reported."""
    good: list[Item[T]] = []
    for item in batch.items:
        try:
            check(item)
            good.append(item)
        except Rejected as error:
            batch.failed(item, error)
    return good


class Prices:
    """The prices of one batch."""

    def __init__(self, shop: Shopify, batch: Batch[Price]) -> None:
        self._shop, self._batch = shop, batch
        self._variants: dict[str, dict[str, Any]] = {}
        self._currencies: dict[str, str] = {}

    async def push(self) -> None:
        items = accepted_only(self._batch, self._check)
        lists: dict[str, list[Item[Price]]] = defaultdict(list)
        for item in items:
            lists[item.refs.get("price_table", "")].append(item)
        base = lists.pop("", [])
        await self._in_lists(lists)
        await self._base(base)

    def _check(self, item: Item[Price]) -> None:
        translate.linked(item, "sku", "o SKU", "SKU")
        translate.positive(item.want)

    # ---- the variant's own price ----

    async def _base(self, items: list[Item[Price]]) -> None:
        """A mutation is of one product: which one, only the variant says."""
        if not items:
            return
        found = await self._shop.graphql(op.VARIANTS, ids=[item.refs["sku"] for item in items])
        products: dict[str, list[Item[Price]]] = defaultdict(list)
        for item, variant in zip(items, found, strict=True):
            if not variant:
                self._batch.failed(item, _gone(item))
                continue
            self._variants[item.key] = variant
            if translate.same_price(variant, translate.price_fields(item)):
                self._batch.accepted(item, variant["id"])
            else:
                products[variant["product"]["id"]].append(item)
        await in_groups(self._batch, self._shop.settings.at_once, list(products.values()), self._of_product)

    async def _of_product(self, items: list[Item[Price]]) -> None:
        product = self._variants[items[0].key]["product"]["id"]
        bodies = [{"id": item.refs["sku"], **translate.price_fields(item)} for item in items]
        payload = await self._shop.graphql(op.VARIANTS_UPDATE, id=product, variants=bodies)
        self._report(items, payload)

    # ---- price lists ----

    async def _in_lists(self, lists: dict[str, list[Item[Price]]]) -> None:
        if not lists:
            return
        async for rows in self._shop.pages(op.PRICE_LISTS):
            self._currencies |= {row["id"]: row["currency"] for row in rows}
        await in_groups(self._batch, self._shop.settings.at_once, list(lists.values()), self._of_list)

    async def _of_list(self, items: list[Item[Price]]) -> None:
        table = items[0].refs["price_table"]
        if table not in self._currencies:
            raise Rejected(
                Text(f"A Shopify não tem a lista de preços {table}.", f"Shopify has no price list {table}."),
                Text("Corrija o mapeamento das tabelas de preço.", "Correct the mapping of the price tables."),
                code="price.table",
            )
        while items:
            bodies = [translate.fixed_price(item, item.refs["sku"], self._currencies[table]) for item in items]
            payload = await self._shop.graphql(op.PRICES_ADD, list=table, prices=bodies)
            faults = self._report(items, payload, whole=True)
            items = [item for item in items if item.key not in self._batch.outcomes] if faults else []

    def _report(self, items: list[Item[Price]], payload: Any, *, whole: bool = False) -> bool:
        """`whole`: one bad row kept the others out too, so that only it is reported."""
        faults = by_row(faults_of(payload), len(items))
        for row, item in enumerate(items):
            if row in faults:
                self._batch.failed(item, refused("price", faults[row]))
            elif not (whole and faults):
                self._batch.accepted(item, item.refs["sku"])
        return bool(faults)


def _gone(item: Item[Any]) -> Rejected:
    return Rejected(
        Text(f"A Shopify não tem mais o SKU {item.want.sku}.", f"Shopify has no SKU {item.want.sku} any more."),
        Text("Desvincule o SKU na integração e reenvie.", "Unlink the SKU in the integration, then retry."),
        code="sku.missing",
    )


gone_sku = _gone
