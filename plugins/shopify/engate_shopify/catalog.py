"""Collections for categories, the vendor for brands.

All that engate makes carries the ERP's key in a metafield of type id, which is unique in the shop: it is looked for before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engate import Rejected, Text
from engate.model import Batch, Brand, Category, Item
from engate.turns import Once
from engate_shopify import operations as op
from engate_shopify import translate
from engate_shopify.client import Shopify, faults_of, refused

OWNERS = ("PRODUCT", "COLLECTION")


async def define(shop: Shopify, definition: dict[str, Any]) -> None:
    """Makes a metafield definition. An existing one is fine. It is made without a pin where the shop's pins are used up."""
    faults = faults_of(await shop.graphql(op.DEFINE, definition=definition))
    if any(fault.get("code") == "PINNED_LIMIT_REACHED" for fault in faults):
        faults = faults_of(await shop.graphql(op.DEFINE, definition={**definition, "pin": False}))
    faults = [fault for fault in faults if fault.get("code") != "TAKEN"]
    if faults:
        raise _undefined(definition, faults)


def _undefined(definition: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> Rejected:
    name, said = f"{definition['namespace']}.{definition['key']} ({definition['ownerType']})", refused("definition", faults)
    return Rejected(
        Text(f"Sem a definição do metacampo {name}: {said.text.pt}", f"No definition of the metafield {name}: {said.text.en}"),
        Text(
            "Exclua no Admin (Dados personalizados) uma definição que não se usa, ou crie esta, e reenvie.",
            "In the Admin (Custom data) delete a definition that is not used, or make this one; then retry.",
        ),
        code=said.code,
    )


class Definitions:
    """The metafield definitions that lookups by the ERP's key need. Made once a process, by whoever needs them first."""

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self.made = Once(self._make)

    async def _make(self) -> bool:
        for owner in OWNERS:
            await define(self._shop, translate.definition(owner))
        return True


class Categories:
    """Flat collections: Shopify has no tree of them."""

    def __init__(self, shop: Shopify, batch: Batch[Category], definitions: Definitions) -> None:
        self._shop, self._batch, self._definitions = shop, batch, definitions

    async def push(self, item: Item[Category]) -> str:
        await self._definitions.made.get()
        title = translate.name_within(item.want.name, "category", item.key)
        collection = item.remote or await self._find(item)
        if collection is None:
            body = {"title": title, "metafields": [translate.metafield(item.want.key)]}
            made = await self._shop.do(op.COLLECTION_CREATE, "collection", collection=body)
            self._batch.linked(item, made["collection"]["id"], unfinished=True)
            return made["collection"]["id"]
        if "name" in translate.to_write(item, ("name",)):
            await self._shop.do(op.COLLECTION_UPDATE, "collection", collection={"id": collection, "title": title})
        return collection

    async def _find(self, item: Item[Category]) -> str | None:
        found = await self._shop.graphql(op.COLLECTION_BY_ID, identifier=translate.custom_id(item.want.key))
        if found is not None:
            self._batch.linked(item, found["id"], unfinished=item.uncertain)
        return found and found["id"]


async def push_brand(item: Item[Brand]) -> str:
    """A brand is a field of each product, so its name is its key. When it is renamed, its products change and are sent again."""
    return translate.name_within(item.want.name, "brand", item.key)
