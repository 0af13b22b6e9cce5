"""Categories and brands: linked by name before anything is created.

VTEX has no lookup by reference for either, so a batch reads the tree or the list once. Two items of one name take turns: the second
finds what the first has made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engate import Answered, NotSent, Rejected, Text
from engate.model import Batch, Brand, Category, Item
from engate.turns import Once, Turns
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex

LEVELS = 10
BRAND_PAGE = 1000
FIRST_BRAND = 2_000_000
"""Where VTEX's own brand ids begin."""

Tree = dict[tuple[str, str], str]
"""(parent's id or "", comparable name) -> id"""


class Categories:
    """The categories of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Category]) -> None:
        self._vtex, self._batch = vtex, batch
        self._tree = Once(self._read, keeps_failure=True)
        self._turns = Turns()

    async def push(self, item: Item[Category]) -> str:
        if item.remote is not None:
            await self._update(item, item.remote)
            return item.remote
        want = item.want
        parent = translate.linked(item, "parent", "a categoria pai", "parent category") if want.parent else ""
        place = (parent, translate.same_name(translate.name_of(want)))
        async with self._turns.of("/".join(place)):
            tree = await self._tree.get()
            if place not in tree:
                answer = await self._vtex.call(at.CATEGORY_CREATE, body=translate.category_body(want, parent or None))
                tree[place] = str(answer.json()["Id"])
            self._batch.linked(item, tree[place])
            return tree[place]

    async def _update(self, item: Item[Category], category: str) -> None:
        fields = translate.to_write(item, translate.CATEGORY_OWNED)
        if not fields:
            return
        body = (await self._vtex.call(at.CATEGORY, category=category)).json()
        if "parent" in fields:
            _stays(item, body)
        whole = translate.category_update(body, item.want, fields)
        if translate.differs(body, whole):
            await self._vtex.call(at.CATEGORY_UPDATE, category=category, body=whole)

    async def _read(self) -> Tree:
        answer = await self._vtex.call(at.CATEGORY_TREE, levels=LEVELS)
        return dict(_walk(answer.json(list[dict[str, Any]]), ""))


def _walk(nodes: list[dict[str, Any]], parent: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Every node of the tree; of two siblings of one name the first (older) counts."""
    seen: set[str] = set()
    for node in nodes:
        name = translate.same_name(node["name"])
        if name not in seen:
            seen.add(name)
            yield (parent, name), str(node["id"])
        yield from _walk(node.get("children") or [], str(node["id"]))


def _stays(item: Item[Category], body: Mapping[str, Any]) -> None:
    """Moving a category makes VTEX inherit the specifications anew: a person does that."""
    wanted = item.refs.get("parent") if item.want.parent else None
    stands = body.get("FatherCategoryId")
    if (str(stands) if stands else None) != (wanted or None):
        raise Rejected(
            Text(
                f"A categoria {item.want.name} mudou de pai no ERP; mover na VTEX refaz as especificações dos produtos.",
                f"The category {item.want.name} has another parent in the ERP now; moving it in VTEX redoes its products' specifications.",
            ),
            Text(
                "Mova a categoria no Admin (Catálogo > Categorias) e reenvie.", "Move it in the Admin (Catalog > Categories), then retry."
            ),
            code="category.moved",
        )


class Brands:
    """The brands of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Brand]) -> None:
        self._vtex, self._batch = vtex, batch
        self._list = Once(self._read, keeps_failure=True)
        self._turns = Turns()

    async def push(self, item: Item[Brand]) -> str:
        if item.remote is not None:
            await self._update(item, item.remote)
            return item.remote
        name = translate.same_name(translate.name_of(item.want))
        async with self._turns.of(name):
            brands = await self._list.get()
            if name not in brands.by_name:
                brands.by_name[name] = await self._create(item.want, brands.next_number())
            self._batch.linked(item, brands.by_name[name])
            return brands.by_name[name]

    async def _create(self, want: Brand, number: int) -> str:
        try:
            answer = await self._vtex.call(at.BRAND_CREATE, body=translate.brand_body(want, number))
        except Answered as refused:
            if number in (await self._read()).numbers:
                raise NotSent(
                    Text(
                        f"O ID de marca {number} acaba de ser usado por outro.",
                        f"The brand id {number} has just been taken by somebody else.",
                    ),
                    code="brand.number_taken",
                ) from refused
            raise
        return str(answer.json()["Id"])

    async def _update(self, item: Item[Brand], brand: str) -> None:
        fields = translate.to_write(item, translate.BRAND_OWNED)
        if not fields:
            return
        body = (await self._vtex.call(at.BRAND, brand=brand)).json()
        whole = translate.brand_update(body, item.want, fields)
        if translate.differs(body, whole):
            await self._vtex.call(at.BRAND_UPDATE, brand=brand, body=whole)

    async def _read(self) -> BrandList:
        found = BrandList()
        page, pages = 1, 1
        while page <= pages:
            answer = (await self._vtex.call(at.BRANDS, query={"pageSize": BRAND_PAGE, "page": page})).json()
            pages = answer["paging"]["pages"]
            for brand in answer["items"]:
                found.add(int(brand["id"]), brand["name"])
            page += 1
        return found


class BrandList:
    """What the shop has, by comparable name (of two the older counts), and the next free id."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}
        self.numbers: set[int] = set()
        self._next = FIRST_BRAND

    def add(self, number: int, name: str) -> None:
        self.by_name.setdefault(translate.same_name(name), str(number))
        self.numbers.add(number)
        self._next = max(self._next, number + 1)

    def next_number(self) -> int:
        number, self._next = self._next, self._next + 1
        return number
