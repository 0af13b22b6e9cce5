"""Pushing records: claim → clear `have`, mark `sent` (one transaction) → push hook → settle what was answered."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.domain import reasons
from engate.domain.effective import BRAND_FOR_ALL, PLACEHOLDER, Effective, Rules, blank, missing_link
from engate.domain.options import classified_in_the_shop
from engate.domain.reasons import Reason
from engate.errors import AuthFailed, EngateError, Forbidden, PluginFault, Unavailable, Unknown
from engate.logs import say
from engate.model import Batch, Item
from engate.model.kinds import Kind, buyable
from engate.store import lanes, levels, links, pushes, runs
from engate.store.blobs import readable
from engate.store.pushes import Claimed, Wish
from engate.sync import after, listed, operations, pilot, quarantine, served, unlisted
from engate.sync.reading import end_runs
from engate.sync.settling import NOBODY_SAID, Told, Was, settle
from engate.sync.sharing import Shared
from engate.sync.work import NextTurn, SliceContext, skus_of
from engate.text import Text

TEXTS = frozenset({"name", "description"})
NO_FIELDS: frozenset[str] = frozenset()
SILENT = 5
"""So many calls without any answer mean that the storefront fails, not the records."""


async def push_slice(work: SliceContext, kind: Kind) -> NextTurn:
    """Pushes batch after batch until nothing is ready or the slice is over. Records that the shop fetches only wait: see `_waits`."""
    if served.hangs_on_served(work, kind):
        await work.store.writing(lambda c: served.ask_for_links(c, work, kind))
    if after.waits(work, kind):
        await work.store.writing(lambda c: after.wait(c, work, kind))
    if kind.known_by_skus and not work.serves(kind):
        wait = await listed.before_products(work)
        if wait is not None:
            return wait
    key = (work.integration_id, kind.name)
    most = work.coupling.batch_of(kind.push_hook) or kind.batch
    while True:
        bulk = 0 if work.pace.doubtful(key) else work.coupling.bulk_of(kind.push_hook)
        room = Room(work.pace.size(key, most), most, bulk)
        marked_at = work.now()
        sending, found = await work.store.writing(lambda c, room=room, marked_at=marked_at: _claim(c, work, kind, room, marked_at))
        if not found:
            break
        if sending.rows:
            started = time.monotonic()
            pushed = await _push(work, kind, sending, marked_at)
            if pushed.stopped is not None:
                work.pace.silent(key)
                raise pushed.stopped
            if not (bulk and sending.may_defer):  # a batch that may have gone as one operation is no measure of single calls
                work.pace.took(key, len(sending.rows), time.monotonic() - started)
            if sending.were_all and pushed.all_accepted:
                break  # records that became ready meanwhile have woken the lane; looking again costs as much as there are blocked records
        if work.time_is_up():
            return NextTurn(due=work.now(), through=work.answered)
    due = await work.store.writing(lambda c: _next(c, work, kind, marked_at))
    return NextTurn(due=due, through=work.answered or due is None)  # a lane that waits for a time, unanswered, has not got through


class Sending(NamedTuple):
    """`may_defer`: no operation of the kind is open. `were_all`: nothing else was ready."""

    rows: list[tuple[Claimed, Effective]]
    may_defer: bool
    were_all: bool = False


class Pushed(NamedTuple):
    """The outcome of a batch. `stopped`: the error that should stop the lane."""

    stopped: EngateError | None
    all_accepted: bool


class Room(NamedTuple):
    """How many records a batch should have (`size`), at most (`most`), and where it may become an operation (`bulk`)."""

    size: int
    most: int
    bulk: int = 0

    def now(self, may_defer: bool) -> Room:
        """The room of the next batch. An operation takes one call for any number of records: the pace of single calls does not apply."""
        return Room(self.bulk, self.bulk, self.bulk) if may_defer and self.bulk else self


def _claim(c: sa.Connection, work: SliceContext, kind: Kind, room: Room, now: float) -> tuple[Sending, bool]:
    """Decides once more what each record should be, and marks as sent what can go. Returns (records to send, whether any was found)."""
    work.must_have_lease(c)
    is_served = work.serves(kind)
    if kind.known_by_skus and not is_served:
        listed.must_be_read(c, work)
    if kind.has_refs:
        links.release_linked(c, work.integration_id)
    only = pilot.allowed(c, work.snapshot, kind) if work.snapshot.pilot is not None else None
    since = now - work.delays.unknown_after
    may_defer = not operations.any_open(c, work.integration_id, kind)
    room = room.now(may_defer)
    beside = room.bulk > 0 and not may_defer  # new records gather for the next operation
    rows = pushes.claim(c, work.integration_id, kind, Wish(room.size, now, since, only, room.most, changed=beside, alone=is_served))
    work.must_be_current(c)  # now: while this waited for a record, another lane may have decided it by newer rules
    if not rows:
        return Sending([], may_defer), False
    were_all = len(rows) < room.size and not kind.together  # a batch of whole families may be small because the next family is large
    rows = quarantine.sound(c, work, kind, rows)
    rules = work.rules(c, kind.name, skus_of([row.doc for row in rows]))
    apart = listed.apart(c, work, rows) if kind.known_by_skus and not is_served else set[str]()
    sending: list[tuple[Claimed, Effective]] = []
    waiting: list[tuple[int, reasons.Reason]] = []
    looked_at = len(rows)
    decided = [rules.effective(kind.name, row.doc, row.read_at) for row in rows]
    if kind.counted:
        rows, decided = _shared(c, work, rules, rows, decided)
        were_all = were_all and len(rows) == looked_at  # a record that carries a sum may have become ready
    for row, found in zip(rows, served.named(c, work, kind, decided), strict=True):
        reason = listed.APART if row.key in apart else _waits(work, kind, row, found)
        if reason is not None:
            waiting.append((row.id, reason))
        else:
            sending.append((row.numbered(found.digest, now), found))
    pushes.wait_for(c, work.records_of(kind.name), waiting, now, answered=False)
    pushes.mark_sent(c, [(row.id, found.digest, row.want) for row, found in sending], now)
    return Sending(sending, may_defer, were_all), True


def _shared(
    c: sa.Connection, work: SliceContext, rules: Rules, rows: list[Claimed], decided: list[Effective]
) -> tuple[list[Claimed], list[Effective]]:
    """Where several branches share a warehouse of the shop: keeps the records that carry the sum, with the sum. The others are done."""
    if not rules.sharing:
        return rows, decided
    shared = Shared(c, work.integration_id, rules, {row.doc.sku for row in rows})
    summed = [shared.decided(found) for found in decided]
    carried = [row for row, found in zip(rows, summed, strict=True) if found is None]
    kept = [(row, found) for row, found in zip(rows, summed, strict=True) if found is not None]
    if carried:
        levels.send_anew(c, shared.stale([row.doc for row in carried], {row.key for row, _ in kept}))
        levels.counted(c, [row.id for row in carried], work.now())
        runs.pushed(c, [row.id for row in carried])
    return [row for row, _ in kept], [found for _, found in kept]


UNCLASSIFIED = reasons.own(
    "enrichment.map", "placeholder",
    Text("Sem equivalente na loja: aguarda classificação.", "No equivalent in the shop: waits to be classified."),
    Text("Ligue à categoria ou marca da loja em 'Ligações' da integração, ou escolha 'Criar na loja' nas opções 'Categorias novas' e "
         "'Marcas novas'.",
         "Link it to the shop's category or brand in the integration's 'Links', or choose 'Make in the shop' in the options "
         "'New categories' and 'New brands'."),
    "storefront",
)  # fmt: skip


def _waits(work: SliceContext, kind: Kind, row: Claimed, found: Effective) -> Reason | None:
    """Why a record does not go now."""
    is_served = work.serves(kind)
    if not is_served and _stays_here(work, kind, row):
        return UNCLASSIFIED
    if found.reason is not None:
        return found.reason
    if found.missing is not None:
        return missing_link(*found.missing)
    return served.TO_FETCH if is_served else None


def _stays_here(work: SliceContext, kind: Kind, row: Claimed) -> bool:
    """With the option `placeholder`, categories and brands without an equivalent are not made: products go to the placeholder."""
    return classified_in_the_shop(work.snapshot.options, kind) and row.key not in (PLACEHOLDER, BRAND_FOR_ALL) and row.remote is None


async def _push(work: SliceContext, kind: Kind, sending: Sending, marked_at: float) -> Pushed:
    """Pushes one batch through the plugin. Whatever happens, what was answered is settled."""
    batch = Batch([_item(work, kind, row, found) for row, found in sending.rows], may_defer=sending.may_defer)
    was = {row.key: _was(kind, row, found, item) for (row, found), item in zip(sending.rows, batch.items, strict=True)}
    failure: EngateError | None = None
    try:
        await getattr(work.coupling.storefront, kind.push_hook)(batch)
    except EngateError as error:
        failure = error
    finally:
        fault = operations.uncheckable(work, kind) if batch.ticket is not None else None
        deferred = batch.ticket is not None and fault is None
        told = Told(batch, was, None if deferred else fault or failure or NOBODY_SAID)
        # a cancelled slice settles too: the storefront's answers must not be lost
        await asyncio.shield(work.store.durably(lambda c: _settle(c, work, kind, told, marked_at)))
    if fault is not None:
        say("push_uncheckable", kind=kind.name, hook=kind.check_hook)
    for key, outcome in batch.outcomes.items():
        if isinstance(outcome.error, PluginFault):
            say("item_broke", kind=kind.name, key=key, exc_info=outcome.error.__cause__)
    heard = deferred or any(outcome.state in ("accepted", "rejected") for outcome in batch.outcomes.values())
    work.answered = work.answered or heard
    errors = [outcome.error for outcome in batch.outcomes.values() if outcome.error is not None]
    if failure is not None:
        errors += [failure] * max(1, len(batch.unreported()))
    refused = next((error for kind_of in (AuthFailed, Forbidden) for error in errors if isinstance(error, kind_of)), None)
    all_accepted = all(outcome.state == "accepted" for outcome in batch.outcomes.values()) and not batch.unreported()
    if refused is not None or heard:
        return Pushed(refused, all_accepted)
    # items that the plugin did not send, or failed on, do not count as unanswered
    unanswered = [error for error in errors if isinstance(error, Unavailable | Unknown) and not isinstance(error, PluginFault)]
    return Pushed(_silent(len(unanswered), unanswered[0]) if len(unanswered) >= SILENT else None, all_accepted)


def _item(work: SliceContext, kind: Kind, row: Claimed, found: Effective) -> Item[Any]:
    refs = dict(found.refs)
    if kind.parent_kind and row.parent_remote:
        refs[kind.parent_kind] = row.parent_remote
        if row.parent_more:
            refs[f"{kind.parent_kind}.more"] = row.parent_more
    unfinished = row.unfinished and row.have_doc is None
    texts = NO_FIELDS if work.snapshot.options.overwrite_enriched else TEXTS
    return Item(
        row.key,
        found.doc,
        have=readable(row.have_doc, kind.struct) if not row.uncertain else None,
        remote=row.remote,
        refs=refs,
        uncertain=row.uncertain,
        unfinished=unfinished,
        kept=found.kept | texts if row.remote is not None and not unfinished else NO_FIELDS,
        id=row.id,
        more=row.more,
        turn=row.turn,
    )


def _silent(count: int, first: EngateError) -> Unavailable:
    """The error that stops the lane, so that the next records are not tried in vain."""
    error = Unavailable(
        Text(f"A loja não respondeu a nenhum de {count} registros. {first.text.pt}",
             f"The storefront answered none of {count} records. {first.text.en}"),
        Text("O engate tenta de novo sozinho; veja se a loja está no ar.", "engate tries again by itself; see whether the shop is up."),
        code="silent",
    )  # fmt: skip
    error.connection_id = first.connection_id
    return error


def _was(kind: Kind, row: Claimed, found: Effective, item: Item[Any]) -> Was:
    turned = buyable(readable(row.have_doc, kind.struct)) != buyable(found.doc)
    own = found.kept | item.kept  # also fields sent with a creation: when one is ticked again, it is sent again
    accepted = blank(found.doc, own)
    as_read = accepted is row.doc
    return Was(row.id, row.key, accepted, found.digest, row.remote, row.more, row.tries, found.awaiting, as_read, turned, own)


def _settle(c: sa.Connection, work: SliceContext, kind: Kind, told: Told, marked_at: float) -> None:
    settle(c, work, kind, told)
    if told.rest is None:
        operations.keep(c, work, kind, told, marked_at)
    if not lanes.leased(c, work.claim.id, work.lease):
        pushes.doubt(c, [was.id for was in told.was.values()])


def _next(c: sa.Connection, work: SliceContext, kind: Kind, looked_at: float) -> float | None:
    """Nothing was ready at `looked_at`: returns when something could be. Also ends runs."""
    if kind.has_refs:
        unlisted.say(c, work)
    end_runs(c, work)
    return pushes.next_due(c, work.integration_id, kind.name, work.delays.unknown_after, looked_at)
