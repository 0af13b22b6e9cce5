"""SKUs: the variants of a product, all of one product together. A variant that engate does not know is never deleted.

A new product has one default variant. It becomes the first SKU (its options are made from that one's), so nothing has to go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from engate import NotSent, Rejected, Text
from engate.model import Batch, Item, Sku
from engate_shopify import bulk, translate
from engate_shopify import operations as op
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.groups import accepted_only, by_row, chunks, in_groups, lots
from engate_shopify.products import gone

Variant = dict[str, Any]
Options = tuple[tuple[str, str], ...]
MOST = 250
SET_MOST = 100
"""Variants of a product that goes to `productSet`: as many as its answer shows."""
FRESH_AT_ONCE = 240
"""Products that one query can be asked about."""
FEW, MANY = 15, 100
"""Variants a reading asks for: most products have few, and a query is charged for what it may give."""


class Skus:
    """The SKUs of one batch."""

    points = 4
    """Points for an item: the reading of a new product."""

    def __init__(self, shop: Shopify, batch: Batch[Sku]) -> None:
        self._shop, self._batch = shop, batch
        self._heard: dict[str, Mapping[str, Any]] = {}

    async def push(self) -> None:
        """The variants of new products, or those that changed, as one operation where there are many of them."""
        accepted_only(self._batch, _of_a_product)
        await bulk.push(self._shop, self._batch, self, await self._plan())

    async def _plan(self) -> bulk.Plan[Sku] | None:
        items = self._batch.unreported()
        changed = [item for item in items if item.remote is not None and item.have is not None and item.have.options == item.want.options]
        if bulk.worth(self._batch, changed):
            return bulk.Plan(changed, op.VARIANTS_CHANGE, map(_change_line, lots(families(changed).values())))
        new = {
            product: held
            for product, held in families(items).items()
            if all(item.remote is None and not item.uncertain for item in held) and len(held) <= SET_MOST
        }
        if not bulk.worth(self._batch, [item for held in new.values() for item in held]):
            return None
        lines = await NewProducts(self._shop).lines(new)
        chosen = [item for product in lines for item in new[product]]
        return bulk.Plan(chosen, op.PRODUCT_SET, list(lines.values())) if bulk.worth(self._batch, chosen) else None

    # ---- what an operation answers ----

    def heard(self, payload: Mapping[str, Any]) -> None:
        for variant in payload["productVariants"] if "productVariants" in payload else payload["product"]["variants"]["nodes"]:
            self._heard[variant["sku"] or ""] = variant

    async def finish(self) -> None:
        for item in self._batch.unreported():
            variant = self._heard.get(item.want.key)
            if variant is not None and item.remote in (None, variant["id"]):
                self._batch.linked(item, variant["id"], unfinished=item.remote is None)
                self._batch.accepted(item, variant["id"], more=variant["inventoryItem"]["id"])

    # ---- by calls ----

    async def alone(self, items: Sequence[Item[Sku]]) -> None:
        await in_groups(self._batch, self._shop.settings.at_once, list(families(items).values()), self._family)

    async def _family(self, items: Sequence[Item[Sku]]) -> None:
        await Family(self._shop, self._batch, items[0].refs["product"]).push(list(items))


def _of_a_product(item: Item[Sku]) -> str:
    return translate.linked(item, "product", "o produto", "product")


def families(items: Iterable[Item[Sku]]) -> dict[str, list[Item[Sku]]]:
    """The items by product."""
    grouped: dict[str, list[Item[Sku]]] = defaultdict(list)
    for item in items:
        grouped[item.refs["product"]].append(item)
    return grouped


def _change_line(items: Sequence[Item[Sku]]) -> Mapping[str, Any]:
    bodies = [{"id": item.remote, **translate.variant_fields(item.want, translate.to_write(item, translate.SKU_OWNED))} for item in items]
    return {"id": items[0].refs["product"], "variants": bodies}


class NewProducts:
    """Products that engate made and that have no SKU yet. Only these go to `productSet`.

    `productSet` deletes what a given list leaves out, and keeps lists that are not given. So it gets only the variants and their options:
    other lists may change between our reading and the line.
    """

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop

    async def lines(self, new: Mapping[str, Sequence[Item[Sku]]]) -> dict[str, Mapping[str, Any]]:
        """The line of each product. A product that people changed since it was made has none."""
        made: dict[str, Mapping[str, Any]] = {}
        for part in chunks(list(new), FRESH_AT_ONCE):
            for found in await self._shop.graphql(op.FRESH, ids=part):
                line = self._line(found["id"], new[found["id"]]) if found and untouched(found) else None
                if line is not None:
                    made[found["id"]] = line
        return made

    def _line(self, product: str, items: Sequence[Item[Sku]]) -> Mapping[str, Any] | None:
        rows: list[tuple[Item[Sku], Options]] = []
        for item in items:
            try:
                options = translate.options_of(item.want, self._shop.settings.option_name)
            except Rejected:
                return None  # told where it is pushed by itself
            rows.append((item, translate.apart(options, (held for _, held in rows), item.want.key)))
        names = [name for name, _ in rows[0][1]]
        if any([name for name, _ in options] != names for _, options in rows):
            return None
        given = [{"name": name, "values": [{"name": value} for value in distinct(rows, name)]} for name in names]
        variants = [
            {**translate.variant_fields(item.want, set(translate.SKU_OWNED)), "optionValues": translate.option_values(options)}
            for item, options in rows
        ]
        return {"id": product, "input": {"productOptions": given, "variants": variants}}


def untouched(product: Mapping[str, Any]) -> bool:
    """Made by engate, with no picture and just the one variant that every new product has."""
    blank = not any(variant["sku"] or variant["barcode"] for variant in product["variants"]["nodes"])
    ours = product["metafield"] is not None
    return ours and blank and product["hasOnlyDefaultVariant"] and product["mediaCount"]["count"] == 0


def distinct(rows: Sequence[tuple[Item[Sku], Options]], name: str) -> list[str]:
    return list(dict.fromkeys(value for _, options in rows for held, value in options if held == name))


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
                self._batch.linked(item, variant["id"], unfinished=item.unfinished or item.uncertain, more=variant["inventoryItem"]["id"])
                known.append((item, variant))
        if not self._batch.may_defer:
            self._later(new)
            new = []
        if new and not known:
            first = new[0] if self._default else self._begun(new)
            if first is not None:
                new.remove(first)
                known.append((first, await self._adopt(first)))
        await self._update(known)
        await self._create(new)

    def _later(self, new: Sequence[Item[Sku]]) -> None:
        """While an operation runs no variant is made: a line of it may be of this product, and would delete variants that it does not
        name."""
        for item in new:
            self._batch.failed(item, _waits())

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
        """The linked variant, else the one that carries the ERP's key."""
        if item.remote is not None and (found := next((v for v in self._variants if v["id"] == item.remote), None)):
            return found
        return next((variant for variant in self._variants if variant["sku"] == item.want.key), None)

    async def _elsewhere(self, item: Item[Sku]) -> bool:
        """Whether the linked variant stands in another product; one that was deleted is made again."""
        [found] = await self._shop.graphql(op.VARIANTS, ids=[item.remote])
        return bool(found)

    def _begun(self, items: Sequence[Item[Sku]]) -> Item[Sku] | None:
        """The SKU whose options the default variant has already, without a key: the answer of an earlier attempt was lost."""
        if len(self._variants) != 1 or self._variants[0]["sku"] or self._variants[0]["barcode"]:
            return None
        for item in items:
            with suppress(Rejected):  # told where it is made
                if item.uncertain and _selected(self._variants[0]) == translate.options_of(item.want, self._shop.settings.option_name):
                    return item
        return None

    async def _adopt(self, item: Item[Sku]) -> Variant:
        """The default variant as this SKU: existing variants take the first value of an option that is made."""
        options = translate.options_of(item.want, self._shop.settings.option_name)
        if self._default:
            given = [{"name": name, "values": [{"name": value}]} for name, value in options]
            await self._shop.do(op.OPTIONS_CREATE, "options", id=self._product, options=given)
        variant = self._variants[0]
        variant["selectedOptions"] = [{"name": name, "value": value} for name, value in options]
        self._names, self._default = tuple(name for name, _ in options), False
        item.unfinished = True
        self._batch.linked(item, variant["id"], unfinished=True, more=variant["inventoryItem"]["id"])
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
        """A creation is all or nothing: entries that are refused are taken out, and the rest is sent again."""
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
                    self._batch.linked(item, made[item.want.key]["id"], unfinished=True)
                    self._accept(item, made[item.want.key])
                bodies = bodies[MOST:]
                continue
            for row, found in faults.items():
                self._batch.failed(part[row][0], refused("variant", found))
            bodies = [pair for pair in bodies if pair[0].key not in self._batch.outcomes]

    def _accept(self, item: Item[Sku], variant: Mapping[str, Any]) -> None:
        self._batch.accepted(item, variant["id"], more=variant["inventoryItem"]["id"])

    def _options(self, item: Item[Sku], but: Variant | None = None) -> Options:
        """The options of a SKU, under the product's own option names. A SKU with other names is refused."""
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


def _waits() -> NotSent:
    return NotSent(
        Text("Uma operação em massa de SKUs está em curso na Shopify.", "A bulk operation of SKUs is under way in Shopify."),
        Text("O engate tenta de novo sozinho quando ela acabar.", "engate tries again by itself when it is over."),
        code="bulk.later",
    )


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
