"""Every operation text of the plugin against the vendor's own schema. (Variables: of every call of every test, in the fixture `shop`.)"""

from __future__ import annotations

import pytest

from engate_shopify import operations as op
from engate_shopify_sandbox.contract import GraphContract


@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.text.split("(")[0].split("{")[0].strip())
def test_the_text_is_within_the_schema(operation: op.Operation, vendor: GraphContract) -> None:
    assert vendor.text(operation.text) == []


def test_a_wrong_text_and_wrong_variables_are_seen(vendor: GraphContract) -> None:
    assert vendor.text("query a { shop { colour } }")
    assert vendor.call(op.ORDER.text, {"id": None})
