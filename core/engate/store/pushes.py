"""Pushing records: they are claimed, marked as sent, and accepted, refused or sent again. Every function works inside the caller's
transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from engate.domain.reasons import Reason
from engate.model.kinds import KINDS, Kind
from engate.store import links, moved
from engate.store.blobs import pack, readable
from engate.store.causes import ensure
from engate.store.conditions import one_of
from engate.store.many import execute_many
from engate.store.rows import RecordSet
from engate.store.tables import Id, cause, link, record


class Claimed(NamedTuple):
    """One record that is about to be pushed. `doc` None: it cannot be read."""

    id: int
    key: str
    doc: Any
    have_doc: bytes | None
    uncertain: bool
    remote: str | None
    parent_remote: str | None
    tries: int
    read_at: float
    want: bytes
    unfinished: bool  # its link came from a push that made the thing and did not finish it
    more: str = ""  # second keys of its own link and of its parent's
    parent_more: str = ""
    turn: int = 0
    turn_of: bytes | None = None

    def numbered(self, digest: bytes, now: float) -> Claimed:
        """The record with the turn of the decision to send this digest, as `mark_sent` will store it."""
        if self.turn_of == digest:
            return self
        return Claimed(*self[:-2], max(self.turn + 1, int(now)), digest)  # `_replace` costs three times as much for every record


class Settled(NamedTuple):
    id: int
    key: str
    digest: bytes
    doc: Any
    remote: str
    had_remote: bool
    answer: str
    awaiting: Reason | None
    as_read: bool  # the document was sent exactly as it was read
    turned: bool = True  # the push changes whether a buyer can buy
    more: str = ""
    had_more: str = ""


class Wish(NamedTuple):
    """What to claim. `unknown_before`: unanswered records sent later than this are left alone. `only`: these keys. `most`: where the kind
    goes `together`, a batch holds up to so many instead of `limit`, so that it has all ready records of each parent; only a parent with
    more than that is split. `changed`: no new records. `alone`: the parent need not be in the storefront."""

    limit: int
    now: float
    unknown_before: float
    only: set[str] | None = None
    most: int = 0
    changed: bool = False
    alone: bool = False


def claim(c: sa.Connection, integration_id: int, kind: Kind, wish: Wish) -> list[Claimed]:
    """Records that can be pushed now, oldest first: the parent is in the storefront, no cause blocks them, and an unknown effect is old
    enough to be looked up. Those of unknown effect come first."""
    only, limit = wish.only, wish.limit
    asked = {"integration": integration_id, "now": wish.now, "unknown_before": wish.unknown_before, "only": list(only or ())}
    select = _Select(kind.name, only is not None, changed=wish.changed, alone=wish.alone)
    rows = _together(c, select, asked, limit, max(limit, wish.most)) if kind.together else _of_both(c, select, asked, limit)
    struct = kind.struct
    return [
        Claimed(
            id,
            key,
            readable(doc, struct),
            have_doc,
            sent is not None,
            remote,
            parent_remote,
            tries,
            read_at,
            want,
            origin == "unfinished",
            more or "",
            parent_more or "",
            turn,
            turn_of,
        )
        for id, key, _, doc, have_doc, sent, tries, read_at, want, turn, turn_of, remote, origin, more, parent_remote, parent_more in rows
    ]


STATES = ("sent", "to_send")


class _Select(NamedTuple):
    """Which records a claim reads: of a kind; only of given keys; only of given parents; only those accepted once (or in doubt); also those
    whose parent is not in the storefront; only those of given ids."""

    kind: str
    only: bool
    of_parents: bool = False
    changed: bool = False
    alone: bool = False
    of_ids: bool = False


def _of_both(c: sa.Connection, select: _Select, asked: dict[str, Any], most: int) -> list[Any]:
    rows: list[Any] = []
    for state in STATES:
        rows += _locked(c, select, state, asked | {"most": most - len(rows)})
    return rows


def _locked(c: sa.Connection, select: _Select, state: str, asked: dict[str, Any]) -> Sequence[Any]:
    """Ready records of one state. The decision made on them must not overwrite a concurrent reading's `want`, so they are locked.

    A statement of PostgreSQL that waits for a lock then shows the record as it is and its links as they were before. With a link that was
    removed meanwhile the record would be sent to the old place and count as accepted. So the links are read by another statement.
    """
    if c.dialect.name == "sqlite":  # there is one writer at a time
        return c.execute(_ready(select, state), asked).all()
    of_ids = select._replace(of_ids=True)
    while ids := c.execute(_ready(select, state, "ids"), asked).scalars().all():
        rows = c.execute(_ready(of_ids, state), asked | {"ids": ids}).all()
        if len(rows) == len(ids):  # else others are ready in the place of those whose parent's link is gone
            return rows
    return []


def _together(c: sa.Connection, select: _Select, asked: dict[str, Any], limit: int, most: int) -> list[Any]:
    """All ready records of the first records' parents: of as many parents as have `limit` records together, but not more than `most`."""
    firsts: list[str] = []
    for state in STATES:
        firsts += c.execute(_ready(select, state, "parents"), asked | {"most": limit - len(firsts)}).scalars()
    if not firsts:
        return []
    asked = asked | {"parents": list(dict.fromkeys(firsts))}
    of_parents = select._replace(of_parents=True)
    rows = _of_both(c, of_parents, asked, most + 1)
    counts = Counter(row.parent for row in rows)
    cut = len(rows) > most  # then the counts of each parent are incomplete
    if cut:
        counts.clear()
        for state in STATES:
            for parent, count in c.execute(_ready(of_parents, state, "counts"), asked):
                counts[parent] += count
    place = {parent: number for number, parent in enumerate(_fitting(asked["parents"], counts, limit, most))}
    if cut:
        rows = _of_both(c, of_parents, asked | {"parents": list(place)}, most)
    # stable: within a parent the order stays
    return sorted((row for row in rows if row.parent in place), key=lambda row: place[row.parent])


