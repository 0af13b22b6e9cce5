"""The fake ERP's plugin: the wire is the model, so nothing is translated."""

# pyright: standard
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import msgspec

from engate import Auth, Context, Erp, Forbidden, Http, Manifest, Rejected, Secret, Text, Token, Unknown, field
from engate.errors import Answered, AuthFailed
from engate.model import (
    Absent,
    Brand,
    Category,
    Check,
    Choice,
    ErpOrder,
    Found,
    Image,
    Imported,
    OrderPart,
    Page,
    PartRef,
    Price,
    Product,
    Query,
    Sku,
    StockLevel,
    Unsure,
    Warehouse,
)  # fmt: skip
from engate.model.kinds import KINDS


class OrderFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it asks for with each order, where its manifest says so (`FAKE_ERP_ASKING`)."""

    nature: Annotated[str, field("Natureza de operação", "Nature of the operation", choices="natures", min_length=1)]
    seller: Annotated[int, field("Vendedor", "Seller", ge=1)] = 1


class Settings(msgspec.Struct, frozen=True):
    """`search`: whether its orders can be searched; `at_once`: calls in flight."""

    base_url: str
    password: Secret
    search: bool = True
    at_once: int = 16
    timeout: float = 30.0


class _Login(Auth):
    def __init__(self, password: Secret) -> None:
        self._password = password

    async def login(self, http: Http) -> Token:
        answer = await http.plain("POST", "/login", body={"password": self._password.reveal()})
        if answer.status != 200:
            raise AuthFailed(Text("Senha recusada.", "Password refused."), Text("Corrija a senha da conexão.", "Fix the password."))
        return Token(answer.json(dict[str, str])["token"])

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"authorization": token.value}


class FakeErp(Erp):
    settles_within = 120.0

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.settings: Settings = context.settings
        login = _Login(self.settings.password)
        self._scoped = {kind.name for kind in KINDS.values() if kind.list_hook in self.scoped}
        self._also = {kind.name: self.together[kind.list_hook] for kind in KINDS.values() if kind.list_hook in self.together}
        self.http = context.http(self.settings.base_url, auth=login, at_once=self.settings.at_once, timeout=self.settings.timeout)

    async def test_connection(self) -> list[Check]:
        await self.http.call("GET", "/me")
        return [Check("login", True, Text("Login aceito.", "Login accepted."))]

    async def identity(self) -> str:
        return (await self.http.call("GET", "/me")).json(dict[str, str])["company"]

    async def _list(self, kind: str, item: Any, query: Query) -> AsyncIterator[Page[Any]]:
        """Page after page; a session that died inside a 200 is told from an empty list. No watermark is later than the beginning, which the
        cursor carries: what changed on a page that was read already would have an earlier stamp than what was seen after it."""
        after, _, began = (query.cursor or "0").partition("@")
        while after:
            params: dict[str, Any] = {"after": after}
            if query.since is not None:
                params["since"] = query.since
            if query.keys is not None:
                params["keys"] = "|".join(query.keys)
            if kind in self._scoped:
                params["scope"] = query.scope
            if kind in self._also:
                params["also"] = "|".join(sorted(self._also[kind]))
            answer = (await self.http.call("GET", f"/list/{kind}", operation=f"list {kind}", params=params)).json(dict[str, Any])
            if "denied" in answer:
                raise Forbidden(Text("Sem acesso.", "No access."), operation=f"list {kind}")
            after, began = answer["next"], began or answer.get("now", "")
            rows = msgspec.convert(answer["items"], list[item], strict=False)
            also = {name: msgspec.convert(items, list[KINDS[name].struct], strict=False) for name, items in answer.get("also", {}).items()}
            newest = answer["newest"] and min(answer["newest"], began)
            yield Page(rows, f"{after}@{began}" if after else None, newest, answer.get("total"), also)

    def list_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        return self._list(f"choice-{kind}", Choice, Query())

    def list_warehouses(self, query: Query) -> AsyncIterator[Page[Warehouse]]:
        return self._list("warehouse", Warehouse, query)

    def list_categories(self, query: Query) -> AsyncIterator[Page[Category]]:
        return self._list("category", Category, query)

    def list_brands(self, query: Query) -> AsyncIterator[Page[Brand]]:
        return self._list("brand", Brand, query)

    def list_products(self, query: Query) -> AsyncIterator[Page[Product]]:
        return self._list("product", Product, query)

    def list_skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        return self._list("sku", Sku, query)

    def list_images(self, query: Query) -> AsyncIterator[Page[Image]]:
        return self._list("image", Image, query)

    def list_prices(self, query: Query) -> AsyncIterator[Page[Price]]:
        return self._list("price", Price, query)

    def list_stock(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        return self._list("stock", StockLevel, query)

    def list_fulfilment(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        return self._list("order", ErpOrder, query)

    # ---- orders ----

    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        if not self.settings.search:
            return Absent() if part.attempt == 0 else Unsure("this ERP cannot be searched")
        found = (await self.http.call("GET", "/orders", params={"reference": part.reference})).json(list[ErpOrder])
        return Found(found[0].key, found[0].state) if found else Absent()

    async def import_order(self, part: OrderPart) -> Imported:
        body = {"reference": part.reference, "branch": part.branch, "items": part.items, "total": part.total, **_mapped(part)}
        made = (await self._send("POST", "/orders", body)).json(dict[str, Any])
        if not made.get("key"):
            raise Unknown(Text("Aceito sem número.", "Taken without a number."))
        return Imported(made["key"], made["state"])

    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        await self._send("POST", f"/orders/{part.key}/cancel", {"reason": reason})

    async def import_order_change(self, part: PartRef, wanted: OrderPart) -> None:
        await self._send("POST", f"/orders/{part.key}/change", {"items": wanted.items, "total": wanted.total, **_mapped(wanted)})

    async def finish_order(self, part: PartRef) -> None:
        await self._send("POST", f"/orders/{part.key}/finish", {})

    async def _send(self, method: str, path: str, body: object) -> Any:
        try:
            return await self.http.call(method, path, operation=path.rpartition("/")[2], body=body, safe=False)
        except Answered as error:
            raise Rejected(error.text, Text("Corrija no ERP.", "Fix it in the ERP."), code=f"fake.{error.status}") from None


FAKE_ERP = Manifest("fake_erp", "Fake ERP", "erp", Settings, "engate.testing.fake_erp.plugin:FakeErp", hook_api=4)
FAKE_ERP_ASKING = msgspec.structs.replace(FAKE_ERP, order_fields=OrderFields)


def _mapped(part: OrderPart) -> dict[str, Any]:
    return {"fields": part.fields, "mapped": [part.charge, part.terms, part.carrier]}
