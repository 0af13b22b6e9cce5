"""The stand-in for Webstore: a client of the ERP's API, told what to do by the control protocol, and the address of its stock webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import msgspec
from aiohttp import web

from engate.clock import ManualClock, ShiftedClock
from engate.testing.facts import Description, OrderState, Sale, Seed, SkuState
from engate.testing.outgoing import Outgoing
from engate.testing.sandbox import Answer, Call, Operation, Sandbox
from engate_webstore_sandbox import malformed, stock
from engate_webstore_sandbox.alarm import Alarm
from engate_webstore_sandbox.client import Client, Ground
from engate_webstore_sandbox.control import Control
from engate_webstore_sandbox.events import Events
from engate_webstore_sandbox.exchanges import Exchanges
from engate_webstore_sandbox.goods import Goods
from engate_webstore_sandbox.poll import Poll
from engate_webstore_sandbox.pull import LISTS, Pull
from engate_webstore_sandbox.push import Asked, Push
from engate_webstore_sandbox.routines import Routines
from engate_webstore_sandbox.sales import Sales
from engate_webstore_sandbox.settings import Settings, merged
from engate_webstore_sandbox.stock import Ledgers, Stock

TIMEOUT = 30.0
"""Seconds that one call to the ERP may take."""


class WebstoreSandbox(Sandbox):
    platform: ClassVar[str] = "webstore"
    role: ClassVar[Literal["erp", "storefront"]] = "storefront"

    def __init__(
        self, *, limits: bool = True, clock: ManualClock | ShiftedClock | None = None, seed: int = 0, timeout: float = TIMEOUT
    ) -> None:
        """`limits` off: it does not keep to the limit that the ERP tells, whatever its settings say."""
        super().__init__(limits=limits, clock=clock, seed=seed)
        self.settings = Settings()
        self.alarm, self.exchanges, self.goods = Alarm(self.clock.now), Exchanges(), Goods()
        self.sales = Sales(self.goods)
        self.client = Client(
            Ground(lambda: self.settings, lambda: self.counts, self.faults, self.alarm, self.exchanges), Outgoing(timeout), limits=limits
        )
        self.pull = Pull(self.client, self.goods, lambda: self.settings)
        self.push = Push(self.client, self.sales, lambda: self.settings, self.random)
        self.poll = Poll(self.client, self.sales)
        self.events = Events(self.faults, self.alarm, lambda: self.counts)
        self.stock = Stock(self.goods, lambda: self.settings, Ledgers(lambda: self.counts, self.exchanges), self.clock.now)
        self.control = Control(self.goods, self.sales, self.events)
        self.routines = Routines(self.client, self.events, self.pull, self.push, self.poll)

    def application(self) -> web.Application:
        app = super().application()
        app.cleanup_ctx.append(self.routines.running)
        return app

    # ---- what calls it: the stock webhook ----

    def operations(self) -> Iterable[Operation]:
        yield Operation("POST", stock.PATH, self.stock.take, "webhook", stock.fault_key)
        for method in ("GET", "HEAD"):
            yield Operation(method, stock.PATH, self.stock.probe, "webhook")
        yield Operation("*", "/{unknown:.*}", self._not_found, reads=True)

    def authorise(self, call: Call) -> Answer | None:
        """The address itself is the secret."""
        if "key" not in call.params or (call.params["store"], call.params["key"]) == (self.settings.store, stock.KEY):
            return None
        return self._not_found(call)

    def _not_found(self, call: Call) -> Answer:
        return stock.echoed(call, _not_found(), self.settings)

    def too_many(self, operation: Operation) -> Answer:
        del operation
        return Answer(429, {"error": "Muitas requisições."}, wrote=False)

    # ---- the control protocol ----

    def describe(self) -> Description:
        path = stock.PATH.format(store=self.settings.store, key=stock.KEY)
        return self.control.describe(self.settings, f"{self.base_url}{path}")

    def seed(self, seed: Seed) -> dict[str, object]:
        return self.control.seed(seed)

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        orders = self.control.sell(sales, self.settings, self.clock.now())
        self.counts.effects["orders_created"] += len(orders)
        return {str(order.sale): order.key for order in orders}

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        del reason  # the ERP's API has no field for it
        return self.control.cancel(keys, self.settings)

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        return self.control.progress(to, keys, self.settings)

    def advanced(self) -> None:
        self.events.release()
        self.alarm.ring()

    def state(self) -> list[SkuState]:
        return self.control.state()

    def orders(self) -> list[OrderState]:
        return self.control.orders()

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        if kind != "setting":
            return self.control.corrupt(kind, key)
        name, _, value = key.partition("=")
        return self._set({name: value}, strict=False)

    # ---- what this store can be told besides ----

    def _readers(self) -> dict[str, Callable[[], object]]:
        return {
            **super()._readers(), "settings": self._told, "products": lambda: list(self.goods.products.values()),
            "levels": self.control.levels, "mapping": self.control.mapping, "sales": lambda: list(self.sales.orders.values()),
            "exchanges": self.exchanges.listed, "malformed": malformed.codes,
        }  # fmt: skip

    def _writers(self) -> dict[str, Callable[[bytes], object]]:
        return {
            **super()._writers(), "configure": self._configure, "pull": self._pull, "push": self._push, "poll": self._poll,
            "call": self._call,
        }  # fmt: skip

    def _told(self) -> dict[str, object]:
        return self.settings.told()

    def _configure(self, body: bytes) -> object:
        return self._set(msgspec.json.decode(body, type=dict[str, Any]), strict=True)

    def _set(self, given: dict[str, Any], *, strict: bool) -> dict[str, object]:
        """Whoever touches the panel sets an account going again that was stopped."""
        self.settings = merged(self.settings, given, strict=strict)
        if "stock_answers" in given:
            self.stock.answers = list(self.settings.stock_answers)
        self.client.stopped = 0
        self.alarm.ring()
        return self._told()

    async def _pull(self, body: bytes) -> object:
        what = msgspec.json.decode(body, type=_What).what if body else "all"
        if what not in LISTS:
            raise ValueError(f"what: {what} is none of {', '.join(LISTS)}")
        return await self.pull.run(what)

    async def _push(self, body: bytes) -> object:
        return await self.push.run(msgspec.json.decode(body, type=Asked) if body else Asked())

    async def _poll(self, body: bytes) -> object:
        return await self.poll.run(msgspec.json.decode(body, type=_Orders).orders if body else None)

    async def _call(self, body: bytes) -> object:
        """Any service once, as this store would call it or with other settings: what came back."""
        asked = msgspec.json.decode(body, type=_Service)
        said = await self.push.call(asked.service, asked.fields, merged(self.settings, asked.settings))
        return said._asdict()


class _What(msgspec.Struct, forbid_unknown_fields=True):
    what: str = "all"


class _Orders(msgspec.Struct, forbid_unknown_fields=True):
    orders: list[str] | None = None


class _Service(msgspec.Struct, forbid_unknown_fields=True):
    """`settings`: of this call alone, as in `configure` (another token, JSON, without `.php`)."""

    service: str
    fields: dict[str, Any] = {}
    settings: dict[str, Any] = {}


def _not_found() -> Answer:
    return Answer(404, {"error": "Not Found"}, wrote=False)
