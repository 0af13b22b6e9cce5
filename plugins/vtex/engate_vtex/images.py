"""Images of SKUs."""

from __future__ import annotations

from typing import Any

from engate.model import Image, Item
from engate.turns import Turns
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex
from engate_vtex.skus import FreshSkus


class Images:
    """The images of one batch. Those of one SKU take turns."""

    def __init__(self, vtex: Vtex, fresh: FreshSkus) -> None:
        self._vtex, self._fresh = vtex, fresh
        self._turns = Turns()

    async def push(self, item: Item[Image]) -> str:
        sku = translate.linked(item, "sku", "o SKU", "SKU")
        body = translate.image_body(item.want)
        async with self._turns.of(sku):
            if item.remote is not None and item.have is None and not item.uncertain:
                return item.remote
            if item.remote is not None and await self._replace(sku, item.remote, body):
                return item.remote
            files = await self._files(item, sku)
            if ours := translate.our_file(files, item.want):
                return ours
            if (theirs := translate.shop_file(files, item.want)) and item.have is None and not item.uncertain:
                return theirs
            return await self._create(
                sku, translate.image_body(item.want, main=item.want.main and not any(file.get("IsMain") for file in files))
            )

    async def _files(self, item: Item[Image], sku: str) -> list[dict[str, Any]]:
        """The images that the SKU has. After a timeout ours may be among them; at the first link, the shop's own."""
        if sku in self._fresh and not item.uncertain:
            return []
        answer = await self._vtex.call(at.FILES, sku=sku, expect=(404,))
        return [] if answer.status == 404 else answer.json(list[dict[str, Any]])

    async def _replace(self, sku: str, file: str, body: translate.Body) -> bool:
        """False where somebody has deleted the file."""
        answer = await self._vtex.call(at.FILE_UPDATE, sku=sku, file=file, body=body, expect=(404,))
        return answer.status != 404

    async def _create(self, sku: str, body: translate.Body) -> str:
        answer = await self._vtex.call(at.FILE_CREATE, sku=sku, body=body)
        said: dict[str, Any] | list[dict[str, Any]] = answer.json(dict[str, Any] | list[dict[str, Any]])
        made = said if isinstance(said, list) else [said]
        return str(next((file for file in reversed(made) if file.get("Name") == body["Name"]), made[-1])["Id"])
