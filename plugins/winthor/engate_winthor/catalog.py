"""The catalogue: categories, brands, products, packagings and the addresses of their images."""

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from engate.model import Brand, Category, Image, Page, Product, Query, Sku
from engate_winthor import translate
from engate_winthor.checks import unavailable
from engate_winthor.client import Client
from engate_winthor.endpoints import Paged
from engate_winthor.lists import Lists, RowList, T, unique
from engate_winthor.rows import BrandRow, ProductRow, SkuRow, id_of, text


class _Packaging(NamedTuple):
    """What one row of the packagings becomes. `image` is None where the connection has no address of images."""

    sku: Sku
    image: Image | None

    @property
    def key(self) -> str:
        return self.sku.key


class Catalog:
    def __init__(self, client: Client, lists: Lists) -> None:
        self._client, self._lists = client, lists
        self._contract, self._settings = client.contract, client.settings
        self._branch = client.settings.main_branch

    async def categories(self, query: Query) -> AsyncIterator[Page[Category]]:
        """Departments, sections and categories: three lists, one tree. The cursor names the list ("section:3")."""
        rows, contract = self._client.rows, self._contract
        levels: dict[str, tuple[Paged, type[Any], Callable[[Any], Category]]] = {
            "department": (contract.departments, rows.department, translate.department),
            "section": (contract.sections, rows.section, translate.section),
            "category": (contract.categories, rows.category, translate.category),
        }
        names = list(levels)
        start, _, page = (query.cursor or names[0]).partition(":")
        for place in range(names.index(start), len(names)):
            call, kind, made = levels[names[place]]
            following = f"{names[place + 1]}:1" if place + 1 < len(names) else None
            reading = msgspec.structs.replace(query, cursor=page or None)
            page = ""
            async for part in self._lists.pages(reading, RowList[Any](call, kind, id_of), made):
                part.items = [item for item in part.items if query.keys is None or item.key in query.keys]
                part.cursor = f"{names[place]}:{part.cursor}" if part.cursor else following
                yield part

    async def brands(self, query: Query) -> AsyncIterator[Page[Brand]]:
        brands = RowList[BrandRow](self._contract.brands, self._client.rows.brand, id_of)
        async for page in self._lists.pages(query, brands, translate.brand):
            page.items = [item for item in page.items if query.keys is None or item.key in query.keys]
            yield page

    async def products(self, query: Query) -> AsyncIterator[Page[Product]]:
        """Asked with callOrigin=T (all items). With W (e-commerce items only) WinThor silently leaves out those with a missing link."""
        if query.keys is not None:
            yield Page([item for key in query.keys for item in await self._one_product(key)])
            return
        products = RowList[ProductRow](self._contract.products, self._client.rows.product, id_of)
        branch = {products.call.branch: self._branch}
        async for page in self._lists.pages(query, products, translate.product, keep=translate.for_shop, params=branch):
            yield page

    async def _one_product(self, key: str) -> list[Product]:
        call = self._contract.products
        path, params = self._contract.one_product.format(id=key), {**dict(parse_qsl(call.fixed)), call.branch: self._branch}
        found = await self._client.one(path, self._client.rows.product, params, operation=self._contract.one_product)
        return [translate.product(row) for row in found if text(row.id) == key and translate.for_shop(row)]

    async def skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        """SKUs, together with their images: the addresses of the images follow from the same rows."""
        template = "" if "list_images" in unavailable(self._settings) else self._settings.image_url
        async for page in self._sku_rows(query, lambda row: _Packaging(translate.sku(row), _image(row, template))):
            images = [each.image for each in page.items if each.image is not None]
            yield Page([each.sku for each in page.items], page.cursor, page.watermark, also={"image": images})

    async def images(self, query: Query) -> AsyncIterator[Page[Image]]:
        """WinThor serves no images: their addresses follow from the packagings."""
        if query.keys is not None:
            query = msgspec.structs.replace(query, keys=tuple(key.removesuffix("/0") for key in query.keys))
        template = self._settings.image_url
        async for page in self._sku_rows(query, lambda row: translate.image(row, template)):
            yield page

    async def _sku_rows(self, query: Query, made: Callable[[SkuRow], T]) -> AsyncIterator[Page[T]]:
        skus = RowList[SkuRow](self._contract.skus, self._client.rows.sku, translate.sku_key)
        branch = {skus.call.branch: self._branch}
        if query.keys is not None:
            products = dict.fromkeys(name.rpartition("-")[2] for name in query.keys)
            rows = await self._lists.picked(skus, products, lambda row, ask: text(row.product) == ask, branch)
            yield Page(unique(made(row) for row in rows if skus.key(row) in query.keys))
            return
        async for page in self._lists.pages(query, skus, made, params=branch):
            yield page


def _image(row: SkuRow, template: str) -> Image | None:
    return translate.image(row, template) if template else None
