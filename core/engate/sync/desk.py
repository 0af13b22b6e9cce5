"""The desk behind the door: what a plugin hands in of a verified call is checked, then stored and its lanes woken in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from engate import boundary
from engate.domain.flows import FLOWS
from engate.domain.next_step import gate
from engate.door import ALL, NOTHING, Asked, Desk, Known, Placed, Reply, Sight, Whole, Wholes
from engate.errors import Invalid
from engate.hooks import Erp
from engate.model import Order, OrderEvent, ShopState
from engate.model.kinds import KINDS
from engate.store import changed, deliveries, lanes
from engate.store.deliveries import Came
from engate.sync import placing
from engate.sync.events import Ear, take_in
from engate.sync.handing import Handing, Pages
from engate.sync.placing import Looked, Move
from engate.text import Text

if TYPE_CHECKING:
    from engate.sync.registry import Registry

T = TypeVar("T")
HOOK = "answer"
CONTACT = 60.0
"""Seconds after a noted contact before another one is noted."""
MOST_KEY = 200
MOST_KEYS = 10_000
"""Keys that one call may name: a platform that changes everything asks for a full reading."""


class OpenDesk(Desk):
    """The desk of one call. `woken`: ids of integrations that have something to do now."""

    def __init__(self, registry: Registry, row: Any, asked: Asked) -> None:
        self.asked = asked
        self._registry, self._store, self._at = registry, registry.store, asked.at.timestamp()
        self._came = Came(row.tenant_id, row.id, self._at, asked.method, asked.path, asked.body)
        self._handing = Handing(registry, row.id, self._at)
        self._contacted_at: float | None = row.contacted_at
        self._used = False
        self.woken: set[int] = set()

    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        if not _is_key(key):
            raise boundary.fault(HOOK, "deliver.key", repr(key)[:80], boundary.of_characters(MOST_KEY))
        self._used = True
        heard = [*_checked(OrderEvent, events), *(_event_of(key, order) for order in _checked(Order, orders))]
        wanted = _checked_keys(changed)
        is_new, woken = await self._store.durably(lambda c: self._deliver(c, key, heard, wanted))
        self.woken |= woken
        return is_new

    async def changed(self, kind: str, keys: Sequence[str]) -> None:
        self._used = True
        wanted = _checked_keys({kind: keys})
        self.woken |= await self._store.durably(lambda c: _note(c, self._came.tenant_id, _living(c, self._came), wanted, self._at))

    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        came = self._came if keep else self._came._replace(body=b"")
        await self._store.durably(lambda c: deliveries.refused(c, came, str(reason)))
        return Reply(401)

    async def reject(self, key: str, why: str, body: bytes) -> None:
        if not _is_key(key):
            raise boundary.fault(HOOK, "reject.key", repr(key)[:80], boundary.of_characters(MOST_KEY))
        self._used = True
        came = self._came._replace(body=body)
        await self._store.durably(lambda c: deliveries.rejected(c, came, key, str(why)))

    async def products(self, page: int = 1, limit: int = 100, since: datetime | None = None, sight: Sight = ALL) -> Wholes:
        self._used = True
        return await self._handing.products(Pages(page, limit, since), sight)

    async def product(self, of: str | int, sight: Sight = ALL) -> Whole | None:
        self._used = True
        return await self._handing.product(of, sight)

    async def having(self, ean: str, sight: Sight = ALL) -> tuple[Whole, ...]:
        self._used = True
        return await self._handing.having(ean, sight)

    async def sku(self, id: int) -> str | None:
        self._used = True
        return await self._handing.sku(id)

    async def place(self, order: Order) -> Placed | None:
        self._used = True
        [sound] = _checked(Order, [order])
        placed, woken = await self._store.durably(lambda c: placing.place(c, self._came, sound))
        self.woken |= woken
        return placed

    async def move(self, key: str, state: ShopState, raw_state: str) -> bool:
        self._used = True
        move = Move(key, state, raw_state)
        is_taken, woken = await self._store.durably(lambda c: placing.move(c, self._came, move))
        self.woken |= woken
        return is_taken

    async def order(self, of: str | int) -> Known | None:
        self._used = True
        return await self._shown(await self._store.viewing(lambda c: placing.known(c, self._came, of)))

    async def order_of_note(self, id: int) -> Known | None:
        self._used = True
        return await self._shown(await self._store.viewing(lambda c: placing.of_note(c, self._came, id)))

    async def _shown(self, found: Looked | None) -> Known | None:
        """A shop that asks gets the same notes that would be sent to a shop that is told."""
        if found is None:
            return None
        erp = await self._registry.connection(found.erp_id, glance=True)
        assert isinstance(erp, Erp)
        return placing.shown(found.stored, lambda note: gate(note, erp.fiscal, found.companies) is None)

    async def close(self, reply: Reply) -> None:
        """Before the answer leaves: settles what was handed out and notes the platform's contact, in one commit."""
        if reply.status >= 400 or not self._used:
            return
        noted = self._contacted_at is not None and self._at < self._contacted_at + CONTACT
        settles = reply.carries and self._handing.settles
        if settles or not noted:
            await self._store.durably(lambda c: self._close(c, settles=settles, noted=noted))

    def _close(self, c: sa.Connection, *, settles: bool, noted: bool) -> None:
        if settles:
            self._handing.settle(c)
        if not noted:
            deliveries.contacted(c, self._came)

    def _deliver(self, c: sa.Connection, key: str, heard: list[OrderEvent], wanted: dict[str, list[str]]) -> tuple[bool, set[int]]:
        about = {"orders": sorted({event.order for event in heard}), "changed": wanted}
        id = deliveries.keep(c, self._came, key, about)
        if id is None:
            return False, set()
        woken: set[int] = set()
        listening = [each for each in deliveries.hearers(c, self._came.connection_id) if deliveries.hears(each, self._came)]
        for each in listening if heard else ():
            ear = Ear(self._came.tenant_id, each.id, each.storefront_id)
            woken |= take_in(c, ear, heard, self._at)
        living = _living(c, self._came) if wanted else []
        woken |= _note(c, self._came.tenant_id, living, wanted, self._at)
        lost = (heard and not listening) or (wanted and not living)
        deliveries.ended(c, id, "unheard" if lost else "taken")
        return True, woken


