"""SKUs: the variants of a product, all of one product together. A variant that engate does not know is never deleted.

A new product has one default variant. It becomes the first SKU (its options are made from that one's), so nothing has to go.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from engate import AuthFailed, EngateError, Forbidden, Rejected, Text
from engate.model import Batch, Item, Sku
from engate_shopify import operations as op
from engate_shopify import translate
from engate_shopify.catalog import gone
from engate_shopify.client import Shopify, faults_of, refused, row_of

Variant = dict[str, Any]
Options = tuple[tuple[str, str], ...]
MOST = 250
FEW, MANY = 15, 100
"""Variants a reading asks for: most products have few, and a query is charged for what it may give."""


class Skus:
    """The SKUs of one batch."""

    def __init__(self, shop: Shopify, batch: Batch[Sku]) -> None:
        self._shop, self._batch = shop, batch

    async def push(self) -> None:
        grouped: dict[str, list[Item[Sku]]] = defaultdict(list)
        for item in self._batch.items:
            try:
                grouped[translate.linked(item, "product", "o produto", "product")].append(item)
            except Rejected as error:
                self._batch.failed(item, error)
        places = asyncio.Semaphore(self._shop.settings.at_once)

        async def one(product: str, items: list[Item[Sku]]) -> None:
            async with places:
                try:
                    await Family(self._shop, self._batch, product).push(items)
                except (AuthFailed, Forbidden):
                    raise
                except EngateError as error:
                    for item in items:
                        if item.key not in self._batch.outcomes:
                            self._batch.failed(item, error)

        try:
            async with asyncio.TaskGroup() as group:
                for product, items in grouped.items():
                    group.create_task(one(product, items))
        except* (AuthFailed, Forbidden) as stopped:
            error = stopped.exceptions[0]
            for item in self._batch.unreported():
                self._batch.failed(item, error if isinstance(error, EngateError) else AuthFailed(Text("", "")))


class Family:
    """One product and its variants."""

    def __init__(self, shop: Shopify, batch: Batch[Sku], product: str) -> None:
        self._shop, self._batch, self._product = shop, batch, product
        self._variants: list[Variant] = []
        self._names: tuple[str, ...] = ()
        self._default = False

    async def push(self, items: list[Item[Sku]]) -> None:
        await self._read(items[0])
        new: list[Item[Sku]] = []
        known: list[tuple[Item[Sku], Variant]] = []
        for item in items:
            variant = self._of(item)
            if variant is None and item.remote is not None and await self._elsewhere(item):
                self._batch.failed(item, _elsewhere(item))
            elif variant is None:
                new.append(item)
            else:
                self._batch.linked(item, variant["id"], made=item.made or item.uncertain, more=variant["inventoryItem"]["id"])
                known.append((item, variant))
        if new and self._default and not known:
            first = new.pop(0)
            known.append((first, await self._adopt(first)))
        await self._update(known)
        await self._create(new)

    async def _read(self, item: Item[Sku]) -> None:
        after: str | None = None
        first = FEW
        while True:
            found = await self._shop.graphql(op.PRODUCT_VARIANTS, id=self._product, first=first, after=after)
            if found is None:
                raise gone(item, self._product)
            self._variants += found["variants"]["nodes"]
            self._names = tuple(option["name"] for option in found["options"])
            self._default = bool(found["hasOnlyDefaultVariant"])
            if not found["variants"]["pageInfo"]["hasNextPage"]:
                return
            after, first = found["variants"]["pageInfo"]["endCursor"], MANY

    def _of(self, item: Item[Sku]) -> Variant | None:
        """The linked one, else the one that carries the ERP's key."""
        if item.remote is not None and (found := next((v for v in self._variants if v["id"] == item.remote), None)):
            return found
        return next((variant for variant in self._variants if variant["sku"] == item.want.key), None)

    async def _elsewhere(self, item: Item[Sku]) -> bool:
        """Whether the linked variant stands in another product; one that was deleted is made again."""
        [found] = await self._shop.graphql(op.VARIANTS, ids=[item.remote])
        return bool(found)

    async def _adopt(self, item: Item[Sku]) -> Variant:
        """The default variant as this SKU: existing variants take the first value of an option that is made."""
        options = translate.options_of(item.want, self._shop.settings.option_name)
        given = [{"name": name, "values": [{"name": value}]} for name, value in options]
        await self._shop.do(op.OPTIONS_CREATE, "options", id=self._product, options=given)
        variant = self._variants[0]
        variant["selectedOptions"] = [{"name": name, "value": value} for name, value in options]
        self._names, self._default = tuple(name for name, _ in options), False
        item.made = True
        self._batch.linked(item, variant["id"], made=True, more=variant["inventoryItem"]["id"])
        return variant

    # ---- writing ----

    async def _update(self, known: list[tuple[Item[Sku], Variant]]) -> None:
        todo: list[tuple[Item[Sku], Variant, dict[str, Any]]] = []
        for item, variant in known:
            fields = translate.to_write(item, translate.SKU_OWNED)
            body = translate.variant_fields(item.want, fields)
            if "options" in fields and item.have is not None and item.have.options != item.want.options:
                body["optionValues"] = translate.option_values(self._options(item, but=variant))
            if _same(variant, body):
                self._accept(item, variant)
            else:
                todo.append((item, variant, {"id": variant["id"], **body}))
        for start in range(0, len(todo), MOST):
            part = todo[start : start + MOST]
            payload = await self._shop.graphql(op.VARIANTS_UPDATE, id=self._product, variants=[body for _, _, body in part])
            faults = by_row(faults_of(payload), len(part))
            for row, (item, variant, _) in enumerate(part):
                if row in faults:
                    self._batch.failed(item, refused("variant", faults[row]))
                else:
                    self._accept(item, variant)

    async def _create(self, new: list[Item[Sku]]) -> None:
        """A creation is all or nothing: what is refused by itself goes out, and the rest again."""
        bodies: list[tuple[Item[Sku], dict[str, Any]]] = []
        for item in new:
            try:
                options = self._options(item)
            except Rejected as error:
                self._batch.failed(item, error)
                continue
            self._variants.append({"id": "", "sku": item.want.key, "selectedOptions": [{"name": n, "value": v} for n, v in options]})
            fields = translate.variant_fields(item.want, set(translate.SKU_OWNED))
            bodies.append((item, {**fields, "optionValues": translate.option_values(options)}))
        while bodies:
            part = bodies[:MOST]
            payload = await self._shop.graphql(op.VARIANTS_CREATE, id=self._product, variants=[body for _, body in part])
            faults = by_row(faults_of(payload), len(part))
            if not faults:
                made = {variant["sku"]: variant for variant in payload["productVariants"]}
                for item, _ in part:
                    self._batch.linked(item, made[item.want.key]["id"], made=True)
                    self._accept(item, made[item.want.key])
                bodies = bodies[MOST:]
                continue
            for row, found in faults.items():
                self._batch.failed(part[row][0], refused("variant", found))
            bodies = [pair for pair in bodies if pair[0].key not in self._batch.outcomes]

    def _accept(self, item: Item[Sku], variant: Mapping[str, Any]) -> None:
        self._batch.accepted(item, variant["id"], more=variant["inventoryItem"]["id"])

    def _options(self, item: Item[Sku], but: Variant | None = None) -> Options:
        """In the product's own option names; they cannot be others than the product's."""
        options = translate.options_of(item.want, self._names[0] if not item.want.options and len(self._names) == 1 else
                                       self._shop.settings.option_name)  # fmt: skip
        if {name.casefold() for name, _ in options} != {name.casefold() for name in self._names}:
            asked, there = ", ".join(name for name, _ in options), ", ".join(self._names)
            raise Rejected(
                Text(
                    f"O SKU {item.key} tem as opções {asked}; o produto na Shopify tem {there}.",
                    f"SKU {item.key} has the options {asked}; the product in Shopify has {there}.",
                ),
                Text("Acerte as opções do produto no Admin e reenvie.", "Correct the product's options in the Admin, then retry."),
                code="sku.options",
            )
        return translate.apart(options, (_selected(variant) for variant in self._variants if variant is not but), item.want.key)


