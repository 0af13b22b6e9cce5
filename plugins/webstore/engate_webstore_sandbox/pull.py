"""The store's product routine: lists page by page to the last one that is stated, then asks for each product and its stock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from engate.shapes import is_object
from engate_webstore_sandbox.client import Client
from engate_webstore_sandbox.envelope import NO_SUCH_PAGE, NOTHING_FOUND, Said, day, listed, moment, number, text, whole
from engate_webstore_sandbox.goods import OWN, Article, Goods, Told, Unusable, fields_of, grade_of
from engate_webstore_sandbox.settings import Settings

VARIATION, PARENT = "V", "P"
LISTS = {"all": "produtos.pesquisa", "changed": "lista.atualizacoes.produtos", "levels": "lista.atualizacoes.estoque"}


class Report(msgspec.Struct):
    """What one run came to. `complete`: every page was read; `failed`: the ERP's id, or the page -> why."""

    what: str
    complete: bool = True
    pages: int = 0
    listed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    levels: int = 0
    failed: dict[str, str] = {}


class Broken(Exception):
    """A list could not be read to its end."""


class Pull:
    def __init__(self, client: Client, goods: Goods, settings: Callable[[], Settings]) -> None:
        self.client, self.goods, self.settings = client, goods, settings
        self.last: datetime | None = None  # when the last complete run over products began
        self.last_levels: datetime | None = None
        self._one = asyncio.Lock()

    async def run(self, what: str) -> Report:
        """all: every product; changed: those of which the ERP says so since the last run; levels: stock alone."""
        async with self._one:
            report = Report(what)
            began = self.client.ground.alarm.now()
            if what == "levels":
                await self._levels(report)
                self.last_levels = began if report.complete else self.last_levels
            else:
                await self._products(report, whole_list=what == "all" or self.last is None)
                self.last = began if report.complete else self.last
        effects = self.client.ground.counts().effects
        for name in ("created", "updated", "unchanged"):
            effects[f"products_{name}"] += getattr(report, name)
        effects["pulls"] += 1
        return report

    # ---- lists ----

    async def rows(self, service: str, fields: dict[str, Any], report: Report) -> list[dict[str, Any]]:
        """Raises Broken where a page cannot be read; nothing found is no page, and a page past the end is the end."""
        found: list[dict[str, Any]] = []
        page, last = 1, 1
        while page <= last:
            said = await self.client.call(service, {**fields, "pagina": page}, key=str(page))
            if said.verdict == "erro" and said.code in (NOTHING_FOUND, NO_SUCH_PAGE):
                break
            try:
                page_rows, last = self._page(said, page)
            except ValueError as error:
                report.complete = False
                report.failed[f"page {page}"] = str(error)
                raise Broken from error
            found += page_rows
            report.pages += 1
            page += 1
        report.listed += len(found)
        return found

    def _page(self, said: Said, page: int) -> tuple[list[dict[str, Any]], int]:
        if not said.ok:
            raise ValueError(str(said))
        told = whole(said.retorno.get("pagina"))
        if told != page:
            raise ValueError(f"page {told} was answered")
        rows = listed(said.retorno.get("produtos"), "produto")
        if not all(text(row.get("id")) for row in rows):
            raise ValueError("a row without id")
        return rows, whole(said.retorno.get("numero_paginas"))

    def _since(self, last: datetime | None) -> dict[str, Any]:
        """A moment, or the whole of today."""
        return {"dataAlteracao": moment(last) if last is not None else day(self.client.ground.alarm.now())}

    # ---- products ----

    async def _products(self, report: Report, *, whole_list: bool) -> None:
        service, fields = (LISTS["all"], {"pesquisa": ""}) if whole_list else (LISTS["changed"], self._since(self.last))
        try:
            rows = await self.rows(service, fields, report)
        except Broken:
            return
        kinds = {text(row["id"]): row.get("tipoVariacao") for row in rows}
        wanted = [id for id, kind in kinds.items() if kind != VARIATION]
        await self._each(wanted, report)
        done = set(wanted)
        parents = [await self._parent(id, report) for id, kind in kinds.items() if kind == VARIATION and not self._covered(id, done)]
        await self._each(dict.fromkeys(one for one in parents if one and one not in done), report)

    def _covered(self, id: str, done: set[str]) -> bool:
        """Whether this variation came with a product of this run."""
        held = self.goods.of_erp(id)
        return held is not None and held[0].erp in done

    async def _parent(self, id: str, report: Report) -> str:
        said = await self.client.call("produto.obter", {"id": id}, key=id)
        held = _inner(said).get("idProdutoPai")
        parent = str(held) if isinstance(held, (str, int)) else ""
        if parent in ("", "0"):
            report.failed[id] = f"a variation of no product: {said}"
            return ""
        return parent

    async def _each(self, ids: Iterable[str], report: Report) -> None:
        """As many at the same time as the client lets through."""
        waiting = list(reversed(list(ids)))

        async def work() -> None:
            while waiting:
                id = waiting.pop()
                try:
                    told = await self._obtain(id)
                    outcome = self.goods.put(told)
                except (Unusable, ValueError) as error:
                    report.failed[id] = str(error)
                    continue
                setattr(report, outcome, getattr(report, outcome) + 1)
                report.levels += len(told.levels)

        await asyncio.gather(*(work() for _ in range(self.settings().at_once)))

    async def _obtain(self, id: str) -> Told:
        doc = await self._doc(id)
        fields = fields_of(doc)
        kind = text(doc.get("tipoVariacao"))
        if kind == VARIATION:
            raise Unusable("a variation, listed as a product")
        if not fields.get("nome"):
            raise Unusable("no nome")
        if kind == PARENT:
            articles = [await self._variation(row) for row in listed(doc.get("variacoes"), "variacao")]
            if not articles:
                raise Unusable("a product of variations without one")
        else:
            articles = [_article(id, fields)]
        levels = await self._levels_of([article.erp for article in articles])
        return Told(id, fields, articles, levels, varied=kind == PARENT)

    async def _variation(self, row: dict[str, Any]) -> Article:
        """What stands with its parent; and what only its own answer tells, where it has one."""
        id = text(row.get("id"))
        if not id:
            raise Unusable("a variation without id")
        fields = fields_of({name: value for name, value in row.items() if name in OWN})
        if self.settings().variations == "each":
            fields = {**fields_of(await self._doc(id)), **fields}
        made = _article(id, fields)
        made.grade = grade_of(row.get("grade"))
        return made

    async def _doc(self, id: str) -> dict[str, Any]:
        said = await self.client.call("produto.obter", {"id": id}, key=id)
        doc = _inner(said)
        if text(doc.get("id")) != id:
            raise Unusable(f"another product was answered: {doc.get('id')!r}" if said.ok else str(said))
        return doc

    # ---- stock ----

    async def _levels_of(self, ids: list[str]) -> dict[str, Decimal]:
        if self.settings().stock == "off":
            return {}
        found: dict[str, Decimal] = {}
        for id in ids:
            said = await self.client.call("produto.obter.estoque", {"id": id}, key=id)
            if said.verdict == "erro" and said.code == NOTHING_FOUND:
                continue  # nobody says: the level stays
            doc = _inner(said)
            if text(doc.get("id")) != id:
                raise Unusable(f"no stock: {said}")
            found[id] = self._level(doc)
        return found

    def _level(self, doc: dict[str, Any]) -> Decimal:
        physical = number(doc.get("saldo"))
        return physical if self.settings().stock == "physical" else physical - number(doc.get("saldoReservado") or 0)

    async def _levels(self, report: Report) -> None:
        try:
            rows = await self.rows(LISTS["levels"], self._since(self.last_levels or self.last), report)
        except Broken:
            return
        for row in rows:
            id = text(row["id"])
            held = self.goods.of_erp(id)
            try:
                level = self._level(row)
            except ValueError as error:
                report.failed[id] = str(error)
                continue
            if held is None:
                report.failed[id] = "no product of this store"
                continue
            held[1].level = level
            report.levels += 1


def _article(id: str, fields: dict[str, Any]) -> Article:
    return Article(0, id, {name: value for name, value in fields.items() if name in OWN})


def _inner(said: Said) -> dict[str, Any]:
    """The one product of an answer; nothing where there is none."""
    held = said.retorno.get("produto") if said.ok else None
    return held if is_object(held) else {}
