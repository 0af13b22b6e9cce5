"""Every operation text of the plugin against the vendor's own schema. (Variables: of every call of every test, in the fixture `shop`.)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engate_shopify import operations as op

InSchema = Callable[..., list[str]]


@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.text.split("(")[0].split("{")[0].strip())
def test_the_text_is_within_the_schema(operation: op.Operation, in_schema: InSchema) -> None:
    assert in_schema(operation.text) == []


def test_a_wrong_text_and_wrong_variables_are_seen(in_schema: InSchema) -> None:
    assert in_schema("query a { shop { colour } }")
    assert in_schema(op.ORDER.text, {"id": None})
