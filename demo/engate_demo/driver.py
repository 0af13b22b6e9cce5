"""The demo itself: how its steps ask and wait, and those of the catalogue. What it knows of the platforms, the sandboxes say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from engate.domain import sheet
from engate.domain.flows import FLOWS
from engate.testing.facts import Change, Description, Ledger, OrderState, SkuState
from engate_demo import checks
from engate_demo.catalog import Catalog, Listed
from engate_demo.checks import Cell, Sides
from engate_demo.processes import Events, Servers
from engate_demo.progress import Show
from engate_demo.report import Report
from engate_demo.web import Refused, Web

LEAST_PAUSE, MOST_PAUSE = 0.3, 5.0
GENTLY = 10  # the pause is ten times as long as the question took, within those bounds
OPEN = frozenset(("reading", "pushing"))


LATE_LIST = 300.0
"""Seconds."""


class Stalled(Exception):
    """There was no progress for as long as the demo waits."""


@dataclass(frozen=True)
class Tour:
    """What a demo does. `patience`: seconds without progress after which it gives up."""

    orders: int = 50
    cancelled_in_shop: int = 50  # every so many orders
    cancelled_in_erp: int = 51
    prices: int = 10  # changed in the delta
    stocks: int = 10
    patience: float = 90.0


@dataclass
class Demo:
    """A demo under way. `erp` and `shop` speak the sandboxes' control protocol; `admin` and `operator` are keys of the tenant."""

    servers: Servers
    catalog: Catalog
    tour: Tour
    show: Show
    report: Report
    limits: bool = True
    events: Events = "told"
    hooks: frozenset[str] = frozenset()  # what the two plugins implement
    refused: Mapping[str, str] = field(default_factory=dict)  # step -> why this pair has none
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._webs: list[Web] = []
        self.erp, self.shop = self.web(self.servers.erp), self.web(self.servers.storefront)
        self.erp_says: Description = self.erp.get("/_sandbox/describe", Description)
        self.shop_says: Description = self.shop.get("/_sandbox/describe", Description)
        self.admin = self.operator = self.web(self.servers.api)
        self.integration = 0
        self.warehouses: dict[str, str] = {}
        self.in_erp: dict[str, SkuState] = {}  # as they were seeded
        self.keys: dict[str, str] = {}  # sale number -> order key in the storefront
        self.cancelled: set[str] = set()  # order keys in the storefront
        self.called = False  # the storefront calls engate; else engate asks
        self.loaded_requests = 0  # platform requests of the load

    # ---- asking ----

    def web(self, address: str, key: str = "") -> Web:
        self._webs.append(Web(address, key=key))
        return self._webs[-1]

    def close(self) -> None:
        for web in self._webs:
            web.close()

    @property
    def path(self) -> str:
        return f"/integrations/{self.integration}"

    def erp_ledger(self) -> Ledger:
        return self.erp.get("/_sandbox/ledger", Ledger)

    def shop_ledger(self) -> Ledger:
        return self.shop.get("/_sandbox/ledger", Ledger)

    def shop_writes(self) -> int:
        return sum(self.shop_ledger().writes.values())

    def sides(self) -> Sides:
        return Sides(self.erp_skus(), self.shop_skus(), self.warehouses)

    def erp_skus(self) -> list[SkuState]:
        return self.erp.get("/_sandbox/state", list[SkuState])

    def shop_skus(self) -> list[SkuState]:
        found = self.shop.get("/_sandbox/state", list[SkuState])
        if not self.shop_says.flat:
            return found
        ours = self.in_erp
        return [
            msgspec.structs.replace(sku, name=ours[sku.key].name, product=ours[sku.key].product) if sku.key in ours else sku
            for sku in found
        ]

    def paired_orders(self) -> checks.Orders:
        return checks.paired(self.shop.get("/_sandbox/orders", list[OrderState]), self.erp.get("/_sandbox/orders", list[OrderState]))

    def shows(self, step: str) -> bool:
        """Whether this pair has that step."""
        return step not in self.refused

    def summary(self) -> dict[str, Any]:
        return self.operator.get(f"{self.path}/summary")

    def list_is_current(self) -> None:
        """What a call did not tell is found in the shop's own list, which may be minutes late: nobody waits for that here."""
        if self.events == "called":
            self.shop.post("/_sandbox/advance", {"seconds": LATE_LIST})

    # ---- waiting ----

    def wait(self, what: str, look: Callable[[], tuple[int, int, bool]]) -> None:
        """Looks again and again, gently, until the third of (done, total, over) is true. Raises Stalled, NotStarted, Refused."""
        reached, since = None, time.monotonic()
        while True:
            started = time.monotonic()
            done, total, over = look()
            took = time.monotonic() - started
            self.show.at(done, done if over else total)  # records that wait for a person or the shop are not waited for
            if over:
                return
            if (done, total) != reached:
                reached, since = (done, total), time.monotonic()
            if time.monotonic() - since > self.tour.patience:
                raise Stalled(f"{what}: {done} of {total}, and nothing moved for {self.tour.patience:.0f} s")
            self.servers.check()
            time.sleep(min(MOST_PAUSE, max(LEAST_PAUSE, GENTLY * took)))

    def wait_quiet(self, what: str, runs: list[int]) -> None:
        """Until these runs have ended and no record can move by itself. A run that ended in another way than done is a problem."""
        states: dict[int, str] = {}

        def look() -> tuple[int, int, bool]:
            summary = self.summary()
            moving = summary["moving"]
            kinds = summary["records"].values()
            settled = sum(kind["settled"] for kind in kinds)
            on_their_way = sum(kind["to_send"] + kind["sent"] for kind in kinds)
            if moving == 0:
                states.update({run: self.operator.get(f"/runs/{run}")["state"] for run in runs if states.get(run, "reading") in OPEN})
            return settled, settled + on_their_way, moving == 0 and not OPEN & {states[run] for run in runs}

        self.wait(what, look)
        self.problems += [f"{what}: run {run} ended as {state}" for run, state in states.items() if state != "done"]

    def resync(self, what: str, mode: str, flows: list[str] | None = None) -> None:
        """Asks for everything, or some flows, to be read, and waits until what follows from it is settled."""
        asked = {"mode": mode} | ({"flows": flows} if flows else {})
        self.wait_quiet(what, self.operator.post(f"{self.path}/resync", asked)["runs"])


