"""What a shop that fetches is handed: decided by the integration's rules as a push is, and settled in one commit before the answer leaves.
Nothing is written before that: a process that dies earlier hands out the same again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa

from engate.domain.effective import BRAND_FOR_ALL, Effective, Pair, Rules
from engate.domain.flows import offered
from engate.domain.options import empty
from engate.domain.snapshot import Snapshot
from engate.door import Sight, Whole, Wholes, WholeSku
from engate.errors import Unavailable
from engate.model import Brand, Category, Item
from engate.model.kinds import KINDS, buyable
from engate.store import causes, config, families, links, pushes, revisions, runs
from engate.store.families import BELOW, Row, Since
from engate.store.pushes import Settled
from engate.store.rows import RecordSet
from engate.sync import pilot, served
from engate.sync.sharing import Shared
from engate.sync.work import pair_of, rules_of
from engate.text import Text

if TYPE_CHECKING:
    from engate.sync.registry import Registry

T = TypeVar("T")
MOST = 100
"""Products of one page."""
OF_SKU = frozenset({"sku", *BELOW})


class Given(NamedTuple):
    """One handed-out record of a served kind that the shop does not hold in this state yet."""

    row: Row
    found: Effective


class Pages(NamedTuple):
    """Which page of which list: of all products, or of those that have changed."""

    page: int
    limit: int
    since: datetime | None

    @property
    def size(self) -> int:
        return max(1, min(self.limit, MOST))

    @property
    def start(self) -> int:
        return (max(1, self.page) - 1) * self.size


class Live(NamedTuple):
    """The integration whose records are handed out. `flows`: those that are offered and on."""

    snapshot: Snapshot
    pair: Pair
    flows: frozenset[str]


class Handing:
    """What one call to the door of a storefront's connection may see and take."""

    def __init__(self, registry: Registry, storefront_id: int, at: float) -> None:
        self._registry, self._storefront_id, self._at = registry, storefront_id, at
        self._given: dict[int, Given] = {}
        self._tenant_id = self._integration_id = 0

    async def products(self, pages: Pages, sight: Sight) -> Wholes:
        return await self._look(lambda table: table.page(pages), sight)

    async def product(self, of: str | int, sight: Sight) -> Whole | None:
        return await self._look(lambda table: table.product(of), sight)

    async def having(self, ean: str, sight: Sight) -> tuple[Whole, ...]:
        return await self._look(lambda table: table.having(ean), sight)

    async def sku(self, id: int) -> str | None:
        return await self._registry.store.viewing(lambda c: self._sku(c, id))

    def _sku(self, c: sa.Connection, id: int) -> str | None:
        """The ERP's key of a SKU that an order names by our number. It is found even while nothing may be handed out."""
        integration_id = config.living_of(c, self._storefront_id)
        if integration_id is None:
            return None
        row = families.found(c, integration_id, "sku", id)
        if row is not None:
            return row.key
        product = families.found(c, integration_id, "product", id)
        if product is None:
            return None
        skus = families.below(c, integration_id, ["sku"], [product.key]).get(("sku", product.key), ())
        return skus[0].key if len(skus) == 1 else None

    async def _look(self, at: Callable[[_Table], T], sight: Sight) -> T:
        live = await self._live()

        def look(c: sa.Connection) -> tuple[T, list[Given]]:
            table = _Table(c, live, sight)
            return at(table), table.given

        seen, given = await self._registry.store.viewing(look)
        self._given |= {each.row.id: each for each in given if each.row.kind in sight.hands_out}
        return seen

    async def _live(self) -> Live:
        """The integration whose records may be handed out: active, and both sides have passed a test as configured. Else Unavailable:
        a shop that got an empty list would take its products off sale."""
        snapshot = await self._registry.store.glancing(self._snapshot)
        if snapshot is None or not snapshot.active or not snapshot.connected:
            raise Unavailable(NOT_LIVE, code="not_live")
        self._tenant_id, self._integration_id = snapshot.tenant_id, snapshot.id
        coupling = await self._registry.coupling_of(snapshot)
        runs = frozenset(name for name, why in offered(coupling).items() if why is None)
        return Live(snapshot, pair_of(coupling), runs & snapshot.enabled)

    def _snapshot(self, c: sa.Connection) -> Snapshot | None:
        id = config.living_of(c, self._storefront_id)
        return config.snapshot(c, id) if id is not None else None

    @property
    def settles(self) -> bool:
        return bool(self._given)

    def settle(self, c: sa.Connection) -> None:
        """What was given counts as held by the shop. A record that was decided anew or moved meanwhile is in doubt: it is given again."""
        untouched = families.as_they_were(c, [each.row for each in self._given.values()])
        families.handed_in_doubt(c, [(id, each.found.accepted) for id, each in self._given.items() if id not in untouched])
        sound = [each for id, each in self._given.items() if id in untouched]
        pushes.mark_sent(c, [(each.row.id, each.found.digest, each.row.want) for each in sound], self._at)
        for kind in {each.row.kind for each in sound}:
            rows = [_settled(each) for each in sound if each.row.kind == kind]
            pushes.accept(c, RecordSet(self._tenant_id, self._integration_id, kind), rows, self._at)
        if sound:
            runs.pushed(c, [each.row.id for each in sound])


