"""Reading decides what should be: ERP page → effective document → digest → `record.want`, page by page, resumable."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.boundary import Broken, Received
from engate.domain.effective import Rules
from engate.domain.flows import FLOWS, Flow
from engate.errors import EngateError
from engate.model import Query
from engate.model.kinds import KINDS, Kind
from engate.plugins import closing
from engate.store import changed, desired, levels, runs, units
from engate.store.desired import Wanted
from engate.store.runs import Asked, Place, Reading
from engate.sync import images, nodes, outbox, pilot, quarantine, renames, scopes, stock, together, unlisted, whole
from engate.sync.renames import Renames
from engate.sync.work import NextTurn, SliceContext, skus_of


async def read_slice(work: SliceContext, flow: Flow) -> NextTurn:
    """Goes on with the flow's reading, or starts the scheduled one. Ends when the slice is over or everything has been read."""
    kinds = [kind.name for kind in flow.kinds]
    todo, stopped_at, look_at = await work.store.reading(lambda c: _begun(c, work, flow, kinds))
    if look_at is not None:
        return NextTurn(due=look_at)
    if not todo:
        if stopped_at is not None and stopped_at + work.snapshot.every[flow.name] > work.now():
            return NextTurn(due=stopped_at + work.snapshot.every[flow.name])  # a person cancelled it: it starts at its next scheduled time
        todo = await work.store.writing(lambda c: _start(c, work, flow, kinds))
    if await scopes.split(work, todo):
        todo = await work.store.reading(lambda c: runs.under_way(c, work.integration_id, kinds))
    for row in todo:
        if together.may_come(work, KINDS[row.kind]) and not await work.store.reading(lambda c, row=row: _asked(c, work, row)):
            continue  # an earlier kind of the flow brought it
        try:
            complete = await _read_kind(work, KINDS[row.kind], row)
        except EngateError as error:
            await work.store.writing(partial(runs.failed, run_id=row.run_id, error=error, now=work.now()))
            raise
        if not complete:
            return NextTurn(due=work.now())
    last = todo[-1]
    read = await work.store.writing(lambda c: _all_read(c, work, flow, last))
    if read.more:
        return NextTurn(due=work.now())
    # readings of keys that the ERP told do not put the schedule off
    before = read.before if read.before is not None else work.now()
    return NextTurn(due=max(work.now(), before + work.snapshot.every[flow.name]))


class Begun(NamedTuple):
    """`rows`: readings under way; without any, `stopped_at`: when a person cancelled the last run. `look_at`: when to look again, because
    another flow brings the kinds."""

    rows: list[Reading]
    stopped_at: float | None
    look_at: float | None


def _begun(c: sa.Connection, work: SliceContext, flow: Flow, kinds: list[str]) -> Begun:
    rows = runs.under_way(c, work.integration_id, kinds)
    stopped_at = None if rows else runs.stopped_at(c, work.integration_id, flow.name)
    return Begun(rows, stopped_at, together.waits_for(c, work, flow, rows))


def _asked(c: sa.Connection, work: SliceContext, row: Reading) -> bool:
    """Whether this reading is still under way."""
    return any((each.scope, each.run_id) == (row.scope, row.run_id) for each in runs.under_way(c, work.integration_id, [row.kind]))


def _start(c: sa.Connection, work: SliceContext, flow: Flow, kinds: list[str]) -> list[Reading]:
    runs.lock(c, work.integration_id, flow.name)  # before it looks for others: a person may be asking for one
    return _start_told(c, work, flow, kinds) or _start_scheduled(c, work, flow, kinds)


def _start_told(c: sa.Connection, work: SliceContext, flow: Flow, kinds: list[str]) -> list[Reading]:
    """Starts a reading of only the keys that the ERP said have changed, if nothing else is being read."""
    keys = changed.waiting(c, work.integration_id, kinds)
    if not keys or runs.under_way(c, work.integration_id, kinds):
        return []
    made = runs.start(c, work.tenant_id, work.integration_id, Asked(flow.name, kinds, TOLD, full=False, keys=keys), work.now())
    changed.taken(c, work.integration_id, keys, made)
    return runs.under_way(c, work.integration_id, kinds)


def _start_scheduled(c: sa.Connection, work: SliceContext, flow: Flow, kinds: list[str]) -> list[Reading]:
    asked = runs.under_way(c, work.integration_id, kinds)
    if asked:
        return asked  # another reading was asked for before this transaction: it goes on
    full = not any(runs.ever_read(c, work.integration_id, kind) for kind in kinds) or _full_is_due(c, work, flow)
    runs.start(c, work.tenant_id, work.integration_id, Asked(flow.name, kinds, "schedule", full=full, keys=None), work.now())
    return runs.under_way(c, work.integration_id, kinds)


