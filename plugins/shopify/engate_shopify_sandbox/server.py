"""The Shopify sandbox: what it listens to, who may call, what a call is named in ledger and faults."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import msgspec
from aiohttp import web

from engate.clock import ManualClock, ShiftedClock
from engate.shapes import is_array, is_object
from engate.testing.facts import Description, OrderState, Sale, Seed, SkuState
from engate.testing.sandbox import Answer, Call, Operation, Sandbox
from engate_shopify_sandbox import (
    access,
    base,
    bulk,
    cancelling,
    edits,
    fulfilment,
    graph,
    groups,
    media,
    metafields,
    orders,
    prices,
    product_set,
    products,
    publishing,
    stock,
    variants,
    webhooks,
)
from engate_shopify_sandbox.access import Access, Token
from engate_shopify_sandbox.bulk import Bulk
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.control import Control
from engate_shopify_sandbox.cost import Bucket
from engate_shopify_sandbox.engine import Asked, Engine
from engate_shopify_sandbox.idempotency import Keys
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.webhooks import Webhooks

GRAPH = "/admin/api/{version}/graphql.json"
TOKEN = "/admin/oauth/access_token"  # noqa: S105  # a path
NAME = "POST graphql"
MODULES = (
    base, bulk, cancelling, edits, fulfilment, groups, media, metafields, orders, prices, product_set, products, publishing,
    stock, variants,
    webhooks,
)  # fmt: skip
"""Imported for the fields they answer."""
KEYS = ("sku", "productId", "inventoryItemId", "ownerId", "priceListId", "id", "value", "handle", "title", "name")
"""Of a call that concerns no order: what its fault key is made of, the first that its variables hold."""


class ShopifySandbox(Sandbox):
    platform: ClassVar[str] = "shopify"
    role: ClassVar[Literal["erp", "storefront"]] = "storefront"

    def __init__(
        self, *, limits: bool = True, clock: ManualClock | ShiftedClock | None = None, seed: int = 0, plan: str = "standard"
    ) -> None:
        super().__init__(limits=limits, clock=clock, seed=seed)
        self.shop = Shop(self.clock.now, self.random)
        self.shop.settings.plan = plan
        self.access = Access(self.clock.now, self.random)
        self.bucket = Bucket()
        self.bucket.plan(plan if limits else "unlimited")
        self.engine = Engine(Keys(self.shop.settings), self.bucket)
        self.engine.enforced = limits
        if not limits:
            self.bucket.unlimited()
        self.webhooks = Webhooks(self.shop, self.access, self.faults, lambda: self.counts)
        self.shop.begin, self.shop.tell = self.webhooks.begin, self.webhooks.tell
        self.bulk = Bulk(self.shop, self.engine, lambda token: self._context(token, in_bulk=True), lambda: self.counts)
        self.control = Control(self.shop, self)

    def _context(self, token: Token, *, in_bulk: bool = False) -> Context:
        return Context(self.shop, token, self.webhooks, self.bulk, self.base_url, in_bulk)

    def application(self) -> web.Application:
        app = super().application()
        app.cleanup_ctx.extend((self.webhooks.pump.running, self.bulk.running))
        return app

    # ---- operations ----

    def operations(self) -> Iterable[Operation]:
        yield Operation("POST", GRAPH, self._graph, "graphql", self._fault_key, self._only_reads, self._named)
        yield Operation("POST", TOKEN, self.access.exchange, "token", reads=True)
        yield Operation("POST", bulk.UPLOADS, self.bulk.upload, "files")
        yield Operation("GET", f"{bulk.RESULTS}{{number}}", self.bulk.result, "files")
        yield Operation("*", "/{unknown:.*}", lambda call: _not_found(), reads=True)

    def _graph(self, call: Call) -> Answer:
        version = access.served(call.params["version"], self.clock.now())
        if version is None:
            return _not_found()
        headers = {"X-Shopify-API-Version": version, "X-Request-ID": f"{self.random.getrandbits(128):032x}"}
        asked = _asked(call)
        if asked is None:
            return Answer(400, {"errors": {"query": "Required parameter missing or invalid"}}, headers, wrote=False)
        token = self.access.token(call)
        assert token is not None, "authorise comes first"
        cancelling.settle(self.shop)
        self.shop.begin()
        settings = self.shop.settings
        if settings.internal:
            settings.internal -= 1
            return Answer(200, self._internal(headers), headers, wrote=False)
        run = self.engine.run(asked, self._context(token))
        if settings.internal_applied:
            settings.internal_applied -= 1
            return Answer(200, self._internal(headers), headers, wrote=run.wrote)
        return Answer(200, run.body, headers, wrote=run.wrote, rows=run.rows)

    def _internal(self, headers: dict[str, str]) -> dict[str, object]:
        request = headers["X-Request-ID"]
        message = f"Internal error. Looks like something went wrong on our end.\nRequest ID: {request} (include this in support requests)."
        error = {"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request}}
        return {"errors": [error], "extensions": {"cost": self.engine.told(1, 1)}}

    # ---- how a call is named, counted and hit by faults ----

    def _operation(self, call: Call) -> Any:
        asked = _asked(call)
        return graph.read(asked.query).operation(asked.operationName) if asked is not None else None

    def _named(self, call: Call) -> str:
        operation = self._operation(call)
        return f"{NAME} {graph.root_field(operation)}" if operation is not None else f"{NAME} ?"

    def _only_reads(self, call: Call) -> bool:
        operation = self._operation(call)
        return operation is None or operation.operation.value != "mutation"

    def _fault_key(self, call: Call) -> str:
        """The number of the sale where an order is concerned; else the operation and the first key that its variables hold."""
        asked = _asked(call)
        if asked is None:
            return call.operation
        texts = list(_texts(asked.variables or {}, ""))
        for _, text in texts:
            if (number := self.control.sale_of(text)) is not None:
                return str(number)
        for name in KEYS:
            for found, text in texts:
                if found == name:
                    return f"{call.operation}|{text}"
        digest = blake2b(msgspec.json.encode([asked.query, asked.variables]), digest_size=6).hexdigest()
        return f"{call.operation}|{digest}"

    # ---- who may call, and how often ----

    def authorise(self, call: Call) -> Answer | None:
        if self.access.frozen:
            return Answer(self.access.frozen, {"errors": "Unavailable Shop"}, wrote=False)
        if call.operation.startswith(NAME) and self.access.token(call) is None:
            return access.unauthorised()
        return None

    def rate(self, operation: Operation, call: Call) -> Answer | None:
        if operation.group != "graphql" or (asked := _asked(call)) is None:
            return None
        settings = self.shop.settings
        body = self.engine.throttled(asked, settings.throttle > 0)
        if body is None:
            return None
        settings.throttle = max(0, settings.throttle - 1)
        return Answer(200, body, wrote=False)

    def too_many(self, operation: Operation) -> Answer:
        """Of an edge before the API; the API itself says THROTTLED in a 200."""
        del operation
        return Answer(429, {"errors": "Exceeded 2 calls per second for api client."}, {"Retry-After": "2.0"}, wrote=False)

    def refused(self, status: Literal[401, 403]) -> Answer:
        if status == 401:  # noqa: PLR2004
            return access.unauthorised()
        error = {"message": "Access denied.", "extensions": {"code": "ACCESS_DENIED"}}
        return Answer(200, {"errors": [error], "extensions": {"cost": self.engine.told(1, 0)}}, wrote=False)

    def server_error(self) -> Answer:
        return Answer(500, {"errors": "Internal Server Error"}, {"X-Request-ID": f"{self.random.getrandbits(128):032x}"}, wrote=False)

    # ---- the control protocol ----

    def describe(self) -> Description:
        return self.control.describe(self.base_url)

    def seed(self, seed: Seed) -> dict[str, object]:
        return self.control.seed(seed)

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        return self.control.sell(sales)

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        return self.control.cancel(keys, reason)

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        return self.control.progress(to, keys)

    def advanced(self) -> None:
        cancelling.settle(self.shop)
        self.bulk.settle()
        self.webhooks.wake()

    def state(self) -> list[SkuState]:
        return self.control.state()

    def orders(self) -> list[OrderState]:
        return self.control.orders()

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        return self.control.corrupt(kind, key)


def _asked(call: Call) -> Asked | None:
    try:
        return msgspec.json.decode(call.body, type=Asked)
    except msgspec.MsgspecError:
        return None


def _texts(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if is_object(value):
        for key, inner in value.items():
            yield from _texts(inner, key)
    elif is_array(value):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, str):
        yield name, value


def _not_found() -> Answer:
    return Answer(404, {"errors": "Not Found"}, wrote=False)