def _settled(given: Given) -> Settled:
    """The record keeps the link that it had: the storefront tells no key when it fetches."""
    row, found = given
    turned = buyable(row.have_doc) != buyable(found.doc)
    remote = row.remote or ""
    accepted = found.accepted
    as_read = accepted is row.doc
    return Settled(row.id, row.key, found.digest, accepted, remote, bool(remote), "", found.awaiting, as_read, turned, row.more, row.more)


class _Table:
    """What may be shown now of one integration, in one transaction. `given`: shown records that the shop does not hold in this state."""

    def __init__(self, c: sa.Connection, live: Live, sight: Sight) -> None:
        if revisions.stamp(c, live.snapshot.id) != live.snapshot.stamp:
            raise Unavailable(CHANGED, code="slow")  # the platform asks again
        self._c, self._sight = c, sight
        self._snapshot, self._pair, self._flows = live
        self._rules: dict[str, Rules] = {}
        self._nodes: dict[str, dict[str, Row]] = {}
        self.given: list[Given] = []

    # ---- which products ----

    def page(self, pages: Pages) -> Wholes:
        id, start, size, only = self._snapshot.id, pages.start, pages.size, self._only()
        if pages.since is None:
            total, ids = families.count(self._c, id, only), families.some(self._c, id, only, start, size)
        else:
            kinds = [kind for kind in self._sight.kinds if KINDS[kind].flow in self._flows]
            since = Since(pages.since.timestamp(), self._pair.served, self._fetch(), kinds)
            changed = families.changed(self._c, id, only, since)
            total, ids = len(changed), changed[start : start + size]
        return Wholes(tuple(self._wholes(ids)), -(-total // size), total)

    def product(self, of: str | int) -> Whole | None:
        row, sku = families.found(self._c, self._snapshot.id, "product", of), None
        if row is None:
            sku = families.found(self._c, self._snapshot.id, "sku", of)
            row = families.found(self._c, self._snapshot.id, "product", sku.parent) if sku is not None and sku.parent is not None else None
        only = self._only()
        if row is None or (only is not None and row.key not in only):
            return None
        whole = next(iter(self._wholes([row.id])), None)
        if sku is None or whole is None:
            return whole
        if all(each.sku.key != sku.key for each in whole.skus):
            self.given.clear()
            return None  # this SKU may not be shown, though others of its product may
        self.given = [each for each in self.given if each.row.kind not in OF_SKU or sku.key in (each.row.key, each.row.parent)]
        return whole

    def having(self, ean: str) -> tuple[Whole, ...]:
        only = self._only()
        found = families.with_ean(self._c, self._snapshot.id, ean)
        return tuple(self._wholes([row.id for row in found if only is None or row.key in only][:MOST]))

    def _only(self) -> set[str] | None:
        """The products of a pilot."""
        return pilot.allowed(self._c, self._snapshot, KINDS["product"]) if self._snapshot.pilot is not None else None

    def _fetch(self) -> int:
        return causes.id_of(self._c, self._snapshot.id, served.TO_FETCH.key) or 0

    # ---- what hangs on them ----

    def _wholes(self, ids: list[int]) -> list[Whole]:
        rows = sorted(families.by_ids(self._c, self._snapshot.id, ids), key=lambda row: row.id)
        skus = families.below(self._c, self._snapshot.id, ["sku"], [row.key for row in rows])
        pilots = self._snapshot.pilot
        shown = {row.key: [sku for sku in skus.get(("sku", row.key), ()) if pilots is None or sku.key in pilots] for row in rows}
        under = self._under([sku.key for found in shown.values() for sku in found])
        found = [self._whole(row, shown[row.key], len(skus.get(("sku", row.key), ())), under) for row in rows]
        return [each for each in found if each is not None]

    def _whole(self, row: Row, skus: list[Row], of: int, under: dict[tuple[str, str], list[Row]]) -> Whole | None:
        before = len(self.given)
        product = self._item(row)
        found = [whole for sku in skus if (whole := self._sku(sku, under)) is not None]
        if product is None or not found:
            del self.given[before:]  # nothing of it was given
            return None
        path, brand = self._path(product.want.category), self._brand(product.want.brand)
        return Whole(product, tuple(found), path, brand, of, self._flows)

    def _sku(self, row: Row, under: dict[tuple[str, str], list[Row]]) -> WholeSku | None:
        before = len(self.given)
        sku = self._item(row)
        if sku is None:
            return None
        stock, images = (self._items(under.get((kind, row.key), ())) if self._runs(kind) else () for kind in ("stock", "image"))
        whole = WholeSku(sku, self._items(under.get(("price", row.key), ())), stock, images)
        if not self._sight.shows(whole):
            del self.given[before:]
            return None
        return whole

    def _under(self, skus: list[str]) -> dict[tuple[str, str], list[Row]]:
        rules = self._rules["stock"] = rules_of(self._c, self._snapshot, self._pair, "stock", skus)
        rows = families.below(self._c, self._snapshot.id, BELOW, skus)
        # read after the rows: a sum that changes later moves the turn of its row
        self._shared = Shared(self._c, self._snapshot.id, rules, skus)
        return rows

    # ---- what they refer to ----

    def _path(self, key: str | None) -> tuple[Category, ...]:
        found: list[Category] = []
        while key is not None and all(key != each.key for each in found):
            node = self._node("category", key)
            if node is None:
                break
            found.insert(0, node)
            key = node.parent
        return tuple(found)

    def _brand(self, key: str | None) -> Brand | None:
        if key is not None:
            return self._node("brand", key)
        name = self._snapshot.options.brand_for_all
        return Brand(BRAND_FOR_ALL, name) if name else None

    def _node(self, kind: str, key: str) -> Any | None:
        if kind not in self._nodes:  # all are loaded: they are few compared with products
            self._nodes[kind] = {row.key: row for row in families.of_kind(self._c, self._snapshot.id, kind)}
        row = self._nodes[kind].get(key)
        item = self._item(row) if row is not None else None
        return item.want if item is not None else None

    # ---- one record ----

    def _items(self, rows: Iterable[Row]) -> tuple[Item[Any], ...]:
        return tuple(item for row in rows if (item := self._item(row)) is not None)

    def _item(self, row: Row) -> Item[Any] | None:
        """The record as the rules want it; where it may not go, as the shop last had it; None where the shop never had it."""
        rules = self._rules_of(row.kind)
        found = rules.effective(row.kind, row.doc, row.read_at) if row.doc is not None else None
        if found is not None and KINDS[row.kind].counted:
            found = self._shared.decided(found)
            if found is None:
                return None  # another branch's record carries the sum
        refs = found.refs if found is not None else {}
        kept = rules.kept.get(row.kind, frozenset())
        if found is None or not self._goes(row, found):
            if row.have_doc is None:
                return None
            kept |= empty(row.kind, row.have_doc)  # these fields may have been the shop's own when the rest was told
            return Item(row.key, row.have_doc, remote=row.remote, refs=refs, kept=kept, id=row.id, more=row.more)
        if row.kind in self._pair.served and row.have != found.digest and row.operation_id is None:
            self.given.append(Given(row, found))
        return Item(row.key, found.doc, remote=row.remote, refs=refs, kept=kept, id=row.id, more=row.more, turn=row.turn)

    def _goes(self, row: Row, found: Effective) -> bool:
        decided = found.reason is None and found.missing is None
        return decided and self._runs(row.kind) and _is_free(row)

    def _runs(self, kind: str) -> bool:
        return KINDS[kind].flow in self._flows

    def _rules_of(self, kind: str) -> Rules:
        if kind not in self._rules:
            self._rules[kind] = rules_of(self._c, self._snapshot, self._pair, kind)
        return self._rules[kind]


def _is_free(row: Row) -> bool:
    """Whether the record waits for nothing, for the shop, or for a link (whether there is one is decided anew)."""
    return row.owner in (None, "storefront") or (row.cause or "").startswith((links.WAITING_LINK, served.LINK_BY_HAND))


NOT_LIVE = Text("A integração não está ativa, ou uma conexão ainda não foi testada como está.",
                "The integration is not active, or a connection has not been tested as it is.")  # fmt: skip
CHANGED = Text("A configuração mudou durante a chamada.", "The configuration changed during the call.")