def _fitting(parents: list[str], counts: Counter[str], limit: int, most: int) -> list[str]:
    chosen: list[str] = []
    total = 0
    for parent in parents:
        if chosen and (total >= limit or total + counts[parent] > most):
            break
        chosen.append(parent)
        total += counts[parent]
    return chosen


@cache
def _ready(select: _Select, state: str, shown: Literal["records", "ids", "parents", "counts"] = "records") -> sa.Executable:
    """Selects one state at a time: the index then gives the order, and the first `most` are found without sorting all."""
    kind, only, of_parents, changed, alone, of_ids = select
    parent_kind = KINDS[kind].parent_kind
    own_link, parent_link = link.alias("own_link"), link.alias("parent_link")
    source: sa.FromClause = record
    parent_remote: sa.ColumnElement[Any] = sa.null()
    parent_more: sa.ColumnElement[Any] = sa.null()
    if parent_kind:
        source = source.join(
            parent_link,
            (parent_link.c.integration_id == record.c.integration_id)
            & (parent_link.c.kind == parent_kind)
            & (parent_link.c.key == record.c.parent),
            isouter=alone,
        )
        parent_remote, parent_more = parent_link.c.remote, parent_link.c.more
    source = source.outerjoin(
        own_link,
        (own_link.c.integration_id == record.c.integration_id) & (own_link.c.kind == record.c.kind) & (own_link.c.key == record.c.key),
    )
    columns = {
        "parents": (record.c.parent,),
        "counts": (record.c.parent, sa.func.count()),
        "ids": (record.c.id,),
        "records": (
            record.c.id, record.c.key, record.c.parent, record.c.doc, record.c.have_doc, record.c.sent, record.c.tries,
            record.c.read_at, record.c.want, record.c.turn, record.c.turn_of, own_link.c.remote, own_link.c.origin, own_link.c.more,
            parent_remote.label("parent_remote"), parent_more.label("parent_more"),
        ),
    }  # fmt: skip
    query = (
        sa.select(*columns[shown])
        .select_from(source)
        .where(
            record.c.integration_id == sa.bindparam("integration"),
            record.c.kind == kind,
            record.c.state == state,
            record.c.not_before <= sa.bindparam("now"),
        )
    )
    if state == "sent":
        free = record.c.cause_id.is_(None) & record.c.operation_id.is_(None)
        query = query.where(record.c.sent_at < sa.bindparam("unknown_before"), free)
    elif changed:
        query = query.where(record.c.have_doc.is_not(None))
    if only:
        query = query.where(record.c.key.in_(sa.bindparam("only", expanding=True)))
    if of_parents:
        query = query.where(record.c.parent.in_(sa.bindparam("parents", expanding=True)))
    if of_ids:
        query = query.where(one_of(record.c.id, "ids"))
    if shown == "counts":
        return query.group_by(record.c.parent)
    query = query.order_by(record.c.id).limit(sa.bindparam("most"))
    return query.with_for_update(of=record) if shown == "ids" else query


