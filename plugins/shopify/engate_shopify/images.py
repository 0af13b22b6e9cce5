"""Images: a file under a name of ours (sent again, it replaces itself), then attached to the product, then set as the variant's picture."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engate import NotSent, Rejected, Text
from engate.model import Batch, Image, Item
from engate_shopify import bulk, translate
from engate_shopify import operations as op
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.groups import accepted_only, by_row, chunks, in_groups, lots
from engate_shopify.pricing import gone_sku

LOOKS = 6
PAUSE = 0.5
"""Seconds before the second look at a file, then growing: Shopify fetches and processes it by itself."""
DONE = ("READY", "FAILED")


class Images:
    """The images of one batch."""

    points = 2 + LOOKS
    """Points for an item: the reading of the variant's product, and the looks at a slow file."""

    def __init__(self, shop: Shopify, batch: Batch[Image]) -> None:
        self._shop, self._batch = shop, batch
        self._products: dict[str, str] = {}  # item -> product
        self._files: dict[str, str] = {}  # item -> file
        self._heard: dict[str, str] = {}  # variant -> file

    async def push(self) -> None:
        """The pictures of variants as one operation where there are many; files go 250 a call."""
        await self._prepare(accepted_only(self._batch, _check))
        chosen = [item for item in self._batch.unreported() if item.key in self._files]
        plan = bulk.Plan(chosen, op.VARIANTS_CHANGE, map(self._line, lots(self._by_product(chosen).values())))
        await bulk.push(self._shop, self._batch, self, plan if bulk.worth(self._batch, chosen) else None)

    # ---- what an operation answers ----

    def heard(self, payload: Mapping[str, Any]) -> None:
        self._heard |= {variant["id"]: media["id"] for variant in payload["productVariants"] for media in variant["media"]["nodes"]}

    async def finish(self) -> None:
        for item in self._batch.unreported():
            if item.refs["sku"] in self._heard:
                self._batch.accepted(item, self._heard[item.refs["sku"]])

    # ---- by calls ----

    async def alone(self, items: Sequence[Item[Image]]) -> None:
        await self._prepare([item for item in items if item.key not in self._files])
        groups = self._by_product(item for item in items if item.key not in self._batch.outcomes)
        await in_groups(self._batch, self._shop.settings.at_once, lots(groups.values()), self._pictures)

    async def _pictures(self, items: Sequence[Item[Image]]) -> None:
        payload = await self._shop.graphql(op.VARIANTS_UPDATE, **self._line(items))
        faults = by_row(faults_of(payload), len(items))
        for row, item in enumerate(items):
            if row in faults:
                self._batch.failed(item, refused("image", faults[row]))
            else:
                self._batch.accepted(item, self._files[item.key])

    def _by_product(self, items: Iterable[Item[Image]]) -> dict[str, list[Item[Image]]]:
        products: dict[str, list[Item[Image]]] = defaultdict(list)
        for item in items:
            products[self._products[item.key]].append(item)
        return products

    def _line(self, items: Sequence[Item[Image]]) -> Mapping[str, Any]:
        bodies = [{"id": item.refs["sku"], "mediaId": self._files[item.key]} for item in items]
        return {"id": self._products[items[0].key], "variants": bodies}

    # ---- files ----

    async def _prepare(self, items: Sequence[Item[Image]]) -> None:
        """Gives each item a file that is ready and attached to its product. An item that is no variant's picture is accepted then."""
        for part in chunks(items):
            found = await self._shop.graphql(op.VARIANTS, ids=[item.refs["sku"] for item in part])
            for item, variant in zip(part, found, strict=True):
                if variant:
                    self._products[item.key] = variant["product"]["id"]
                else:
                    self._batch.failed(item, gone_sku(item))
        await self._upload(self._open(items))
        await self._ready(self._open(items))
        await self._attach(self._open(items))
        for item in self._open(items):
            if not item.want.main:
                self._batch.accepted(item, self._files[item.key])

    def _open(self, items: Iterable[Item[Image]]) -> list[Item[Image]]:
        return [item for item in items if item.key not in self._batch.outcomes]

    async def _upload(self, items: Sequence[Item[Image]]) -> None:
        """Uploads files, or takes those that an earlier attempt made and did not finish."""
        begun = [item for item in items if item.remote is not None and item.unfinished and item.have is None and not item.uncertain]
        there = await self._statuses([item.remote for item in begun if item.remote is not None])
        self._files |= {item.key: item.remote for item in begun if item.remote is not None and there[item.remote] not in (None, "FAILED")}
        await self._all(
            [item for item in items if item.key not in self._files], op.FILE_CREATE, lambda item: translate.file_body(item.want), self._made
        )

    def _made(self, item: Item[Image], file: Mapping[str, Any]) -> None:
        self._files[item.key] = str(file["id"])
        self._batch.linked(item, str(file["id"]), unfinished=True)

    async def _all(
        self,
        items: Sequence[Item[Image]],
        operation: op.Operation,
        body: Callable[[Item[Image]], Mapping[str, Any]],
        done: Callable[[Item[Image], Mapping[str, Any]], None],
    ) -> None:
        """One bad entry keeps the others of its call out: they go again without it."""
        for part in chunks(items):
            left = list(part)
            while left:
                payload = await self._shop.graphql(operation, files=[body(item) for item in left])
                faults = by_row(faults_of(payload), len(left))
                for row, found in faults.items():
                    self._batch.failed(left[row], refused("image", found))
                if not faults:
                    for item, file in zip(left, payload["files"], strict=True):
                        done(item, file)
                left = self._open(left) if faults else []

    async def _statuses(self, files: Sequence[str]) -> dict[str, str | None]:
        """The status of each file; None where there is no such file."""
        found: dict[str, str | None] = {}
        for part in chunks(files):
            rows = await self._shop.graphql(op.FILES, ids=list(part))
            found |= {file: row["fileStatus"] if row else None for file, row in zip(part, rows, strict=True)}
        return found

    async def _ready(self, items: Sequence[Item[Image]]) -> None:
        waiting = list(items)
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE * look)
            now = await self._statuses([self._files[item.key] for item in waiting])
            for item in waiting:
                if now[self._files[item.key]] in (None, "FAILED"):
                    self._batch.failed(item, _unreadable(item))
            waiting = [item for item in waiting if now[self._files[item.key]] not in (None, *DONE)]
            if not waiting:
                return
        for item in waiting:
            self._batch.failed(item, _processing())

    async def _attach(self, items: Sequence[Item[Image]]) -> None:
        """Attaches files to their products. A file that may be attached already is looked for first."""
        todo: list[Item[Image]] = []
        for item in items:
            if (item.uncertain or item.have is not None) and await self._attached(item):
                continue
            todo.append(item)
        await self._all(
            todo,
            op.FILE_UPDATE,
            lambda item: {"id": self._files[item.key], "referencesToAdd": [self._products[item.key]]},
            lambda item, file: None,
        )

    async def _attached(self, item: Item[Image]) -> bool:
        held = await self._shop.graphql(op.PRODUCT_MEDIA, id=self._products[item.key])
        return held is not None and any(media["id"] == self._files[item.key] for media in held["media"]["nodes"])


def _check(item: Item[Image]) -> None:
    translate.linked(item, "sku", "o SKU", "SKU")
    translate.file_body(item.want)


def _unreadable(item: Item[Image]) -> Rejected:
    return Rejected(
        Text(f"A Shopify não conseguiu ler a imagem {item.want.url}", f"Shopify could not read the image {item.want.url}"),
        Text("Confira se o endereço é público e a imagem, válida.", "Check that the address is public and the image valid."),
        code="image.failed",
    )


def _processing() -> NotSent:
    return NotSent(
        Text("A Shopify ainda processa a imagem.", "Shopify still works on the image."),
        Text("O engate confere de novo sozinho.", "engate looks again by itself."),
        code="image.processing",
    )
