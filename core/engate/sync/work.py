"""The context of a slice of work: one integration, its coupling, and what the slice may use."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.clock import Clock
from engate.domain.effective import Against, Pair, Rules
from engate.domain.flows import offered
from engate.domain.snapshot import Snapshot
from engate.model import Sku, StockLevel
from engate.model.kinds import KINDS, SHARED, Kind
from engate.plugins import Coupling
from engate.store import families, lanes, links, revisions, runs, units
from engate.store.db import Store
from engate.store.lanes import Claim
from engate.store.orders import OrderRow, Shop
from engate.store.rows import RecordSet
from engate.sync.pace import Pace

if TYPE_CHECKING:
    from engate.sync.registry import Registry

SLICE = 5.0
"""Seconds a slice may take: long enough to be efficient, short enough that nobody waits long for a turn."""


Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class Delays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long engate waits for things, in seconds on the injected clock. A demo runs on real time with short delays."""

    unknown_after: Seconds = 30.0  # a push of unknown effect is looked up after this
    operation_most: Seconds = 86400.0  # an operation of the storefront that takes longer is not waited for
    retry_first: Seconds = 5.0  # doubling …
    retry_most: Seconds = 900.0  # … up to this
    invoice_retry: Seconds = 30.0  # an invoiced order whose document is not published yet
    settles_within: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = (
        None  # overrides what the ERP plugin says (None: the plugin's own)
    )
    orders_again: Seconds = 900.0  # the shop's list of orders is read this often, for what no event told
    look_pause: Seconds = 10.0  # between two looks for an order of unknown fate
    forbidden_wait: Seconds = 300.0  # a flow that lacks a permission is tried again after this
    probe_every: Seconds = 86400.0  # both connections are probed this often
    probe_again: Seconds = 3600.0  # … and again after this where a line failed
    slow_after: Seconds = 20.0  # real time: a hook that takes longer shows as degraded health, by its name
    slice_most: Seconds = 120.0  # real time: a slice that takes longer is ended
    beat: Annotated[float, msgspec.Meta(gt=0, le=5)] = 3.0  # real time: leases (15 s) are renewed so often; a slice that lost one ends then
    outbox_most: Seconds = 3 * 86400.0  # a message that its target has not taken for this long is given up

    def pause(self, tries: int) -> float:
        """Seconds before the next try, after `tries` failed ones."""
        return min(self.retry_most, self.retry_first * 2 ** min(tries, 10))


class NextTurn(NamedTuple):
    """How a slice ended. `due`: next turn (None: when woken); `back_off`: not before then, whatever arrives. `through`: the lane did its
    work, so its earlier trouble is over."""

    due: float | None = None
    back_off: float | None = None
    through: bool = True


class LeaseLost(Exception):
    """Another process has the lane now: stop before the next outside call."""


class Outdated(Exception):
    """Options, mapping, a connection or a link changed meanwhile: what was decided must be decided anew."""


def pair_of(coupling: Coupling) -> Pair:
    flows = offered(coupling)
    served = frozenset(kind.name for kind in KINDS.values() if kind.push_hook in coupling.served)
    kinds = frozenset(kind.name for kind in KINDS.values() if flows[kind.flow] is None) - served
    needs_image = coupling.hides_without_image and {"sku", "image"} <= kinds
    return Pair(kinds, coupling.requires, served, needs_image)


def skus_of(docs: Iterable[Any]) -> list[str]:
    """The SKUs that `rules_of` needs for documents of one kind."""
    return [doc.key if isinstance(doc, Sku) else doc.sku for doc in docs if isinstance(doc, Sku | StockLevel)]


def rules_of(c: sa.Connection, snapshot: Snapshot, pair: Pair, kind: str, skus: Sequence[str] = ()) -> Rules:
    """What decides about records of this kind, as of this transaction; `skus`: those asked about, or whose stock is."""
    told = KINDS[kind]
    against = _against(c, snapshot, pair, skus) if told.counted else Against({})
    if told.sold and pair.needs_image:
        against = Against({}, imageless=_imageless(c, snapshot, skus))
    return Rules(
        snapshot.options,
        snapshot.mapping,
        links.links_of(c, snapshot.id, list(SHARED)) if told.has_refs else {},
        against,
        pair,
    )