# ---- registering ----


def register(demo: Demo) -> None:
    """Seeds the ERP, and sets everything up as a tenant would: tenant, keys, two connections, their tests, the integration."""
    demo.show.step("Seeding the ERP")
    total = len(demo.catalog.seed.products)
    for chunk in demo.catalog.chunks():
        held = demo.erp.post("/_sandbox/seed", chunk)
        demo.show.at(held["products"], total)
    demo.erp_says = demo.erp.get("/_sandbox/describe", Description)  # its branches are known now
    demo.in_erp = {sku.key: sku for sku in demo.erp_skus()}
    demo.show.step("Registering the integration")
    installation = demo.web(demo.servers.api, demo.servers.installation_key)
    tenant = installation.post("/tenants", {"name": "Demonstração"})
    demo.admin = demo.web(demo.servers.api, tenant["admin_key"])
    demo.operator = demo.web(demo.servers.api, demo.admin.post("/keys", {"name": "demo", "role": "operator"})["key"])
    connections = [_connected(demo, said) for said in (demo.erp_says, demo.shop_says)]
    mapping = merged(demo.erp_says, demo.shop_says)
    demo.warehouses = {str(row["branch"]): str(row["warehouse"]) for row in mapping.get("warehouses", [])}
    made = demo.admin.post(
        "/integrations",
        {
            "name": f"{demo.erp_says.platform}-{demo.shop_says.platform}",
            "erp_connection": connections[0],
            "storefront_connection": connections[1],
            "options": {**demo.erp_says.options, **demo.shop_says.options},
            "mapping": mapping,
        },
    )
    demo.integration = made["id"]
    for flow, every in (("orders", 0.5), ("fulfilment", 1.0)):
        demo.admin.patch(f"{demo.path}/flows/{flow}", {"every": every})
    address = demo.admin.get(f"/connections/{connections[1]}")["webhook_url"]
    demo.called = address is not None and (demo.events == "called" or not demo.shop_says.by_call)
    if demo.shop_says.caller is not None:
        _call_us(demo, address)
    demo.problems += [
        f"{flow['name']}: refused: {flow['why']['en']} (docs/refusals.md does not say so)"
        for flow in demo.operator.get(demo.path)["flows"]
        if flow["name"] in NEEDED and not flow["offered"] and demo.hooks.issuperset(FLOWS[flow["name"]].needs)
    ]


NEEDED = ("products", "prices", "stock", "orders", "fulfilment")
"""The flows that the steps need."""


