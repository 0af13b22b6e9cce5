"""Several branches that share one warehouse of the shop: it offers their sum, sent by the first branch that has the SKU (the carrier)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec
import sqlalchemy as sa

from engate.domain.effective import Against, Effective, Rules
from engate.domain.mapping import PairMapping, sharing
from engate.domain.splitting import warehouse_of
from engate.model import Order, StockLevel
from engate.store import levels, units
from engate.store.levels import Level
from engate.sync.work import SliceContext


class Shared:
    """The shared stock of these SKUs, as of one transaction."""

    def __init__(self, c: sa.Connection, integration_id: int, rules: Rules, skus: Collection[str]) -> None:
        self._rules = rules
        self._levels = levels.of_skus(c, integration_id, skus) if rules.sharing else {}

    def branches(self, level: StockLevel) -> tuple[str, ...]:
        """The branches that share this level's warehouse; () where the branch has its own."""
        warehouse = self._rules.warehouses.get(level.warehouse)
        return self._rules.sharing.get(warehouse or "", ())

    def carrier(self, level: StockLevel) -> Level | None:
        """The level whose record carries the sum; None: the warehouse is not shared."""
        return next(iter(self._of(level)), None)

    def sum(self, level: StockLevel) -> StockLevel:
        """What the warehouse offers of this SKU. The buffer is subtracted once."""
        of = self._of(level)
        total = sum((self._rules.told(each.doc, each.read_at) for each in of), Decimal(0))
        one = msgspec.structs.replace(of[0].doc, unlimited=any(each.doc.unlimited for each in of))
        return self._rules.as_told(one, self._rules.offered(total))

    def decided(self, found: Effective) -> Effective | None:
        """The record with the sum instead of its own number; None: another record carries the sum."""
        carrier = self.carrier(found.doc) if found.reason is None else None
        if carrier is None:
            return found
        return found._replace(doc=self.sum(found.doc)) if carrier.doc.key == found.doc.key else None

    def _of(self, level: StockLevel) -> list[Level]:
        found = [self._levels.get((level.sku, branch)) for branch in self.branches(level)]
        # a level with problems counts as nothing
        return [each for each in found if each is not None and not each.doc.problems]

    def has(self, sku: str, branch: str, quantity: Decimal) -> bool:
        level = self._levels.get((sku, branch))
        return level is not None and (level.doc.unlimited or self._rules.unreserved(level.doc, level.read_at) >= quantity)

    def stale(self, others: Sequence[StockLevel], sending: Collection[str]) -> list[int]:
        """Ids of the carriers of these levels that the shop holds with another sum and that are not about to be sent (`sending`: keys)."""
        found: dict[int, None] = {}
        for level in others:
            carrier = self.carrier(level)
            if carrier is not None and carrier.doc.key not in sending and carrier.had != self.sum(level):
                found[carrier.id] = None
        return list(found)


def chosen(c: sa.Connection, work: SliceContext, id: int, order: Order, skus: Mapping[str, str]) -> dict[str, str]:
    """Warehouse -> the first of its branches that has all that the order takes from it. No entry where none has, or no stock is read.

    An order is decided more than once before it goes (when it comes, when it is paid), so its own reserved units count as free. The SKUs
    are locked, so that two orders do not choose the same units.
    """
    mapping, options = work.snapshot.mapping, work.snapshot.options
    if options.branch_of_order == "first" or "stock" not in work.snapshot.enabled or not sharing(mapping):
        return {}
    wanted: dict[str, dict[str, Decimal]] = {}
    for item in order.items:
        taken = wanted.setdefault(warehouse_of(item, mapping), {})
        sku = skus.get(item.named, "")
        taken[sku] = taken.get(sku, Decimal(0)) + item.quantity
    keys = sorted(set(skus.values()))
    levels.lock(c, work.integration_id, keys)
    rules = Rules(options, mapping, {}, Against(units.of_others(c, work.integration_id, keys, id)), work.pair)
    shared = Shared(c, work.integration_id, rules, keys)
    found: dict[str, str] = {}
    for warehouse, branches in rules.sharing.items():
        taken = wanted.get(warehouse, {})
        branch = next((each for each in branches if all(shared.has(sku, each, n) for sku, n in taken.items())), None)
        if taken and branch is not None:
            found[warehouse] = branch
    return found


def kept(mapping: PairMapping, branch: str) -> dict[str, str]:
    """Warehouse -> this branch, so that a part keeps its branch when the shop changes the order."""
    return {warehouse: branch for warehouse, branches in sharing(mapping).items() if branch in branches}
