"""`make scale`: the demo with two workers on PostgreSQL and Valkey gives what the embedded one gives, and so does one whose Redis is
flushed and one of whose workers is killed (SIGKILL) while a push and an import are in flight."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from typing import Any

import msgspec
import redis

from engate.testing.facts import Fault, Ledger
from engate_demo import goods
from engate_demo.command import Outcome, play
from engate_demo.driver import Demo, Tour
from engate_demo.processes import Plan
from engate_demo.progress import show
from engate_demo.trade import inject

LEAST_SHARE = 0.2
BEFORE = 20  # orders in the ERP before anything is slowed down
SLOW = 1_500  # milliseconds
INJECTED = frozenset(("duplicated_events", "timeouts_injected"))


class Mayhem:
    """Waits in a thread of its own for a push and an import to be in flight, then flushes Redis and kills a worker."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {}
        self.gone = ""
        self._demo: Demo | None = None
        self._thread = threading.Thread(target=self._strike, daemon=True)

    def begin(self, demo: Demo) -> None:
        self._demo = demo
        self._thread.start()

    def after(self, demo: Demo) -> None:
        """What the ledgers say of the calls whose caller was killed."""
        self._thread.join(1)
        self.seen["erp aborted"], self.seen["storefront aborted"] = demo.erp_ledger().aborted, demo.shop_ledger().aborted

    def _strike(self) -> None:
        """Calls are slowed down once orders flow, so that both kinds are surely under way at once."""
        demo = self._demo
        assert demo is not None
        erp, shop = demo.web(demo.servers.erp), demo.web(demo.servers.storefront)
        importing = demo.erp_says.operations["import_order"]
        while erp.get("/_sandbox/ledger", Ledger).effects.get("orders_created", 0) < BEFORE:
            time.sleep(0.05)
        erp.post("/_sandbox/faults", [Fault("latency", operation=importing, milliseconds=SLOW)])
        shop.post("/_sandbox/faults", [Fault("latency", times=3, milliseconds=SLOW)])
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not self.gone:
            imports, calls = (web.get("/_sandbox/ledger", Ledger).in_flight for web in (erp, shop))
            pushes = {name: n for name, n in calls.items() if not name.startswith("GET ") and "/pvt/" in name and "/oms/" not in name}
            if imports.get(importing, 0) and pushes:
                worker = demo.servers.workers()[0]
                with redis.Redis.from_url(demo.servers.redis) as connection:
                    connection.flushall()
                os.kill(worker.pid, signal.SIGKILL)
                self.seen["erp in flight"], self.seen["storefront in flight"] = {importing: imports[importing]}, pushes
                self.gone = worker.name
            time.sleep(0.01)
        inject(demo)


def compared(outcome: Outcome) -> dict[str, Any]:
    """What must be the same however the work is spread."""
    said = msgspec.json.decode(outcome.report.json())
    orders = {name: value for name, value in said["orders"].items() if name not in INJECTED}
    return {
        "pair": said["pair"], "catalog": said["catalog"], "orders": orders, "delta.changed": said["delta"]["changed"],
        "unchanged_resync.writes": said["unchanged_resync"]["writes"],
    }  # fmt: skip


def shares(outcome: Outcome) -> dict[str, float]:
    slices = outcome.report.slices_by_worker
    return {name: n / max(1, sum(slices.values())) for name, n in slices.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--erp", default="winthor")
    parser.add_argument("--storefront", default="vtex")
    parser.add_argument("--orders", type=int, default=500)
    options = parser.parse_args()
    tour = Tour(orders=options.orders)
    wrong: list[str] = []

    def tell(name: str, outcome: Outcome) -> None:
        print(f"{name}: {msgspec.json.encode(compared(outcome)).decode()}\n  seconds {outcome.report.seconds.get('total')}", flush=True)
        wrong.extend(f"{name}: {problem}" for problem in outcome.problems)

    embedded = play(Plan(options.erp, options.storefront), goods.generated(), tour, show())
    tell("embedded", embedded)
    scaled = play(Plan(options.erp, options.storefront, workers=2), goods.generated(), tour, show())
    tell("two workers", scaled)
    print(f"  slices: {shares(scaled)}")
    if compared(scaled) != compared(embedded):
        wrong.append("two workers did not give what the embedded demo gave")
    if len(shares(scaled)) != 2 or min(shares(scaled).values()) < LEAST_SHARE:
        wrong.append(f"slices were not shared: {shares(scaled)}")
    mayhem = Mayhem()
    harmed = play(
        Plan(options.erp, options.storefront, workers=2),
        goods.generated(),
        tour,
        show(),
        after={"load": mayhem.begin, "deliver": mayhem.after},
    )
    tell("two workers, Redis flushed and one killed", harmed)
    print(f"  {mayhem.gone or 'nobody'} was killed; {mayhem.seen}")
    if not mayhem.gone:
        wrong.append("no push and import were in flight at the same time: nobody was killed")
    if compared(harmed) != compared(embedded):
        wrong.append("with a worker killed the result differs from the embedded demo's")
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    print("scale: ok" if not wrong else f"scale: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
