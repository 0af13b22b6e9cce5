"""The vendor's schemas as tests hold traffic against them: the fix-ups of the copy in memory and the one table of deviations.

A deviation is a place where the platform, and so this sandbox, answers what its own schema does not allow; each with its source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engate.shapes import is_array, is_object
from engate.testing.contracts import Contracts, Deviation, Spec
from engate_vtex_sandbox.server import ACCOUNT, VtexSandbox

PRICE = "GET /pricing/prices/{itemId}"
TYPED_INT = "FACTS, money units: 'GET typed int32', yet prices are decimal currency"
NOT_SET = "FACTS, money units: 'GET typed int32'; a list price that is not set has no number"
ORDER = "GET /api/oms/pvt/orders/{orderId}"
_MODIFIED = "/api/order-system/orders/{changeOrderId}/changes"
CHANGED, CHANGES, ONE_CHANGE = f"PATCH {_MODIFIED}", f"GET {_MODIFIED}", f"GET {_MODIFIED}/{{changeRequestId}}"
MEASURE = "the schema of the request has a number"
LIKE_FROM = "the schema's own description of `remove` says: the shape of the object `from`; its items say text"
CHANGE_TOTAL = "the schema's own example of a changed order (of a user's) has a total named Change"
CONTRADICTION = "the schema's own description says 'list of objects', and its example of an order group has objects"

DEVIATIONS = (
    Deviation(PRICE, "basePrice", TYPED_INT),
    Deviation(PRICE, "costPrice", TYPED_INT),
    Deviation(PRICE, "listPrice", NOT_SET),
    Deviation("GET /pricing/prices/{itemId}/computed/{priceTableId}", "listPrice", TYPED_INT),
    Deviation("GET /api/catalog_system/pvt/products/productgetbyrefid/{refId}", "", "FACTS, Catalog: 200 `null` when missing [K826702]"),
    Deviation(
        "GET /api/catalog_system/pub/category/tree/{categoryLevels}", "*/children/*/children/*",
        "FACTS, Initial load: max 3 levels advised; the schema types the third as text",
    ),
    Deviation(ORDER, "items/*/priceTags/*", CONTRADICTION),
    Deviation(ORDER, "totals/*/id", CHANGE_TOTAL),
    Deviation(CHANGED, "remove/*", LIKE_FROM),
    Deviation(ONE_CHANGE, "remove/*", LIKE_FROM),
    *(Deviation(one, "replace/*/to/items/*/unitMultiplier", MEASURE) for one in (CHANGED, ONE_CHANGE)),
    Deviation(CHANGES, "requests/*/replace/*/to/items/*/unitMultiplier", MEASURE),
    Deviation(ORDER, "items/*/unitMultiplier", "FACTS, Orders: unitMultiplier != 1; the SKU's own is a number"),
)  # fmt: skip


NO_SCHEMA = {"GET /api/pvt/merchants/payment-systems": "of the Payments Gateway API, whose schema is not among the contracts"}
"""What is served and used although none of the schemas has it -> why."""
_UNKNOWN_ROUTE = "* /{unknown:.*}"


def served() -> set[str]:
    """The operations of the sandbox in the schemas' own words."""
    return {operation.name.replace(f" /{ACCOUNT}/", " /") for operation in VtexSandbox().operations()} - {_UNKNOWN_ROUTE, *NO_SCHEMA}


def load(folder: Path, account: str = ACCOUNT) -> Contracts:
    """The four schemas of what the sandbox serves; Pricing is below the account, as on the host of its own."""
    specs = [Spec(folder / f"{name}-api.json", fix_up=_fix_up) for name in ("catalog", "logistics", "orders")]
    return Contracts([*specs, Spec(folder / "pricing-api.json", below=f"/{account}", fix_up=_fix_up)], DEVIATIONS)


def _fix_up(document: dict[str, Any]) -> None:
    """FACTS, Mock server: a body is required where one is described (else an empty one passes), and a markup is a number."""
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "requestBody" in operation:
                operation["requestBody"]["required"] = True
    _markup_to_number(document)


def _markup_to_number(node: Any) -> None:
    if is_object(node):
        markup = node.get("markup")
        if is_object(markup) and markup.get("type") == "integer":
            markup["type"] = "number"
            markup.pop("format", None)
        for value in node.values():
            _markup_to_number(value)
    elif is_array(node):
        for value in node:
            _markup_to_number(value)
