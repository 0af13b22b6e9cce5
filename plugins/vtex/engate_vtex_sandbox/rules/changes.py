"""Rules of order modifications (Orders API). Codes are ours, but SalesOrderSystem014."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engate.shapes import is_array, is_object
from engate_vtex_sandbox import refusals

if TYPE_CHECKING:
    from engate_vtex_sandbox.order import Line, Order

CHANGEABLE = ("handling", "waiting-for-fulfillment", "ready-for-invoicing")
MAY_GROW = ("creditCard", "promissory", "cash", "creditControl")
UNDER_WAY = "SalesOrderSystem014"


def refuse_changes_off(enabled: bool) -> None:
    """rolloutConfiguration.enableApi, or a key without "Change order"."""
    if not enabled:
        raise refusals.error(403, "SalesOrderSystem003", "Order modifications are not enabled for this account or key")


def refuse_foreign_account(given: str | None, account: str) -> None:
    """`accountName` of the PATCH, `an` of the readings: required."""
    if given != account:
        raise refusals.error(400, "SalesOrderSystem004", "The account name is required")


def refuse_change_reason(reason: object) -> None:
    if not isinstance(reason, str) or not reason.strip():
        raise refusals.error(400, "SalesOrderSystem005", "reason is required")


def refuse_additions(body: Mapping[str, Any]) -> None:
    """The one operation that is not served: README.md."""
    if body.get("add"):
        raise refusals.error(400, "SalesOrderSystem006", "This sandbox adds no items to an order")


def refuse_change_cents(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise refusals.error(400, "SalesOrderSystem007", f"{name} must be integer cents, 0 or more")


def refuse_unchangeable(order: Order) -> None:
    if order.state not in CHANGEABLE:
        raise refusals.error(400, "SalesOrderSystem008", f"An order in {order.state} cannot be modified")


def refuse_second_change(under_way: bool) -> None:
    if under_way:
        raise refusals.error(409, UNDER_WAY, "There is already a change in progress for this order")


def refuse_invoice_during_change(under_way: bool) -> None:
    """Known issue 1348894: never a change and an invoice at the same time."""
    if under_way:
        raise refusals.error(409, UNDER_WAY, "There is a change in progress for this order")


def refuse_empty_change(touched: bool, discount: int, increment: int) -> None:
    if not (touched or discount or increment):
        raise refusals.error(400, "SalesOrderSystem009", "The request changes nothing")


def refuse_increase(taken_off: int, groups: Sequence[str]) -> None:
    """More than was charged only for the payments the contract names."""
    if taken_off < 0 and not all(group in MAY_GROW for group in groups):
        raise refusals.error(400, "SalesOrderSystem010", "The payment of this order does not allow a higher value")


def refuse_more_than_the_order(taken_off: int, value: int) -> None:
    if taken_off > value:
        raise refusals.error(400, "SalesOrderSystem011", "The change takes off more than the order is worth")


def refuse_to_empty(something_left: bool) -> None:
    if not something_left:
        raise refusals.error(400, "SalesOrderSystem012", "No item would be left: cancel the order instead")


def refuse_item_not_there(line: Line | None) -> None:
    if line is None:
        raise refusals.error(400, "SalesOrderSystem013", "An item of the change is not in the order")


def refuse_invoiced_item(line: Line) -> None:
    if line.invoiced:
        raise refusals.error(400, "SalesOrderSystem015", "An item that is invoiced cannot be modified")


def refuse_more_than_there_is(units: int, there: int) -> None:
    if units > there:
        raise refusals.error(400, "SalesOrderSystem016", "The change takes more units than the order has")


def refuse_other_price(given: object, unit: Decimal) -> None:
    """Optional; integer cents of one unit as the order has it, rounded either way."""
    if given is None:
        return
    if not isinstance(given, int) or isinstance(given, bool) or abs(given - unit) > 1:
        raise refusals.error(400, "SalesOrderSystem017", "price must be the item's own, in integer cents")


def refuse_another_sku(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Another SKU in the place of one is not served: README.md."""
    if new.get("id") != old.get("id") or new.get("uniqueId", old.get("uniqueId")) != old.get("uniqueId"):
        raise refusals.error(400, "SalesOrderSystem018", "This sandbox replaces no SKU by another")


def refuse_measure(measure: Decimal, before: Decimal, weighed: bool, whole_line: bool) -> None:
    """Only what is weighed or measured gets another unitMultiplier, and then the line as a whole."""
    if measure == before:
        return
    if measure <= 0 or not weighed or not whole_line:
        raise refusals.error(400, "SalesOrderSystem019", "unitMultiplier changes for weighable items only")


def refuse_unknown_change(found: object) -> None:
    if found is None:
        raise refusals.error(404, "SalesOrderSystem020", "Change request not found")


def refuse_change_shape(right: bool, name: str) -> None:
    if not right:
        raise refusals.error(400, "SalesOrderSystem021", f"{name} does not have the shape of the contract")


def quantity_of(item: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    refuse_change_shape(isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0, "quantity")
    assert isinstance(quantity, int)
    return quantity


def items_of(given: object, name: str) -> list[dict[str, Any]]:
    """The items of `remove`, of `from` or of `to`."""
    if given is None:
        return []
    items: Any = given.get("items") if is_object(given) else None
    refuse_change_shape(is_array(items) and bool(items) and all(is_object(item) for item in items), name)
    return items


def pairs_of(given: object) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The pairs of `replace`: here one item in the place of one."""
    pairs: Any = given or []
    refuse_change_shape(is_array(pairs) and all(is_object(pair) for pair in pairs), "replace")
    for pair in pairs:
        old, new = items_of(pair.get("from"), "from"), items_of(pair.get("to"), "to")
        refuse_change_shape(len(old) == len(new) == 1, "replace")
        yield old[0], new[0]