def _full_is_due(c: sa.Connection, work: SliceContext, flow: Flow) -> bool:
    return runs.full_is_due(c, work.integration_id, flow.name, work.snapshot.full_every[flow.name], work.now())


TOLD = "webhook"
"""The trigger of runs that read only keys that the ERP told."""

ROWS = 500
"""Rows stored in one transaction: a commit for every page of 100 cost more than the reading."""

KEEP_AFTER = 1.0
"""Seconds after which pages are stored even if they are few: pages of a slow ERP do not wait for each other."""


async def _read_kind(work: SliceContext, kind: Kind, row: Reading) -> bool:
    """Returns whether this kind has been read to its end."""
    since = (
        None
        if row.full or row.only is not None
        else await work.store.reading(lambda c: runs.watermark_of(c, work.integration_id, kind.name, row.scope))
    )
    only = tuple(row.only) if row.only is not None else None
    tables = scopes.tables(work) if kind.by_table else ()
    query = Query(since=since, cursor=row.cursor, scope=row.scope, keys=only, tables=tables)
    read = Read(Place(row.cursor, row.ahead, row.total))
    try:
        async with closing(getattr(work.coupling.erp, kind.list_hook)(query)) as pages:
            asked_at = work.now()
            async for page in pages:
                read.add(page, asked_at)
                up = work.time_is_up() and page.cursor is not None
                if up or read.rows() >= ROWS or read.age() > KEEP_AFTER:
                    if not await _store(work, kind, row, read):
                        return False
                    read = Read(read.place)
                asked_at = work.now()
                if up:
                    return False
    except EngateError:
        await _store(work, kind, row, read)  # the next try continues after these pages
        raise
    return await _store(work, kind, row, read, ended=True)


async def _store(work: SliceContext, kind: Kind, row: Reading, read: Read, *, ended: bool = False) -> bool:
    """Stores the pages read so far. False: the reading was cancelled or superseded."""
    skus = read.own if kind.sold else read.brought.get("sku")
    if skus is not None and skus.docs:
        skus.renamed = await renames.found(work, [doc for doc, _ in skus.docs])
    return await work.store.writing(
        lambda c: _keep(c, work, kind, row, read) and (not ended or _kind_read(c, work, kind, row, read.place.ahead))
    )


class Lot:
    """What pages brought of one kind: `docs` and `broken`, each with the time at which its page was asked for."""

    def __init__(self) -> None:
        self.docs: list[tuple[Any, float]] = []
        self.broken: list[tuple[Broken, float]] = []
        self.renamed = Renames()
        """SKUs that are known ones under a new key."""

    def add(self, page: Received[Any], asked_at: float) -> None:
        self.docs += [(doc, asked_at) for doc in page.items]
        self.broken += [(each, asked_at) for each in page.broken]