def _call_us(demo: Demo, address: str | None) -> None:
    """As a person types engate's address into the panel of a platform that calls its ERP. Raises Refused."""
    if address is None:
        raise Refused(f"{demo.shop_says.platform} works by calling engate and knows no address to call (--events asked)")
    demo.shop.post("/_sandbox/configure", {**(demo.shop_says.caller or {}), "url": address})


def _connected(demo: Demo, said: Description) -> int:
    """A connection that passed its test; its own rates are lifted when the sandbox refuses nothing by rate."""
    settings = {**said.settings, **({} if demo.limits else said.unlimited), **(said.by_call if demo.events == "called" else {})}
    made = demo.admin.post(
        "/connections",
        {"name": f"{said.platform} (sandbox)", "platform": said.platform, "settings": settings, "secrets": said.secrets},
    )
    tested = demo.admin.post(f"/connections/{made['id']}/test")
    if not tested["passed"]:
        failed = [f"{check['name']}: {check['text']['en']} {check['hint']['en']}" for check in tested["checks"] if not check["ok"]]
        raise Refused(f"the connection test of {said.platform} did not pass: {'; '.join(failed)}")
    return made["id"]


def merged(erp: Description, shop: Description) -> dict[str, list[dict[str, object]]]:
    """The pair mapping: of each kind, the halves that carry the same tag on both sides, joined."""
    return {
        kind: [{**half, **shop.choices[kind][tag]} for tag, half in halves.items() if tag in shop.choices[kind]]
        for kind, halves in erp.choices.items()
        if kind in shop.choices
    }


# ---- the catalogue ----


def load(demo: Demo) -> None:
    demo.show.step("Loading the catalogue")
    unseen = demo.shop_says.caller is not None  # nobody can look whether it has products: a person says that it has none
    activated = demo.admin.post(f"{demo.path}/activate", {"everything": True} if unseen else {})
    demo.wait_quiet("load", activated["runs"])
    if unseen:
        _fetched(demo)
    if BY_HAND in demo.summary()["skus"]["attention"]:
        _link_by_hand(demo)
    demo.loaded_requests = demo.erp_ledger().requests + demo.shop_ledger().requests


def _fetched(demo: Demo) -> None:
    """Until a shop that fetches by itself holds what the ERP has."""

    def look() -> tuple[int, int, bool]:
        sides = demo.sides()
        wrong = len(checks.catalog_problems(sides))
        return len(sides.erp) - wrong, len(sides.erp), not wrong

    demo.wait("fetching", look)


BY_HAND = "link.by_hand"


def _link_by_hand(demo: Demo) -> None:
    """As a person does for a shop that fetches products and never says which key it gave them: its ids are filled into a sheet."""
    demo.show.step("Linking by hand")
    skus = demo.shop_skus()
    products = {sku.product: sku.product_remote for sku in skus if sku.product_remote}
    for kind, links in (("product", products), ("sku", {sku.key: sku.remote for sku in skus})):
        filled = sheet.written((key, "", remote) for key, remote in links.items())
        report = demo.operator.call("POST", f"{demo.path}/links.csv?kind={kind}", filled)
        demo.problems += [f"link {kind} {wrong['key']}: {wrong['text']['en']}" for wrong in report["wrong"]]
    demo.wait_quiet("links", [])


def listed(demo: Demo) -> dict[str, Listed]:
    """What can be bought: every visible SKU at the storefront's price, by EAN."""
    return {sku.ean: Listed(sku.key, sku.price) for sku in demo.shop_skus() if sku.visible and sku.price is not None}