_SECOND = sa.bindparam("second", type_=sa.BigInteger)


def _turn(digest: Any) -> Any:
    """The same decision keeps its number; the next one gets a greater one, also for a record that was deleted and read again."""
    after = sa.case((record.c.turn >= _SECOND, record.c.turn + 1), else_=_SECOND)
    return sa.case((record.c.turn_of == digest, record.c.turn), else_=after)


_SENT = (
    sa.update(record)
    .where(one_of(record.c.id, "ids"))
    .values(sent=record.c.want, have=None, sent_at=sa.bindparam("at"), turn=_turn(record.c.want), turn_of=record.c.want)
)
_DIGEST = sa.bindparam("b_sent", type_=sa.LargeBinary)
_SENT_OTHER = (
    sa.update(record)
    .where(record.c.id == sa.bindparam("b_id"))
    .values(sent=_DIGEST, want=_DIGEST, have=None, sent_at=sa.bindparam("at"), turn=_turn(_DIGEST), turn_of=_DIGEST)
)
_SETTLED = {"sent": None, "sent_at": None, "turn_of": None, "tries": 0, "not_before": 0}


def _accepted(digest: Any) -> Any:
    """The accepted digest is what the storefront holds, unless the storefront changed it by itself meanwhile (`resend`)."""
    return sa.case((record.c.turn_of == digest, digest), else_=None)


_NOW = sa.bindparam("at", type_=sa.Double)
_ACCEPT_AS_READ = (
    sa.update(record)
    .where(one_of(record.c.id, "ids"), record.c.want == record.c.sent)
    .values(
        have=_accepted(record.c.sent), have_doc=moved.accepted_here(record.c.doc), cause_id=None, answer="",
        answered_at=_NOW, turned_at=sa.case((one_of(record.c.id, "turned"), _NOW), else_=record.c.turned_at), **_SETTLED,
    )
    .returning(record.c.id)
)  # fmt: skip
_ACCEPT = (
    sa.update(record)
    .where(record.c.id == sa.bindparam("b_id"))
    .values(
        have=_accepted(sa.bindparam("b_have", type_=sa.LargeBinary)),
        have_doc=moved.accepted_here(sa.bindparam("b_doc", type_=sa.LargeBinary)), cause_id=sa.bindparam("b_cause"),
        answer=sa.bindparam("b_answer"), answered_at=_NOW,
        turned_at=sa.func.coalesce(sa.bindparam("b_turned_at", type_=sa.Double), record.c.turned_at), **_SETTLED,
    )
)  # fmt: skip


def mark_sent(c: sa.Connection, rows: Iterable[tuple[int, bytes, bytes]], now: float) -> None:
    """Clears `have` before the send: what the storefront holds is unknown until it answers. Rows: (id, digest to send, digest wanted)."""
    same: list[int] = []
    other: list[dict[str, Any]] = []
    for id, digest, wanted in rows:
        if digest == wanted:
            same.append(id)
        else:
            other.append({"b_id": id, "b_sent": digest, "at": now, "second": int(now)})
    if same:
        c.execute(_SENT, {"ids": same, "at": now, "second": int(now)})
    if other:
        execute_many(c, _SENT_OTHER, other)


