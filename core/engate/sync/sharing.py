"""Several branches that are one warehouse of the shop: it offers their sum, which the first of them that has the SKU carries."""

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
    """Of these SKUs, in one transaction."""

    def __init__(self, c: sa.Connection, integration_id: int, rules: Rules, skus: Collection[str]) -> None:
        self._rules = rules
        self._levels = levels.of_skus(c, integration_id, skus) if rules.sharing else {}

    def branches(self, level: StockLevel) -> tuple[str, ...]:
        """Those that share its warehouse; none where it has one of its own."""
        warehouse = self._rules.warehouses.get(level.warehouse)
        return self._rules.sharing.get(warehouse or "", ())

    def carrier(self, level: StockLevel) -> Level | None:
        """The one whose record tells the sum; None: it tells its own."""
        return next(iter(self._of(level)), None)

    def sum(self, level: StockLevel) -> StockLevel:
        """What the warehouse offers of this SKU; the buffer is taken off once."""
        of = self._of(level)
        total = sum((self._rules.told(each.doc, each.read_at) for each in of), Decimal(0))
        one = msgspec.structs.replace(of[0].doc, unlimited=any(each.doc.unlimited for each in of))
        return self._rules.as_told(one, self._rules.offered(total))

    def decided(self, found: Effective) -> Effective | None:
        """With the sum instead of its own number; None: another one carries it."""
        carrier = self.carrier(found.doc) if found.reason is None else None
        if carrier is None:
            return found
        return found._replace(doc=self.sum(found.doc)) if carrier.doc.key == found.doc.key else None

    def _of(self, level: StockLevel) -> list[Level]:
        found = [self._levels.get((level.sku, branch)) for branch in self.branches(level)]
        # what the ERP does not say plainly offers nothing
        return [each for each in found if each is not None and not each.doc.problems]

    def has(self, sku: str, branch: str, quantity: Decimal) -> bool:
        level = self._levels.get((sku, branch))
        return level is not None and (level.doc.unlimited or self._rules.unreserved(level.doc, level.read_at) >= quantity)

    def stale(self, others: Sequence[StockLevel], sending: Collection[str]) -> list[int]:
        """Of what carries these, the records that the shop holds otherwise and that are not about to be sent (by key)."""
        found: dict[int, None] = {}
        for level in others:
            carrier = self.carrier(level)
            if carrier is not None and carrier.doc.key not in sending and carrier.had != self.sum(level):
                found[carrier.id] = None
        return list(found)


def chosen(c: sa.Connection, work: SliceContext, id: int, order: Order, skus: Mapping[str, str]) -> dict[str, str]:
    """Warehouse -> the first of its branches that has all that the order takes from it. The first where none has, or no stock is read.

    An order is decided more than once until it goes (when it comes, when it is paid): what it has reserved is its own. Who decides about
    one of these SKUs at the same time waits, so that two orders do not choose the same units.
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
    """What a part's branch was chosen for stays its own when the shop changes the order."""
    return {warehouse: branch for warehouse, branches in sharing(mapping).items() if branch in branches}
