"""`make handed`: a store that works by calling engate pulls its products, hands its orders in, some twice, some malformed, and is told its
stock, while the process that it calls is killed (SIGKILL) again and again.

In the end every good order is in the ERP once and the store knows its number; what was malformed was answered with an error that the facts
allow and is kept where people see it; and no call was answered with a failure of ours.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import NamedTuple

from engate.testing.facts import Ledger
from engate_demo import driver, goods
from engate_demo.command import play
from engate_demo.driver import Demo, Tour, listed
from engate_demo.processes import API, Plan
from engate_demo.progress import Show, show
from engate_demo.steps import Step

INCLUDE = "CALL pedido.incluir"
FAILED = ("http", "unreadable")
"""Verdicts of the store of an answer that is none."""
GONE = "silent"
UNKNOWN_CODE = "unknown_code"
"""Malformed for an ERP that knows its products; engate takes the order in, and it waits for a person."""
KEEPS_NOTHING = frozenset(("empty_document", "no_document", "empty_body", "not_utf8"))
"""Kinds that hand in nothing which could be kept; they are counted."""


class Size(NamedTuple):
    """`calls`: orders handed in between two kills."""

    skus: int = 600
    orders: int = 200
    twice: int = 50
    malformed: int = 20
    kills: int = 6
    calls: int = 25


class Killer:
    """Kills the process that answers the store, in a thread of its own, each time that so many more orders were handed in."""

    def __init__(self, demo: Demo, size: Size) -> None:
        self.demo, self.size, self.killed = demo, size, 0
        self._shop = demo.web(demo.servers.storefront)
        self._thread = threading.Thread(target=self._strike, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.join(60)

    def _strike(self) -> None:
        begun = self._handed_in()
        for nth in range(self.size.kills):
            while self._handed_in() - begun < (nth + 1) * self.size.calls:
                time.sleep(0.002)
            api = next(child for child in self.demo.servers.children if child.name == API)
            os.kill(api.pid, signal.SIGKILL)
            api.watchdog.wait()
            self.demo.servers.restart(API)
            self.killed += 1

    def _handed_in(self) -> int:
        return sum(self._shop.get("/_sandbox/ledger", Ledger).by_operation.get(INCLUDE, {}).values())


def run(size: Size, shown: Show) -> list[str]:
    """What was wrong."""
    steps = [
        Step("register", "Register the integration", driver.register),
        Step("load", "Load the catalogue", driver.load, "register"),
        Step("hand_in", "Hand orders in", lambda demo: hand_in(demo, size), "load"),
        Step("judge", "Look at what came of it", lambda demo: judge(demo, size)),
    ]
    outcome = play(Plan("winthor", "webstore", limits=False), goods.generated(size.skus), Tour(orders=size.orders), shown, steps=steps)
    return outcome.problems


def hand_in(demo: Demo, size: Size) -> None:
    demo.shop.post("/_sandbox/configure", {"push_at_once": False, "orders_every": 0, "states_every": 0})
    sales = demo.catalog.sales(size.orders, listed(demo), datetime.now(UTC))
    keys = list(demo.shop.post("/_sandbox/sell", sales).values())
    spoilt, good = keys[: size.malformed], keys[size.malformed :]
    kinds = [kind for kind in demo.shop.get("/_sandbox/malformed") if kind != UNKNOWN_CODE]
    demo.show.step("Handing malformed orders in")
    sent = demo.shop.post("/_sandbox/push", {"orders": spoilt, "malformed": kinds})
    demo.problems += [f"malformed: {one}" for one in sent if one["verdict"] != "erro" or one["code"] not in one["allowed"]]
    kept = [one for one in sent if one["malformed"] not in KEEPS_NOTHING]
    rejected = [each for each in demo.operator.items(f"{demo.path}/deliveries") if each["outcome"] == "rejected"]
    if len(rejected) < len(kept) or not all(each["reason"] for each in rejected):
        demo.problems.append(f"malformed: {len(kept)} could be kept, and {len(rejected)} are shown with a reason")
    demo.show.step("Handing orders in, and killing who answers")
    killer = Killer(demo, size)
    killer.begin()
    demo.shop.post("/_sandbox/push", {"orders": good[: size.twice], "times": 2})
    demo.shop.post("/_sandbox/push", {"orders": good[size.twice :]})
    killer.end()
    if killer.killed != size.kills:
        demo.problems.append(f"the process was killed {killer.killed} times of {size.kills}")
    demo.shop.post("/_sandbox/configure", {"orders_every": 1.0})

    def look() -> tuple[int, int, bool]:
        there = demo.erp_ledger().effects.get("orders_created", 0)
        confirmed = sum(bool(sale["erp"]) for sale in demo.shop.get("/_sandbox/sales"))
        return min(there, confirmed), len(good), min(there, confirmed) >= len(good)

    demo.wait("orders in the ERP", look)


def judge(demo: Demo, size: Size) -> None:
    demo.show.step("Looking at what came of it")
    orders = demo.paired_orders()
    demo.problems += [f"order {key} is more than once in the ERP" for key in orders.doubles]
    demo.problems += [f"ERP order {key} is of no order of the store" for key in orders.strangers]
    if len(orders.parts) != size.orders - size.malformed:
        demo.problems.append(f"{len(orders.parts)} orders are in the ERP of {size.orders - size.malformed}")
    demo.problems += [
        f"order {sale['number']}: the store was told {sale['erp_ids']}"
        for sale in demo.shop.get("/_sandbox/sales")
        if len(set(sale["erp_ids"])) > 1
    ]
    ledger = demo.shop_ledger()
    answers = {name: verdicts for name, verdicts in ledger.by_operation.items() if name.startswith("CALL ")}
    demo.problems += [f"{name}: {verdicts}" for name, verdicts in answers.items() if any(said.startswith(FAILED) for said in verdicts)]
    if not any(GONE in verdicts for verdicts in answers.values()):
        demo.problems.append("no call of the store was cut by a kill")
    if not ledger.effects.get("webhooks_taken") or ledger.effects.get("webhooks_unmapped"):
        demo.problems.append(f"stock webhooks: {ledger.effects}")
    for asked, code in (({"pagina": "9999"}, 23), ({"pesquisa": "no such code"}, 20)):
        said = demo.shop.post("/_sandbox/call", {"service": "produtos.pesquisa", "fields": asked})
        if (said["status"], said["code"]) != (200, code):
            demo.problems.append(f"{asked}: {said['status']} {said['code']}, not 200 {code}")
    demo.show.say(f"the store's calls: { {name: verdicts for name, verdicts in sorted(answers.items())} }")


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    began, wrong = time.monotonic(), run(Size(), show())
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    print(f"handed: {'ok' if not wrong else f'{len(wrong)} wrong'} in {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