def accept(c: sa.Connection, of: RecordSet, rows: Sequence[Settled], now: float) -> bool:
    """Stores that the storefront accepted these records. A new link releases what waited for it. Returns whether there is one."""
    if not rows:
        return False
    # records sent exactly as read, and not read anew meanwhile, keep their stored document: one statement for all
    plain = [row for row in rows if row.as_read and not row.answer and row.awaiting is None]
    asked = {"ids": [row.id for row in plain], "turned": [row.id for row in plain if row.turned], "at": now}
    done = set(c.execute(_ACCEPT_AS_READ, asked).scalars()) if plain else set[int]()
    rest = [row for row in rows if row.id not in done]
    if rest:
        reasons = ensure(c, of.tenant_id, of.integration_id, {row.awaiting for row in rest if row.awaiting}, now)
        execute_many(
            c,
            _ACCEPT,
            [
                {
                    "b_id": row.id,
                    "b_have": row.digest,
                    "b_doc": pack(row.doc),
                    "b_answer": row.answer[:300],
                    "b_cause": reasons[row.awaiting.key] if row.awaiting else None,
                    "at": now,
                    "b_turned_at": now if row.turned else None,
                }
                for row in rest
            ],
        )
    there = links.still_linked(c, of.integration_id, of.kind, [row.key for row in rows if row.had_remote])
    new = [(row.key, row.remote, row.more) for row in rows if row.remote and row.key not in there]
    links.linked(c, of, new, now)
    told = [(row.key, row.remote, row.more) for row in rows if row.key in there and row.more != row.had_more]
    links.second_keys(c, of.integration_id, of.kind, told)
    return bool(new)


def wait_for(c: sa.Connection, of: RecordSet, rows: Sequence[tuple[int, Reason]], now: float, *, answered: bool) -> None:
    """These records wait for a cause. `answered`: the storefront refused them, so the push is known to have no effect."""
    if not rows:
        return
    reasons = ensure(c, of.tenant_id, of.integration_id, {reason for _, reason in rows}, now)
    values: dict[str, Any] = {"cause_id": sa.bindparam("cause"), "sent": None, "sent_at": None}
    if answered:
        # data that changed while under way was not what was refused; nor was a new place (`moved`)
        same = (record.c.want == record.c.sent) & (record.c.turn_of == record.c.sent)
        still = sa.case((same, sa.bindparam("cause", type_=Id)), else_=record.c.cause_id)
        values |= {"cause_id": still, "answer": sa.bindparam("answer"), "answered_at": now, "turn_of": None}
    c.execute(
        sa.update(record).where(record.c.id == sa.bindparam("b_id")).values(**values),
        [{"b_id": id, "cause": reasons[reason.key], **({"answer": reason.text.en[:300]} if answered else {})} for id, reason in rows],
    )


def waiting_for_people(c: sa.Connection, ids: Sequence[int]) -> list[tuple[str, str]]:
    """(key, the cause's code) of those of these records that wait for a person."""
    mine = sa.select(record.c.key, cause.c.code).join(cause, cause.c.id == record.c.cause_id)
    rows = c.execute(mine.where(record.c.id.in_(ids), cause.c.owner == "person").order_by(record.c.id))
    return [(row.key, row.code) for row in rows]