def delta(demo: Demo) -> None:
    """Prices and stocks change in the ERP. The next scheduled reading finds them, and nothing else is sent."""
    demo.show.step("Changing prices and stocks in the ERP")
    demo.shop.post("/_sandbox/faults", [])
    demo.resync("delta", "delta", ["prices", "stock"])  # changes of stock by the orders are settled first
    before = demo.sides()
    ledger, latest = demo.shop_ledger(), _latest_run(demo)
    demo.erp.post("/_sandbox/change", _changes(demo.tour, before))
    asked = checks.changed(checks.cells(before.erp, demo.warehouses), checks.cells(demo.erp_skus(), demo.warehouses))
    was = checks.cells(before.shop)
    schedules = {flow["name"]: flow["every"] for flow in demo.operator.get(demo.path)["flows"] if flow["name"] in ("prices", "stock")}
    _every(demo, dict.fromkeys(schedules, 1.0))
    came: dict[Cell, object] = {}

    def look() -> tuple[int, int, bool]:
        nonlocal came
        came = checks.changed(was, checks.cells(demo.shop_skus()))
        return len(came), len(asked), came.keys() >= asked.keys()

    demo.wait("delta", look)
    _every(demo, schedules)
    demo.wait_quiet("delta", [])
    came = checks.changed(was, checks.cells(demo.shop_skus()))
    counts = demo.report.delta
    calls = _written(demo, ledger)
    counts.changed, counts.pushed, counts.writes = len(asked), len(came), sum(calls.values())
    demo.problems += checks.travel_problems(asked, came, "delta")
    if counts.writes > counts.changed:
        demo.problems.append(f"delta: {counts.writes} calls wrote into the storefront for {counts.changed} changed values: {_said(calls)}")
    runs = [run for run in demo.operator.items(f"{demo.path}/runs") if run["id"] > latest]
    if not any(run["trigger"] == "schedule" for run in runs):
        demo.problems.append("delta: no run was triggered by the schedule")


