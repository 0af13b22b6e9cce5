"""`@idempotent(key:)` (FACTS section 6): mandatory on inventory writes and refunds; a key answers its first result again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import FieldNode, GraphQLSchema
from graphql.execution.values import VariableValues, get_directive_values

from engate_shopify_sandbox.errors import refuse, user_error
from engate_shopify_sandbox.shop import Settings

MANDATORY = frozenset({"inventoryActivate", "inventorySetQuantities", "refundCreate"})
HAVE_CODES = frozenset({"inventorySetQuantities"})
"""Those whose user errors have a `code`; elsewhere only the message tells."""


@dataclass
class _Use:
    what: bytes
    result: Any
    failed: bool


class Keys:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._used: dict[str, _Use] = {}

    def key_of(self, schema: GraphQLSchema, name: str, node: FieldNode, variables: VariableValues) -> str | None:
        directive = schema.get_directive("idempotent")
        assert directive is not None
        values = get_directive_values(directive, node, variables)
        key = values["key"] if values is not None else None
        if key is None and name in MANDATORY:
            raise refuse("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.")
        if key is not None and not key.strip():
            raise refuse("BAD_REQUEST", "The idempotency key cannot be an empty string or whitespace only.")
        return key

    def before(self, name: str, key: str, args: dict[str, Any]) -> Any | None:
        """What the call is answered without being run; None: run it."""
        if self.settings.concurrent:
            self.settings.concurrent -= 1
            return _refused(name, "IDEMPOTENCY_CONCURRENT_REQUEST", "A request with the same idempotency key is under way.")
        used = self._used.get(key)
        if used is None:
            return None
        if used.what != _digest(name, args):
            return _refused(name, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "The same idempotency key was used with other parameters.")
        if used.failed:
            return _refused(name, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "An earlier attempt with this idempotency key failed.")
        return used.result

    def after(self, name: str, key: str, args: dict[str, Any], result: Any) -> None:
        self._used[key] = _Use(_digest(name, args), result, bool(result.get("userErrors")))


def _digest(name: str, args: dict[str, Any]) -> bytes:
    return name.encode() + msgspec.json.encode(args, order="deterministic")


def _refused(name: str, code: str, message: str) -> dict[str, Any]:
    return {"userErrors": [user_error(None, message, code if name in HAVE_CODES else None)]}