def replay(c: sa.Connection, integration_id: int, row: Any, now: float) -> tuple[int, int]:
    """Looks again at what a kept delivery was about, as it is now. Returns how many (orders, keys). An order that a shop handed in while no
    integration listened is taken now. Raises Invalid where there is nothing to look at."""
    about: dict[str, Any] = row.about
    order_keys: list[str] = about.get("orders", [])
    wanted: dict[str, list[str]] = about.get("changed", {})
    if not order_keys and not wanted:
        raise _nothing()
    came = Came(row.tenant_id, row.connection_id, now, row.method, row.path, b"")
    if about.get(deliveries.HANDED_IN):
        if placing.replay(c, came, row):
            return 1, 0
        if placing.known(c, came, order_keys[0]) is None:
            raise _nobody_listens()
    events = [OrderEvent(f"replay/{row.id}/{now}/{key}"[:200], key, "unknown", "replay") for key in order_keys]
    each = next(each for each in deliveries.hearers(c, row.connection_id) if each.id == integration_id)
    take_in(c, Ear(row.tenant_id, each.id, each.storefront_id), events, now)
    _note(c, row.tenant_id, [integration_id], wanted, now)
    return len(events), sum(map(len, wanted.values()))


def _nothing() -> Invalid:
    return Invalid(
        Text("Não há o que repetir: nada do que esta entrega diz pôde ser usado.",
             "There is nothing to replay: nothing that this delivery says could be used."),
        Text("Veja o motivo na entrega; corrija na plataforma e peça que ela envie de novo.",
             "See the delivery's reason; correct it on the platform and have it sent again."),
        code="nothing_to_replay",
    )  # fmt: skip


def _nobody_listens() -> Invalid:
    return Invalid(
        Text("O pedido não entrou: a integração ainda não está em produção.", "The order was not taken: the integration is not live yet."),
        Text("Ative a integração e repita a entrega.", "Activate the integration and replay the delivery."),
        code="not_live",
    )


def _note(c: sa.Connection, tenant_id: int, ids: Sequence[int], wanted: Mapping[str, Sequence[str]], now: float) -> set[int]:
    """Notes these keys to be read next by each of these integrations; a reading under way goes on."""
    for id in ids if wanted else ():
        for kind, keys in wanted.items():
            changed.note(c, id, kind, keys, now)
        flows = {KINDS[kind].flow: FLOWS[KINDS[kind].flow] for kind in wanted}
        lanes.wake(c, [lanes.Wake(tenant_id, id, flow.lane, flow.priority, now) for flow in flows.values()])
    return set(ids) if wanted else set()


def _living(c: sa.Connection, came: Came) -> list[int]:
    """The connection's integrations that are not archived: an archived one reads no catalogue."""
    return [each.id for each in deliveries.hearers(c, came.connection_id) if not each.archived]


def _event_of(delivery: str, order: Order) -> OrderEvent:
    return OrderEvent(f"{delivery[:90]}/{order.key}"[:200], order.key, order.state, order.raw_state, doc=order)


def _is_key(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= MOST_KEY and "\0" not in key


def _checked(kind: type[T], given: Sequence[T]) -> list[T]:
    """Checked as pages are. If anything is wrong, nothing of the call is taken: the platform sends it again."""
    try:
        return [boundary.checker(kind)(each) for each in given]
    except boundary.Wrong as wrong:
        raise boundary.fault_of(HOOK, wrong) from None


def _checked_keys(given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found = {kind: list(dict.fromkeys(keys)) for kind, keys in given.items()}
    for kind, keys in found.items():
        if kind not in KINDS:
            raise boundary.fault(HOOK, "changed", repr(kind)[:80], boundary.as_is(" | ".join(KINDS)))
        wrong = next((key for key in keys if not _is_key(key)), None)
        if wrong is not None:
            raise boundary.fault(HOOK, f"changed.{kind}", repr(wrong)[:80], boundary.of_characters(MOST_KEY))
    if sum(map(len, found.values())) > MOST_KEYS:
        most = Text(f"até {MOST_KEYS} chaves", f"at most {MOST_KEYS} keys")
        raise boundary.fault(HOOK, "changed", str(sum(map(len, found.values()))), most)
    return {kind: keys for kind, keys in found.items() if keys}