def _imageless(c: sa.Connection, snapshot: Snapshot, skus: Sequence[str]) -> frozenset[str]:
    """Those of these SKUs that have no image; empty until all images of the ERP have been read once."""
    if "images" not in snapshot.enabled or runs.full_at(c, snapshot.id, "images") is None:
        return frozenset()
    return families.without(c, snapshot.id, "image", skus)


def _against(c: sa.Connection, snapshot: Snapshot, pair: Pair, skus: Sequence[str]) -> Against:
    off = frozenset(skus) - families.sold(c, snapshot.id, skus, snapshot.enabled) if pair.stock_tells_all else frozenset[str]()
    return Against(units.pending(c, snapshot.id, skus), off)


class SliceContext:
    """One slice of one lane."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        delays: Delays,
        snapshot: Snapshot,
        coupling: Coupling,
        claim: Claim,
        lease: str,
        pace: Pace,
        registry: Registry,
    ) -> None:
        self.store, self.clock, self.delays, self.snapshot, self.pace = store, clock, delays, snapshot, pace
        self.coupling, self.claim, self.lease, self.registry = coupling, claim, lease, registry
        self._until = time.monotonic() + SLICE
        self.answered = False
        """Whether the storefront said yes or no to something that was pushed."""

    @property
    def integration_id(self) -> int:
        return self.snapshot.id

    @property
    def tenant_id(self) -> int:
        return self.snapshot.tenant_id

    @cached_property
    def pair(self) -> Pair:
        return pair_of(self.coupling)

    def serves(self, kind: Kind) -> bool:
        """Whether the storefront fetches this kind: nothing of it is pushed."""
        return kind.push_hook in self.coupling.served

    @property
    def orders_of(self) -> Shop:
        return Shop(self.tenant_id, self.integration_id)

    def order_row(self, id: int) -> OrderRow:
        return OrderRow(self.tenant_id, self.integration_id, id)

    def now(self) -> float:
        return self.clock.now().timestamp()

    def time_is_up(self) -> bool:
        return time.monotonic() >= self._until

    def records_of(self, kind: str) -> RecordSet:
        return RecordSet(self.tenant_id, self.integration_id, kind)

    def rules(self, c: sa.Connection, kind: str, skus: Sequence[str] = ()) -> Rules:
        """What decides about records of this kind, as of this transaction; `skus`: those asked about, or whose stock is."""
        return rules_of(c, self.snapshot, self.pair, kind, skus)

    def wake(self, c: sa.Connection, *names: tuple[str, int], at: float | None = None) -> None:
        """(lane name, priority) pairs are due now, or at `at`."""
        due = self.now() if at is None else at
        lanes.wake(c, [lanes.Wake(self.tenant_id, self.integration_id, name, prio, due) for name, prio in names])

    def retry_at(self, tries: int) -> float:
        return self.now() + self.delays.pause(tries)

    def must_be_current(self, c: sa.Connection) -> None:
        """Raises Outdated unless the snapshot still holds: in the transaction that stores what was decided by it."""
        if revisions.stamp(c, self.integration_id) != self.snapshot.stamp:
            raise Outdated(self.claim.name)

    def must_have_lease(self, c: sa.Connection) -> None:
        """Raises LeaseLost unless the lane is still ours: in the transaction that permits an outside effect."""
        if not lanes.leased(c, self.claim.id, self.lease):
            raise LeaseLost(self.claim.name)

    async def permit(self) -> None:
        """Call right before a call that may have an effect. Raises LeaseLost or Outdated unless the lane is still ours and the snapshot
        still holds; nothing has been sent then."""
        await self.store.durably(self._permitted)

    def _permitted(self, c: sa.Connection) -> None:
        self.must_have_lease(c)
        self.must_be_current(c)
