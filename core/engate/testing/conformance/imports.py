"""Checks of an ERP's imports: one order, whatever happens to the answer."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from engate.errors import EngateError, NotSent, Rejected
from engate.model import (
    Absent,
    Address,
    Buyer,
    Found,
    Imported,
    Order,
    OrderItem,
    OrderPart,
    PartItem,
    PartRef,
    Payment,
    Query,
    Unsure,
    worth,
)
from engate.plugins import implemented
from engate.testing.conformance.readings import LATER, later, newest_of
from engate.testing.conformance.trial import Check, NotTried, Trial
from engate.testing.facts import Fault

KEY = "9990001-01"
ABSENT = "9990002-01"


class Sums(NamedTuple):
    """What an order costs besides its goods, and how many units it has."""

    quantity: Decimal = Decimal(2)
    freight: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)


def part_of(trial: Trial, key: str = KEY, sums: Sums = Sums()) -> OrderPart:  # noqa: B008
    """Two units of the first SKU, paid by Pix, as the sandbox's own half of a mapping names branch and charge."""
    choices = trial.sandbox.describe().choices
    payment: dict[str, Any] = choices["payments"]["pix"]
    branch = str(choices["warehouses"]["main"]["branch"])
    sku = trial.sandbox.state()[0]
    price = sku.price or Decimal("10.00")
    goods = worth(price, sums.quantity)
    total = goods + sums.freight + sums.interest - sums.discount
    order = Order(
        key, "ready", "ready", datetime.now(UTC), Buyer("Maria da Silva", "52998224725", "maria@example.com", "+5511999998888"),
        Address("Rua das Flores", "100", "", "Centro", "São Paulo", "SP", "01001000", receiver="Maria da Silva"),
        (OrderItem("1", "1", sku.key, sku.name, sums.quantity, price),), (Payment("pix", "Pix", total),), goods, sums.freight,
        sums.discount, sums.interest, total,
    )  # fmt: skip
    return OrderPart(
        key, order, branch, (PartItem("1", sku.key, sums.quantity, price),), sums.freight, sums.discount, sums.interest, total,
        str(payment.get("charge", "")), str(payment.get("terms", "")),
        str(choices.get("carriers", {}).get("standard", {}).get("carrier", "")),
    )  # fmt: skip


def there(trial: Trial, key: str = KEY) -> list[Any]:
    return [order for order in trial.sandbox.orders() if order.storefront_key == key]


async def is_found(trial: Trial, hook: str) -> None:
    """An imported order is found under the same key; one never imported is not found."""
    erp: Any = trial.connection
    part = part_of(trial)
    imported = await erp.import_order(part)
    assert isinstance(imported, Imported) and len(there(trial)) == 1
    found = await erp.find_order(part)
    assert isinstance(found, Unsure) or (isinstance(found, Found) and found.key == imported.key), f"imported as {imported}, found {found}"
    assert isinstance(await erp.find_order(part_of(trial, ABSENT)), Absent), "an order that was never sent is Absent"


async def lost_answer(trial: Trial, hook: str) -> None:
    """The order is in the ERP and the answer is lost: that is neither a refusal nor "not sent", which would both send it again."""
    erp: Any = trial.connection
    operation = trial.sandbox.describe().operations[hook]
    part = part_of(trial)
    await erp.find_order(part)
    trial.sick(Fault("reset_applied", operation))
    error: EngateError = await trial.fails(erp.import_order(part))
    assert not isinstance(error, NotSent | Rejected), f"an order that is there counts as {type(error).__name__}"
    assert len(there(trial)) == 1, "the plugin sent it again by itself"


async def cancelled_twice(trial: Trial, hook: str) -> None:
    erp: Any = trial.connection
    if "import_cancellation" not in implemented(type(trial.connection)):
        raise NotTried("the plugin does not offer import_cancellation")
    part = part_of(trial)
    imported = await erp.import_order(part)
    for _ in range(2):
        await erp.import_cancellation(PartRef(imported.key, part.branch, part.reference), "Desistiu")
    assert [order.phase for order in there(trial)] == ["cancelled"]


async def stamps(trial: Trial, hook: str) -> None:
    """Those of the ERP's orders sort as text too, and each step of an order is in the reading since the last one."""
    erp: Any = trial.connection
    imported = await erp.import_order(part_of(trial))
    newest = newest_of(await trial.read(hook, Query()))
    if newest is None:
        raise NotTried("its pages carry no stamp: the list is read whole each time")
    for step, to in zip(LATER, ("invoiced", "shipped", "delivered"), strict=True):
        trial.sandbox.clock.advance(step)
        trial.sandbox.progress(to, None)
        newest = await later(trial, hook, newest, {imported.key})


CHARGED = (
    Sums(Decimal(3)),
    Sums(Decimal(3), freight=Decimal("9.99")),
    Sums(Decimal(7), discount=Decimal("0.05")),
    Sums(Decimal(3), Decimal("19.90"), Decimal("1.01"), Decimal("0.07")),
)
"""Cents that do not divide evenly among the units."""


async def sums(trial: Trial, hook: str) -> None:
    """The ERP's total of an order is what was charged, to the cent: freight, discount and interest are in it."""
    erp: Any = trial.connection
    for n, charged in enumerate(CHARGED):
        part = part_of(trial, f"99910{n:02d}-01", charged)
        imported = await erp.import_order(part)
        totals = {order.total for order in there(trial, part.reference)}
        if "list_fulfilment" in implemented(type(trial.connection)):
            told = await trial.read("list_fulfilment", Query(keys=(f"{part.branch}/{imported.key}",)))
            totals |= {order.total for page in told for order in page.items if order.total is not None}
        assert totals == {part.total}, f"charged {part.total} ({charged}), in the ERP {sorted(totals)}"


CHECKS: dict[str, Check] = {"sums": sums, "found": is_found, "lost answer": lost_answer, "cancelled twice": cancelled_twice}