class Read:
    """Pages that have been read and not stored yet. `place`: where the reading continues after them; `own`: items of the kind that is read;
    `brought`: items of other kinds."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.own = Lot()
        self.brought: dict[str, Lot] = {}
        self._since = time.monotonic()

    def add(self, page: Received[Any], asked_at: float) -> None:
        ahead = max(filter(None, (self.place.ahead, page.watermark)), default=None)
        # the smallest count: items added during the reading may lie before its place
        total = min((said for said in (self.place.total, page.total) if said is not None), default=None)
        self.place = Place(page.cursor, ahead, total)
        self.own.add(page, asked_at)
        for kind, other in page.brought.items():
            self.brought.setdefault(kind, Lot()).add(other, asked_at)

    def rows(self) -> int:
        return len(self.own.docs) + sum(len(lot.docs) for lot in self.brought.values())

    def age(self) -> float:
        return time.monotonic() - self._since


def _kind_read(c: sa.Connection, work: SliceContext, kind: Kind, row: Reading, ahead: str | None) -> bool:
    read, why = runs.counted(c, row).entities, whole.missing(c, work, kind, row)
    if why is not None:
        runs.reading_short(c, row, read=read)
        runs.fell_short(c, row.run_id, why)
        whole.say(c, work, kind.flow, why)
        return True
    runs.reading_done(c, row, ahead=ahead, read=read)
    everything = row.full and row.only is None
    if runs.kind_is_read(c, row) and not runs.is_short(runs.of_id(c, row.run_id)):
        changed.been_read(c, work.integration_id, kind.name, row.run_id, all_since=row.started_at if everything else None)
    if row.only is None:
        whole.unsay(c, work, whole.list_of(row))
        for name in together.kept(work, kind) & {each.name for each in FLOWS[kind.flow].kinds}:
            for other in runs.under_way(c, work.integration_id, [name]):
                if together.stands_for(row, other):
                    runs.kind_brought(c, other, by=kind.name)
    if kind.counted and everything:
        units.forget(c, work.integration_id, row.scope, row.started_at)
    return True


def _wanted(rules: Rules, kind: Kind, doc: Any, read_at: float) -> Wanted:
    found = rules.effective(kind.name, doc, read_at)
    return Wanted(doc.key, kind.parent(doc) if kind.parent else None, doc, found.digest, found.reason, read_at, found.awaiting)


def _keep(c: sa.Connection, work: SliceContext, kind: Kind, row: Reading, read: Read) -> bool:
    """Stores pages. False: the reading was cancelled or superseded, and its pages are dropped."""
    if not runs.still_asked(c, row):
        return False
    work.must_have_lease(c)  # the lane's new holder may have read newer pages
    items, changed = _keep_lot(c, work, kind, row, read.own)
    runs.page_done(c, row, read.place, items=items, changed=changed)
    for name in together.kept(work, kind) & read.brought.keys() if read.brought else ():
        asked = [each for each in runs.under_way(c, work.integration_id, [name]) if together.stands_for(row, each)]
        counts = next(iter(asked), row)
        items, changed = _keep_lot(c, work, KINDS[name], counts, read.brought[name])
        runs.brought(c, counts, items=items if asked else 0, changed=changed)
    work.must_be_current(c)  # last: while this waited for a record, another lane may have decided it by newer rules
    return True


def _keep_lot(c: sa.Connection, work: SliceContext, kind: Kind, row: Reading, lot: Lot) -> tuple[int, int]:
    """Stores items of one kind. Returns (how many there were, how many of them changed). `row`: the reading that they belong to."""
    quarantine.lost(c, row, kind.name, lot.broken, work.now())
    docs = lot.docs + quarantine.stand_ins(c, work, kind, lot.broken)
    renames.apply(c, work, lot.renamed)
    # decided in this transaction: an order that came while the pages were fetched must count
    skus = skus_of([doc for doc, _ in docs])
    if kind.counted and skus:
        # before pending units and sale state are read: who changes them for one of these SKUs decides its stock before or after this
        levels.lock(c, work.integration_id, skus)
    rules = work.rules(c, kind.name, skus)
    ignored = [doc.key for doc, _ in docs if rules.ignores(doc)]
    desired.forget(c, work.integration_id, kind.name, ignored)
    wanted = [_wanted(rules, kind, doc, asked_at) for doc, asked_at in docs if not rules.ignores(doc)]
    unclear = lot.renamed.unclear
    wanted = [each._replace(reason=each.reason or unclear.get(each.key)) for each in wanted] if unclear else wanted
    changed = desired.want(c, work.records_of(kind.name), wanted, run_id=row.run_id, now=work.now())
    if changed:
        _changed(c, work, kind, [doc for doc, _ in docs])
    return len(docs), changed


def _changed(c: sa.Connection, work: SliceContext, kind: Kind, docs: list[Any]) -> None:
    """Some of these documents changed: wakes the lanes that push them or depend on them."""
    work.wake(c, (f"push/{kind.name}", kind.priority))
    stock.sold_otherwise(c, work, docs)
    images.came(c, work, docs)
    if work.snapshot.pilot is not None and kind.flow == "products":
        work.wake(c, *((f"push/{name}", KINDS[name].priority) for name in PILOT_NEEDS))


PILOT_NEEDS = ("category", "brand", "product")
"""Kinds of which a pilot's keys are known only after its SKUs and their products have been read."""


def end_runs(c: sa.Connection, work: SliceContext) -> None:
    """Ends the runs none of whose records can still move, and tells observers."""
    outlet = outbox.outlet_of(work)
    for run in runs.finish(c, work.integration_id, work.now(), idle=pilot.outside(c, work.snapshot)):
        outlet.run_finished(c, run, work.now())


class AllRead(NamedTuple):
    """A reading has ended. `more`: the next one is due now; `before`: when the flow was last read by its schedule, where this reading was
    not."""

    more: bool
    before: float | None


def _all_read(c: sa.Connection, work: SliceContext, flow: Flow, last: Reading) -> AllRead:
    run = runs.of_id(c, last.run_id)
    short, was_told = runs.is_short(run), run is not None and run.trigger == TOLD
    if not short and not was_told:
        runs.flow_read(c, work.integration_id, flow.name, full=last.full and last.only is None, now=work.now())
    runs.pushes(c, last.run_id)
    if last.only is None and not short:
        together.read(c, work, flow, last)
    if flow.name == "products":
        work.wake(c, ("push/product", KINDS["product"].priority))  # it may wait for the SKUs (`engate.sync.listed`)
    if flow.name == "images" and last.full and last.only is None:
        images.were_read(c, work)
    if flow.name in ("categories", "brands", "products"):
        nodes.want(c, work, run_id=last.run_id)
        unlisted.say(c, work)
    end_runs(c, work)
    more = not short and (_full_is_due(c, work, flow) or bool(changed.waiting(c, work.integration_id, [kind.name for kind in flow.kinds])))
    return AllRead(more, runs.read_at(c, work.integration_id, flow.name) if was_told else None)
