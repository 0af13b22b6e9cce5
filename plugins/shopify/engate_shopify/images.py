"""Images: a file by a name of ours (sent again, it replaces itself), then the product's, then the variant's picture."""

from __future__ import annotations

import asyncio
from typing import Any

from engate import Rejected, Text
from engate.model import Batch, Image, Item
from engate_shopify import operations as op
from engate_shopify import translate
from engate_shopify.client import Shopify, Turns, faults_of, refused
from engate_shopify.pricing import gone_sku, in_groups

LOOKS = 3
PAUSE = 0.5
"""Seconds before the second look, then growing: Shopify fetches and works on the file by itself."""
AGAIN = 10.0
"""Seconds between two looks at what takes longer."""
TICKET = "files"
"""Which files they are, the items say."""
WORKING = ("UPLOADED", "PROCESSING")


class Images:
    """The images of one batch. One that takes longer than a few looks is asked about later, by its file: `check_images`."""

    def __init__(self, shop: Shopify, batch: Batch[Image]) -> None:
        self._shop, self._batch = shop, batch
        self._turns = Turns()
        self._slow: list[Item[Image]] = []

    async def push(self) -> None:
        await in_groups(self._batch, self._shop.settings.at_once, [[item] for item in self._batch.items], self._push)
        if self._slow:
            self._batch.deferred(TICKET, AGAIN)

    async def check(self) -> float | None:
        """Of all that are still worked on in one call."""
        statuses = await self._statuses([item.remote or "" for item in self._batch.items])
        todo = [[item] for item, status in zip(self._batch.items, statuses, strict=True) if status not in WORKING]
        await in_groups(self._batch, self._shop.settings.at_once, todo, self._finish)
        return AGAIN if self._batch.unreported() else None

    async def _push(self, items: list[Item[Image]]) -> None:
        [item] = items
        body = translate.file_body(item.want)
        product = await self._product(item)
        async with self._turns.of(product):
            file = await self._file(item, body)
            if await self._ready(item, file):
                await self._attach(item, file, product)
            else:
                self._slow.append(item)

    async def _finish(self, items: list[Item[Image]]) -> None:
        [item] = items
        product = await self._product(item)
        async with self._turns.of(product):
            if await self._ready(item, item.remote or ""):
                await self._attach(item, item.remote or "", product)

    async def _product(self, item: Item[Image]) -> str:
        [variant] = await self._shop.graphql(op.VARIANTS, ids=[translate.linked(item, "sku", "o SKU", "SKU")])
        if not variant:
            raise gone_sku(item)
        return str(variant["product"]["id"])

    async def _file(self, item: Item[Image], body: dict[str, Any]) -> str:
        """The file that an attempt before made and did not finish, or the upload."""
        unfinished = item.remote is not None and item.made and item.have is None and not item.uncertain
        if unfinished and item.remote is not None and await self._status(item.remote) not in (None, "FAILED"):
            return item.remote
        made = await self._shop.do(op.FILE_CREATE, "image", files=[body])
        file = str(made["files"][0]["id"])
        self._batch.linked(item, file, made=True)
        return file

    async def _status(self, file: str) -> str | None:
        return (await self._statuses([file]))[0]

    async def _statuses(self, files: list[str]) -> list[str | None]:
        return [found and found["fileStatus"] for found in await self._shop.graphql(op.FILES, ids=files)]

    async def _ready(self, item: Item[Image], file: str) -> bool:
        """False: Shopify works on it still. `Rejected` where it cannot be read."""
        for look in range(LOOKS):
            status = await self._status(file)
            if status == "READY":
                return True
            if status not in WORKING:
                raise Rejected(
                    Text(f"A Shopify não conseguiu ler a imagem {item.want.url}", f"Shopify could not read the image {item.want.url}"),
                    Text("Confira se o endereço é público e a imagem, válida.", "Check that the address is public and the image valid."),
                    code="image.failed",
                )
            await asyncio.sleep(PAUSE * look)
        return False

    async def _attach(self, item: Item[Image], file: str, product: str) -> None:
        held = await self._shop.graphql(op.PRODUCT_MEDIA, id=product)
        if held is None or all(media["id"] != file for media in held["media"]["nodes"]):
            await self._shop.do(op.FILE_UPDATE, "image", files=[{"id": file, "referencesToAdd": [product]}])
        if item.want.main:
            payload = await self._shop.graphql(op.VARIANTS_UPDATE, id=product, variants=[{"id": item.refs["sku"], "mediaId": file}])
            if faults := faults_of(payload):
                raise refused("image", faults)
        self._batch.accepted(item, file)
