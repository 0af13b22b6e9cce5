"""What a call costs, and the bucket that pays for it (FACTS section 3).

An object is 1 point, a scalar 0, a connection its `first` or `last` times what one node costs, a mutation 10. The wrappers of a connection
(`edges`, `pageInfo`), user errors, and plain objects in the payload of a mutation cost nothing: the contract does not say, and this is what
the recorded answers look like.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from engate.shapes import is_array
from engate_shopify_sandbox.registry import listed

MOST = 1000
MUTATION = 10
PLANS = {
    "standard": (2000, 100), "advanced": (4000, 200), "plus": (20_000, 1000), "enterprise": (40_000, 2000),
    "unlimited": (20_000_000, 1_000_000),
}  # fmt: skip
"""(bucket, restored a second). The last one is no plan of the platform: what a sandbox without limits says, so that a caller who keeps to
what he is told is not held up."""
UNASKED = object()
"""Instead of data, where the cost is reckoned before anything was run."""
WRAPPERS = frozenset({"PageInfo"})


class Bucket:
    """Leaky bucket on real time: rates are the one thing real time owns."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.maximum, self.restore = PLANS["standard"]
        self._level = float(self.maximum)
        self._at: float | None = None

    def plan(self, name: str) -> None:
        self.maximum, self.restore = PLANS[name]
        self._level = float(self.maximum)

    def unlimited(self) -> None:
        """What answers tell must not slow a caller down either."""
        self.maximum, self.restore = 10**9, 10**9
        self._level = float(self.maximum)

    @property
    def level(self) -> float:
        now = self.now()
        if self._at is not None:
            self._level = min(self.maximum, self._level + (now - self._at) * self.restore)
        self._at = now
        return self._level

    def take(self, cost: float) -> bool:
        if self.level < cost:
            return False
        self._level -= cost
        return True

    def give_back(self, cost: float) -> None:
        self._level = min(self.maximum, self._level + cost)

    def status(self) -> dict[str, Any]:
        return {"maximumAvailable": float(self.maximum), "currentlyAvailable": int(self.level), "restoreRate": float(self.restore)}


@dataclass
class Measure:
    """One operation of a document, to be weighed before (`data` left out) and after."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

    def cost(self, data: Any = UNASKED) -> int:
        if data is None:
            return 0
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        if self.operation.operation.value != "mutation":
            return math.ceil(self._selections(self.operation.selection_set, root, data))
        return math.ceil(sum(self._mutation(node, root, data) for node in self._fields(self.operation.selection_set, root)))

    def _mutation(self, node: FieldNode, root: GraphQLObjectType, data: Any) -> float:
        definition = root.fields[node.name.value]
        args = get_argument_values(definition, node, self.variables)
        payload = named_type(definition.type)
        inner = UNASKED if data is UNASKED else data.get(node.alias.value if node.alias else node.name.value)
        total = MUTATION + (_set_extra(args["input"]) if node.name.value == "productSet" else 0)
        if inner is None or node.selection_set is None or not isinstance(payload, GraphQLObjectType):
            return total
        return total + self._selections(node.selection_set, payload, inner, free=True)

    def _selections(self, selections: SelectionSetNode, kind: Any, data: Any, *, free: bool = False) -> float:
        if is_abstract_type(kind):
            return max(self._selections(selections, concrete, data, free=free) for concrete in self.schema.get_possible_types(kind))
        return sum(self._field(node, kind, data, free=free) for node in self._fields(selections, kind))

    def _fields(self, selections: SelectionSetNode, kind: Any) -> Iterator[FieldNode]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
                continue
            fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(fragment, (InlineFragmentNode, FragmentDefinitionNode))
            condition = fragment.type_condition
            wanted = self.schema.get_type(condition.name.value) if condition else kind
            fits = isinstance(wanted, GraphQLInterfaceType | GraphQLUnionType) and self.schema.is_sub_type(wanted, kind)
            if wanted is kind or fits:
                yield from self._fields(fragment.selection_set, kind)

    def _field(self, node: FieldNode, kind: Any, data: Any, *, free: bool) -> float:
        name = node.name.value
        definition = getattr(kind, "fields", {}).get(name)
        if definition is None or node.selection_set is None:
            return 0
        named: Any = named_type(definition.type)
        if not is_composite_type(named) or named.name in WRAPPERS or _is_user_error(named):
            return 0
        inner: Any = UNASKED
        if data is not UNASKED:
            inner = data.get(node.alias.value if node.alias else name)
            if inner is None:
                return 0
        args = get_argument_values(definition, node, self.variables)
        if named.name.endswith("Connection"):
            return self._connection(node.selection_set, named, inner, args)
        if is_array(inner):
            return sum(self._one(node.selection_set, named, item, free=free) for item in inner if item is not None)
        times = (args.get("first") or len(args.get("ids") or "1")) if inner is UNASKED else 1
        return times * self._one(node.selection_set, named, inner, free=free)

    def _one(self, selections: SelectionSetNode, kind: Any, data: Any, *, free: bool) -> float:
        return (0 if free else 1) + self._selections(selections, kind, data, free=free)

    def _connection(self, selections: SelectionSetNode, kind: Any, data: Any, args: dict[str, Any]) -> float:
        times = args.get("first") or args.get("last") or 0
        total = 0.0
        for node in self._fields(selections, kind):
            if node.name.value not in ("nodes", "edges") or node.selection_set is None:
                continue
            item = named_type(kind.fields[node.name.value].type)
            rows = [UNASKED] if data is UNASKED else data.get(node.alias.value if node.alias else node.name.value) or []
            for row in rows:
                each = self._row(node, item, row)
                total += each * (times if row is UNASKED else 1)
        return total

    def _row(self, node: FieldNode, kind: Any, row: Any) -> float:
        assert node.selection_set is not None
        if node.name.value == "nodes":
            return self._one(node.selection_set, kind, row, free=False)
        return sum(self._field(inner, kind, row, free=False) for inner in self._fields(node.selection_set, kind))


def named_type(kind: GraphQLType) -> GraphQLNamedType:
    """The type without its list and non-null. The types of the library's own function are incomplete."""
    return get_named_type(kind)


def _is_user_error(kind: Any) -> bool:
    return any(interface.name == "DisplayableError" for interface in getattr(kind, "interfaces", ()))


def _set_extra(given: dict[str, Any]) -> float:
    """productSet: 0.2 a variant, 0.4 a metafield, 1.9 a file, 0.6 a variant's file."""
    variants = listed(given, "variants")
    metafields = len(listed(given, "metafields")) + sum(len(listed(one, "metafields")) for one in variants)
    return 0.2 * len(variants) + 0.4 * metafields + 1.9 * len(listed(given, "files")) + 0.6 * sum("file" in one for one in variants)
