"""Images: a file by a name of ours (sent again, it replaces itself), then the product's, then the variant's picture."""

from __future__ import annotations

import asyncio
from typing import Any

from engate import NotSent, Rejected, Text
from engate.model import Batch, Image, Item
from engate_shopify import operations as op
from engate_shopify import translate
from engate_shopify.client import Shopify, Turns, faults_of, refused
from engate_shopify.pricing import gone_sku

LOOKS = 6
PAUSE = 0.5
"""Seconds before the second look, then growing: Shopify fetches and works on the file by itself."""


class Images:
    """The images of one batch."""

    def __init__(self, shop: Shopify, batch: Batch[Image]) -> None:
        self._shop, self._batch = shop, batch
        self._turns = Turns()

    async def push(self, item: Item[Image]) -> str:
        sku = translate.linked(item, "sku", "o SKU", "SKU")
        body = translate.file_body(item.want)
        [variant] = await self._shop.graphql(op.VARIANTS, ids=[sku])
        if not variant:
            raise gone_sku(item)
        product = variant["product"]["id"]
        async with self._turns.of(product):
            file = await self._file(item, body)
            await self._ready(item, file)
            await self._attach(file, product, sku if item.want.main else None)
        return file

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
        [found] = await self._shop.graphql(op.FILES, ids=[file])
        return found["fileStatus"] if found else None

    async def _ready(self, item: Item[Image], file: str) -> None:
        for look in range(LOOKS):
            match await self._status(file):
                case "READY":
                    return
                case "FAILED" | None:
                    raise Rejected(
                        Text(f"A Shopify não conseguiu ler a imagem {item.want.url}", f"Shopify could not read the image {item.want.url}"),
                        Text(
                            "Confira se o endereço é público e a imagem, válida.", "Check that the address is public and the image valid."
                        ),
                        code="image.failed",
                    )
                case _:
                    await asyncio.sleep(PAUSE * look)
        raise NotSent(
            Text("A Shopify ainda processa a imagem.", "Shopify still works on the image."),
            Text("O engate confere de novo sozinho.", "engate looks again by itself."),
            code="image.processing",
        )

    async def _attach(self, file: str, product: str, sku: str | None) -> None:
        held = await self._shop.graphql(op.PRODUCT_MEDIA, id=product)
        if held is None or all(media["id"] != file for media in held["media"]["nodes"]):
            await self._shop.do(op.FILE_UPDATE, "image", files=[{"id": file, "referencesToAdd": [product]}])
        if sku is None:
            return
        payload = await self._shop.graphql(op.VARIANTS_UPDATE, id=product, variants=[{"id": sku, "mediaId": file}])
        if faults := faults_of(payload):
            raise refused("image", faults)