def _elsewhere(item: Item[Sku]) -> Rejected:
    return Rejected(
        Text(f"O SKU {item.key} está em outro produto da Shopify.", f"SKU {item.key} stands in another product of Shopify."),
        Text(
            "Junte-os no Admin no produto certo, ou esqueça a ligação do SKU, e reenvie.",
            "Bring them into the right product in the Admin, or forget the SKU's link; then retry.",
        ),
        code="sku.elsewhere",
    )


def _selected(variant: Mapping[str, Any]) -> Options:
    return tuple((option["name"], option["value"]) for option in variant["selectedOptions"])


def _same(variant: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    held, wanted = variant["inventoryItem"], body["inventoryItem"]
    weight = wanted.get("measurement", {}).get("weight")
    return (
        "optionValues" not in body
        and variant["sku"] == wanted["sku"]
        and held["tracked"] == wanted["tracked"]
        and ("barcode" not in body or variant["barcode"] == body["barcode"])
        and (weight is None or (held["measurement"].get("weight") or {}) == weight)
    )


def by_row(faults: Iterable[Mapping[str, Any]], rows: int) -> dict[int, list[Mapping[str, Any]]]:
    """The refusals of each entry; one that names none is of all of them."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for fault in faults:
        row = row_of(fault)
        for at in range(rows) if row is None or row >= rows else (row,):
            found[at].append(fault)
    return dict(found)