def again(c: sa.Connection, rows: Sequence[tuple[int, float, bool, str]], now: float) -> None:
    """Rows: (id, not before, effect unknown, why). Certainly not sent: back to the queue; effect unknown: stays `sent` until looked up."""
    certain = [row for row in rows if not row[2]]
    if certain:
        c.execute(
            sa.update(record)
            .where(record.c.id == sa.bindparam("b_id"))
            .values(sent=None, sent_at=None, tries=record.c.tries + 1, not_before=sa.bindparam("nb"), answer=sa.bindparam("answer")),
            [{"b_id": id, "nb": until, "answer": why[:300]} for id, until, _, why in certain],
        )
    unknown = [row for row in rows if row[2]]
    if unknown:
        c.execute(
            sa.update(record)
            .where(record.c.id == sa.bindparam("b_id"))
            .values(sent_at=now, tries=record.c.tries + 1, not_before=sa.bindparam("nb"), answer=sa.bindparam("answer")),
            [{"b_id": id, "nb": until, "answer": why[:300]} for id, until, _, why in unknown],
        )


def put_back(c: sa.Connection, ids: Sequence[int], not_before: float) -> None:
    """Puts back records that were not tried."""
    if ids:
        c.execute(sa.update(record).where(record.c.id.in_(ids)).values(sent=None, sent_at=None, not_before=not_before))


def lift(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> None:
    """A person wants records of these kinds that back off tried now."""
    waits = (record.c.state == "to_send") & (record.c.not_before > 0)
    mine = (record.c.integration_id == integration_id) & record.c.kind.in_(list(kinds))
    c.execute(sa.update(record).where(mine, waits).values(not_before=0, tries=0))


def resend(c: sa.Connection, integration_id: int, kind: str, parents: Sequence[str]) -> int:
    """The storefront changed these by itself: what it holds is unknown, so they are sent again. Returns how many."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.parent.in_(list(parents))
    return c.execute(sa.update(record).where(mine).values(have=None, turn_of=moved.UNDECIDED)).rowcount


def doubt(c: sa.Connection, ids: Sequence[int]) -> None:
    """Another process may have pushed these meanwhile: what the storefront holds of them is unknown."""
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(have=None))


def next_due(c: sa.Connection, integration_id: int, kind: str, unknown_after: float, now: float) -> float | None:
    """The earliest time at which a resting record can go: its back-off ends (after `now`), or its unknown effect can be looked up."""
    to_send = record.c.state == "to_send"
    found = c.execute(
        sa.select(
            sa.func.min(record.c.not_before).filter(to_send, record.c.not_before > now),
            sa.func.min(record.c.sent_at + unknown_after + 0.05).filter(
                record.c.state == "sent", record.c.cause_id.is_(None), record.c.operation_id.is_(None)
            ),
        ).where(record.c.integration_id == integration_id, record.c.kind == kind, record.c.state.in_(("to_send", "sent")))
    ).one()
    return min((t for t in found if t is not None), default=None)


def _moving() -> sa.Select[tuple[int]]:
    """Records that can still move by themselves: under way, or to be sent and without a parent up the chain that waits for a cause."""
    up, upper = record.alias("up"), record.alias("upper")
    parent_of = {kind.name: kind.parent_kind for kind in KINDS.values() if kind.parent_kind}

    def above(child: Any) -> Any:
        return sa.case(parent_of, value=child.c.kind, else_="")

    def open_below(child: Any, parent: Any, further: Any) -> Any:
        """Whether the child's parent is in the storefront or will be: it does not wait, and `further` holds for it."""
        there = sa.exists().where(
            link.c.integration_id == child.c.integration_id, link.c.kind == above(child), link.c.key == child.c.parent
        )
        return child.c.parent.is_(None) | there | (parent.c.id.is_not(None) & (parent.c.state != "waiting") & further)

    source = record.outerjoin(
        up, (up.c.integration_id == record.c.integration_id) & (up.c.kind == above(record)) & (up.c.key == record.c.parent)
    ).outerjoin(upper, (upper.c.integration_id == up.c.integration_id) & (upper.c.kind == above(up)) & (upper.c.key == up.c.parent))
    free = open_below(record, up, open_below(up, upper, sa.true()))
    going = ((record.c.state == "sent") & record.c.cause_id.is_(None)) | ((record.c.state == "to_send") & free)
    return sa.select(record.c.id).select_from(source).where(record.c.state.in_(("to_send", "sent")), going)


MOVING = _moving()  # built once: that costs ten times what running it does
