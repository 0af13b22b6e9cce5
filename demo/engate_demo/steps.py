"""The steps of the demo, in one table: what each needs of the pair, and which of them a pair refuses (`docs/refusals.md`).

A step is refused when a plugin does not implement a hook that it needs (and its platform does not do that work by calling engate), or when
the step before it is refused. That is known of two plugins without any account; what an account does not offer besides is a problem of the
demo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from engate_demo import driver, trade
from engate_demo.driver import Demo, Stalled
from engate_demo.web import Refused


class Step(NamedTuple):
    """`erp`, `storefront`: the hooks that it needs of each side. `shows`: it puts SKUs on sale, which some shops do not without images.
    `after`: the step without which there is nothing to show."""

    name: str
    words: str
    act: Callable[[Demo], None]
    after: str = ""
    erp: tuple[str, ...] = ()
    storefront: tuple[str, ...] = ()
    shows: bool = False


class Side(NamedTuple):
    """A platform's name, the hooks that its plugin implements, and those of which it does the work by calling us. `hides_without_image`: of
    a storefront, as its plugin says it."""

    name: str
    hooks: Collection[str]
    fetched: Collection[str] = ()
    hides_without_image: bool = False


STEPS: tuple[Step, ...] = (
    Step("register", "Register the integration", driver.register),
    Step(
        "load", "Load the catalogue", driver.load, "register",
        erp=("list_products", "list_skus", "list_prices", "list_stock"),
        storefront=("push_products", "push_skus", "push_prices", "push_stock"), shows=True,
    ),
    Step(
        "sell", "Bring orders into the ERP", trade.sell, "load",
        erp=("import_order", "find_order", "list_fulfilment"), storefront=("read_order_events", "read_order"),
    ),
    Step("cancel_in_shop", "Cancel in the storefront", trade.cancel_in_shop, "sell", erp=("import_cancellation",)),
    Step("cancel_in_erp", "Cancel in the ERP", trade.cancel_in_erp, "sell", storefront=("send_cancellation",)),
    Step("invoice", "Invoice", trade.invoice, "sell", storefront=("send_invoice",)),
    Step("ship", "Ship", trade.ship, "invoice", storefront=("send_tracking",)),
    Step("deliver", "Deliver", trade.deliver, "ship", storefront=("send_delivery",)),
    Step("delta", "Change prices and stock", driver.delta, "load"),
    Step("resync", "Read everything again", driver.resync, "load"),
    Step("beyond", "Change what no watermark shows", driver.beyond, "load"),
    Step("check", "Compare both sides", driver.check),
)  # fmt: skip


LACKING = "does not offer it"


def refusals(erp: Side, storefront: Side) -> dict[str, str]:
    """Each step that this pair refuses: the hooks, and why."""
    found: dict[str, str] = {}
    for step in STEPS:
        needs = [(erp, step.erp), (storefront, step.storefront)]
        if step.shows and storefront.hides_without_image:
            needs += [(erp, ("list_images",)), (storefront, ("push_images",))]
        lacking = [
            f"{hook} ({side.name} {LACKING})"
            for side, needed in needs
            for hook in needed
            if hook not in side.hooks and hook not in side.fetched
        ]
        if lacking:
            found[step.name] = ", ".join(lacking)
        elif step.after in found:
            found[step.name] = f"{step.after} (refused itself)"
    return found


def run(demo: Demo, steps: Sequence[Step], after: Mapping[str, Callable[[Demo], None]] | None = None) -> None:
    """Runs the steps in order and times them. The last one always runs, so that the report is made. `after`: more to do when a step is
    over."""
    *way, end = steps
    for step in way:
        if step.name in demo.refused:
            demo.show.say(f"{step.name}: refused: {demo.refused[step.name]}")
            continue
        if not _passed(demo, step):
            break
        if after and step.name in after:
            after[step.name](demo)
    _passed(demo, end)


def _passed(demo: Demo, step: Step) -> bool:
    """Runs one step. False where it failed; then the reason and the ends of the servers' logs are told."""
    started = time.monotonic()
    try:
        step.act(demo)
    except (Stalled, Refused) as error:
        demo.problems.append(f"{step.name}: {error}")
        for child in demo.servers.children:
            demo.show.say(f"--- the end of the log of {child.name} ---\n{child.tail()}")
        return False
    finally:
        demo.seconds[step.name] = round(time.monotonic() - started, 1)
    return True