def _changes(tour: Tour, sides: Sides) -> list[Change]:
    """Spread over the visible SKUs: first those whose price changes, then others whose stock does."""
    visible = {sku.key for sku in sides.shop if sku.visible}
    skus = [sku for sku in sides.erp if sku.key in visible and sku.price is not None]
    wanted = min(len(skus), tour.prices + tour.stocks)
    chosen = [skus[nth * len(skus) // wanted] for nth in range(wanted)]
    prices, stocks = chosen[: tour.prices], chosen[tour.prices :]
    changes = [Change(sku.key, price=sku.price + Decimal("1.37")) for sku in prices if sku.price is not None]
    for sku in stocks:
        branch = next(iter(sku.stock))
        changes.append(Change(sku.key, stock={branch: sku.stock[branch] + 5}))
    return changes


def _every(demo: Demo, schedules: Mapping[str, float]) -> None:
    for flow, every in schedules.items():
        demo.admin.patch(f"{demo.path}/flows/{flow}", {"every": every})


def _latest_run(demo: Demo) -> int:
    return max((run["id"] for run in demo.operator.items(f"{demo.path}/runs")), default=0)


def resync(demo: Demo) -> None:
    """Everything is read again, and nothing is written."""
    demo.show.step("Reading the unchanged catalogue")
    before, read, ledger = demo.sides(), _rows(demo), demo.shop_ledger()
    demo.resync("unchanged resync", "full")
    counts = demo.report.unchanged_resync
    counts.read = _rows(demo) - read
    calls = _written(demo, ledger)
    counts.writes = sum(calls.values())
    if counts.writes:
        demo.problems.append(f"unchanged resync: {counts.writes} calls wrote into the storefront: {_said(calls)}")
    everything = len(before.erp) + len({sku.product for sku in before.erp})
    if counts.read < everything:
        demo.problems.append(f"unchanged resync: {counts.read} rows read, but the ERP holds {everything} products and SKUs")
    was, is_now = (checks.cells(skus) for skus in (before.shop, demo.shop_skus()))
    demo.problems += checks.travel_problems({}, checks.changed(was, is_now), "unchanged resync")


def _written(demo: Demo, before: Ledger) -> dict[str, int]:
    """The calls that wrote into the storefront since then, by what they did."""
    counts = {name: count - before.writes.get(name, 0) for name, count in demo.shop_ledger().writes.items()}
    return {name: count for name, count in counts.items() if count}


def _said(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in calls.items())


def _rows(demo: Demo) -> int:
    return demo.erp_ledger().effects.get("rows_listed", 0)


def beyond(demo: Demo) -> None:
    """A field that moves no change stamp is invisible to every delta; a full resync writes exactly that."""
    demo.show.step("Changing what no watermark shows")
    before, written = demo.sides(), demo.shop_writes()
    visible = {sku.key for sku in before.shop if sku.visible}
    chosen = next((sku for sku in reversed(before.erp) if sku.key in visible), None)
    if chosen is None:
        raise Stalled("no visible SKU to change")
    text = f"{chosen.description} Texto revisado."
    demo.erp.post("/_sandbox/change", [Change(chosen.key, description=text, touch=False)])
    asked = checks.changed(checks.cells(before.erp, demo.warehouses), checks.cells(demo.erp_skus(), demo.warehouses))
    demo.resync("beyond the watermark", "full")
    was, came = checks.cells(before.shop), dict[Cell, object]()

    def look() -> tuple[int, int, bool]:  # a shop that fetches may still be reading our answer
        nonlocal came
        came = checks.changed(was, checks.cells(demo.shop_skus()))
        return len(came), len(asked), came.keys() >= asked.keys()

    demo.wait("beyond the watermark", look)
    demo.problems += checks.travel_problems(asked, came, "beyond the watermark")
    writes = demo.shop_writes() - written
    if writes > len(asked):
        demo.problems.append(f"beyond the watermark: {writes} calls wrote into the storefront for {len(asked)} changed values")
    demo.show.say(f"one text changed without a stamp: a full resync wrote it with {writes} call(s), and nothing else")


# ---- the end ----


def check(demo: Demo) -> None:
    """The counts, from the sandboxes; attention, awaiting and slices, over REST; and whether it all adds up."""
    demo.show.step("Checking both sides")
    report, sides, orders = demo.report, demo.sides(), demo.paired_orders()
    summary = demo.summary()["skus"] if demo.integration else {"awaiting": 0, "attention": {}}
    counts = report.catalog
    counts.products_in_erp = len({sku.product for sku in sides.erp})
    counts.skus_in_erp = sum(sku.visible for sku in sides.erp)
    counts.skus_visible = sum(sku.visible for sku in sides.shop)
    counts.awaiting, counts.attention = summary["awaiting"], dict(sorted(summary["attention"].items()))
    erp_ledger, shop_ledger = demo.erp_ledger(), demo.shop_ledger()
    trade = report.orders
    trade.placed = shop_ledger.effects.get("orders_created", 0)
    trade.duplicated_events = shop_ledger.effects.get("events_duplicated", 0)
    trade.lost_events = shop_ledger.effects.get("events_dropped", 0)
    trade.timeouts_injected = erp_ledger.injected.get("timeout_applied", 0)
    for name, count in checks.order_counts(orders)._asdict().items():
        setattr(trade, name, count)
    report.requests = erp_ledger.requests + shop_ledger.requests
    report.rate_limited = erp_ledger.rate_limited + shop_ledger.rate_limited
    report.bulk_operations = shop_ledger.effects.get("bulk_operations", 0)
    report.slices_by_worker = demo.operator.get("/workers")["slices"] if demo.integration else {}
    if demo.shows("load"):
        demo.problems += checks.catalog_problems(sides)
        demo.problems += checks.sum_problems(sides.erp, counts.skus_visible, counts.awaiting, counts.attention)
    demo.problems += checks.order_problems(orders, _ends(demo))
    demo.problems += _trade_problems(demo, shop_ledger)
    if demo.shows("load") and not counts.skus_visible:
        demo.problems.append("no SKU is visible in the storefront")


def _ends(demo: Demo) -> checks.Ends:
    """How far this pair can bring an order."""
    phase = next(
        (phase for step, phase in (("deliver", "delivered"), ("ship", "shipped"), ("invoice", "invoiced")) if demo.shows(step)), "in_erp"
    )
    return checks.Ends(phase, invoices=demo.shows("invoice"), tracking=demo.shows("ship"))


def _trade_problems(demo: Demo, shop: Ledger) -> list[str]:
    """Whether there were as many orders, of every kind of mishap some, as was asked for."""
    trade, found = demo.report.orders, list[str]()
    asked = demo.tour.orders if demo.shows("sell") else 0
    if trade.placed != asked:
        found.append(f"{trade.placed} orders placed of {asked} asked for")
    if demo.shows("deliver") and trade.delivered + trade.cancelled != trade.placed:
        found.append(f"{trade.delivered} delivered + {trade.cancelled} cancelled are not the {trade.placed} orders placed")
    if demo.shows("deliver") and not trade.delivered:
        found.append("no order was delivered")
    emitted = shop.effects.get("events_emitted", 0)
    if trade.duplicated_events * 10 < emitted:
        found.append(f"only {trade.duplicated_events} of {emitted} events were duplicated")
    if trade.lost_events * 20 < emitted * demo.called:
        found.append(f"only {trade.lost_events} events were lost beside {emitted} that were sent")
    if trade.timeouts_injected * 100 < trade.placed:
        found.append(f"only {trade.timeouts_injected} of {trade.placed} imports were applied and then timed out")
    return found
