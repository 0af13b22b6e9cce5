"""Records: reading sets what should be, pushing makes it so. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engate.model.kinds import KINDS, Kind
from engate.store.blobs import pack, readable
from engate.store.causes import Reason, ensure
from engate.store.db import insert
from engate.store.tables import Id, cause, key_index, link, metadata, reading, record, unit
from engate.text import Text

ROWS = 500


class Wanted(NamedTuple):
    """One entity as read: its document and what follows from it. `read_at`: when its page was asked for."""

    key: str
    parent: str | None
    doc: Any
    digest: bytes
    reason: Reason | None
    read_at: float


class Claimed(NamedTuple):
    """One record that is about to be pushed; `sent` was its digest of unknown effect, if any. `doc` None: it cannot be read."""

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
    made: bool  # its link came from a push that made the thing and did not finish it
    more: str = ""  # second keys of its own link and of its parent's
    parent_more: str = ""
    turn: int = 0
    turn_of: bytes | None = None

    def numbered(self, digest: bytes, now: float) -> Claimed:
        """With the number of the decision to send this digest, as `mark_sent` is about to store it."""
        return self if self.turn_of == digest else self._replace(turn=max(self.turn + 1, int(now)), turn_of=digest)


Origin = Literal["engate", "made", "listed", "person"]
"""Where a link comes from: found or made by a push, made by one that did not finish it, found in the shop's list, or said by a person."""


class Settled(NamedTuple):
    id: int
    key: str
    digest: bytes
    doc: Any
    remote: str
    had_remote: bool
    answer: str
    awaiting: Reason | None
    as_read: bool  # what was sent is the document just as it was read
    turned: bool = True  # a buyer can buy now and could not before, or the other way round
    more: str = ""
    had_more: str = ""


def want(c: sa.Connection, tenant_id: int, integration_id: int, kind: str, rows: Sequence[Wanted], *, run_id: int, now: float) -> int:
    """Stores what pages say; returns how many records changed. An unchanged row costs one read and no write."""
    changed = 0
    for start in range(0, len(rows), ROWS):
        changed += _want(c, tenant_id, integration_id, kind, rows[start : start + ROWS], run_id, now)
    return changed


def _want(c: sa.Connection, tenant_id: int, integration_id: int, kind: str, rows: Sequence[Wanted], run_id: int, now: float) -> int:
    # the last word counts where an ERP lists an entity twice; in the order of keys, so that two readers do not lock each other out
    by_key = {row.key: row for row in sorted(rows, key=lambda row: row.key)}
    known = {row.key: row for row in c.execute(_KNOWN, {"of_integration": integration_id, "of_kind": kind, "of_keys": list(by_key)})}
    reasons = ensure(c, tenant_id, integration_id, {row.reason for row in by_key.values() if row.reason}, now)
    upserts: list[dict[str, Any]] = []
    anew: list[dict[str, Any]] = []
    for row in by_key.values():
        old = known.get(row.key)
        blob = pack(row.doc)
        cause_key = row.reason.key if row.reason else None
        if old is not None and old.want == row.digest and old.parent == row.parent:
            old_key = old.cause_key
            # a refusal by the storefront stays with unchanged data; what reading itself found follows the reading
            if old_key == cause_key or (cause_key is None and not (old_key or "").startswith(("erp:", "own:mapping", "own:run"))):
                if old.doc != blob and readable(old.doc, KINDS[kind].struct) != row.doc:  # 5 and 5.0 are the same
                    anew.append(
                        {"of_integration": integration_id, "of_kind": kind, "of_key": row.key, "b_doc": blob, "b_read_at": row.read_at}
                    )
                continue
        upserts.append(
            {
                "tenant_id": tenant_id,
                "integration_id": integration_id,
                "kind": kind,
                "key": row.key,
                "parent": row.parent,
                "doc": blob,
                "want": row.digest,
                "cause_id": reasons[cause_key] if cause_key else None,
                "run_id": run_id,
                "seen": run_id,
                "read_at": row.read_at,
                "tries": 0,
                "not_before": 0,
            }
        )
    if anew:
        c.execute(_READ_ANEW, anew)
    if upserts:
        _upsert(c, record, _READ, upserts)
        _index(c, integration_id, KINDS[kind], [by_key[each["key"]] for each in upserts])
    return len(upserts)


_KNOWN = (
    sa.select(record.c.key, record.c.doc, record.c.want, record.c.parent, record.c.cause_id, cause.c.key.label("cause_key"))
    .select_from(record.outerjoin(cause, record.c.cause_id == cause.c.id))
    .where(
        record.c.integration_id == sa.bindparam("of_integration"),
        record.c.kind == sa.bindparam("of_kind"),
        record.c.key.in_(sa.bindparam("of_keys", expanding=True)),
    )
)
_READ_ANEW = (
    # the same for the shop today (a buffer, pending units, a default hide the difference), but not for whoever decides anew tomorrow
    sa.update(record)
    .where(
        record.c.integration_id == sa.bindparam("of_integration"),
        record.c.kind == sa.bindparam("of_kind"),
        record.c.key == sa.bindparam("of_key"),
    )
    .values(doc=sa.bindparam("b_doc"), read_at=sa.bindparam("b_read_at"))
)
_READ = ("parent", "doc", "want", "cause_id", "run_id", "seen", "read_at", "tries", "not_before")


def _upsert(c: sa.Connection, table: sa.Table, fields: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Rows of records or links; those that are there get these fields. On PostgreSQL one statement for all: its triggers run once."""
    if c.dialect.name == "sqlite":
        c.execute(_one_by_one(table.name, tuple(fields)), rows)
        return
    unique = {(row["integration_id"], row["kind"], row["key"]): row for row in rows}
    names = tuple(rows[0])
    c.execute(_all_at_once(table.name, tuple(fields), names), {name: [row[name] for row in unique.values()] for name in names})


@cache
def _one_by_one(table: str, fields: tuple[str, ...]) -> Any:
    s = sqlite.insert(metadata.tables[table])
    return s.on_conflict_do_update(index_elements=["integration_id", "kind", "key"], set_={name: s.excluded[name] for name in fields})


@cache
def _all_at_once(table: str, fields: tuple[str, ...], names: tuple[str, ...]) -> Any:
    columns = metadata.tables[table].columns
    types = {name: columns[name].type.compile(postgresql.dialect()).partition(" COLLATE ")[0] for name in names}
    arrays = ", ".join(f"CAST(:{name} AS {types[name]}[])" for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in fields)
    return sa.text(
        f"INSERT INTO {table} ({listed}) SELECT * FROM unnest({arrays}) "  # noqa: S608  # names of columns
        f"ON CONFLICT (integration_id, kind, key) DO UPDATE SET {changes}"
    )


def _index(c: sa.Connection, integration_id: int, kind: Kind, rows: Sequence[Wanted]) -> None:
    """So that a SKU is found by its EAN. A key it once had still finds it."""
    if kind.also is None:
        return
    found = ((kind.also(row.doc), row.key) for row in rows)
    values = [{"integration_id": integration_id, "key": key[:200], "kind": kind.name, "target": target} for key, target in found if key]
    if values:
        c.execute(insert(c, key_index).on_conflict_do_nothing(), values)


def claim(
    c: sa.Connection,
    integration_id: int,
    kind: Kind,
    limit: int,
    *,
    now: float,
    unknown_before: float,
    only: set[str] | None = None,
    most: int = 0,
    changed: bool = False,
) -> list[Claimed]:
    """Records that can be pushed now, oldest first: the parent is in the storefront, nothing is in the way, no unknown effect is fresh.
    Those of unknown effect come first. `most`: where the kind goes `together`, a batch is up to so many instead of `limit`, so that it
    holds all that is ready of each parent; only of a parent with more than that it holds a part. `changed`: not what is new."""
    asked: dict[str, Any] = {"integration": integration_id, "now": now, "unknown_before": unknown_before, "only": list(only or ())}
    select = _Select(kind.name, only is not None, changed=changed)
    rows = _together(c, select, asked, limit, max(limit, most)) if kind.together else _of_both(c, select, asked, limit)
    return [
        Claimed(
            row.id,
            row.key,
            readable(row.doc, kind.struct),
            row.have_doc,
            row.sent is not None,
            row.remote,
            row.parent_remote,
            row.tries,
            row.read_at,
            row.want,
            row.origin == "made",
            row.more or "",
            row.parent_more or "",
            row.turn,
            row.turn_of,
        )
        for row in rows
    ]


STATES = ("sent", "to_send")


class _Select(NamedTuple):
    """Which records a claim looks at: of a kind; of these keys only; of these parents only; what was accepted once (or is in doubt)."""

    kind: str
    only: bool
    of_parents: bool = False
    changed: bool = False


def _of_both(c: sa.Connection, select: _Select, asked: dict[str, Any], most: int) -> list[Any]:
    rows: list[Any] = []
    for state in STATES:
        rows += c.execute(_ready(select, state), asked | {"most": most - len(rows)}).all()
    return rows


def _together(c: sa.Connection, select: _Select, asked: dict[str, Any], limit: int, most: int) -> list[Any]:
    """All that is ready of the parents of the first `limit` records: of so many parents as have `limit` together, but not over `most`."""
    firsts: list[str] = []
    for state in STATES:
        firsts += c.execute(_ready(select, state, "parents"), asked | {"most": limit - len(firsts)}).scalars()
    if not firsts:
        return []
    asked = asked | {"parents": list(dict.fromkeys(firsts))}
    of_parents = select._replace(of_parents=True)
    rows = _of_both(c, of_parents, asked, most + 1)
    counts = Counter(row.parent for row in rows)
    cut = len(rows) > most  # then it is not known how many there are of each
    if cut:
        counts.clear()
        for state in STATES:
            for parent, count in c.execute(_ready(of_parents, state, "counts"), asked):
                counts[parent] += count
    place = {parent: number for number, parent in enumerate(_fitting(asked["parents"], counts, limit, most))}
    if cut:
        rows = _of_both(c, of_parents, asked | {"parents": list(place)}, most)
    # stable: within a parent as they came
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
def _ready(select: _Select, state: str, shown: Literal["records", "parents", "counts"] = "records") -> sa.Executable:
    """One state at a time: the index then gives them in order, and the first `most` are found without sorting all that wait."""
    kind, only, of_parents, changed = select
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
        )
        parent_remote, parent_more = parent_link.c.remote, parent_link.c.more
    source = source.outerjoin(
        own_link,
        (own_link.c.integration_id == record.c.integration_id) & (own_link.c.kind == record.c.kind) & (own_link.c.key == record.c.key),
    )
    columns = {
        "parents": (record.c.parent,),
        "counts": (record.c.parent, sa.func.count()),
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
            record.c.effective_at.is_(None) | (record.c.effective_at <= sa.bindparam("now")),
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
    if shown == "counts":
        return query.group_by(record.c.parent)
    query = query.order_by(record.c.id).limit(sa.bindparam("most"))
    # what is decided here must not overwrite what a reading is about to want
    return query.with_for_update(of=record) if shown == "records" else query


_SECOND = sa.bindparam("second", type_=sa.BigInteger)


def _turn(digest: Any) -> Any:
    """The same decision keeps its number; the next has a greater one, also of a record that was deleted and read again."""
    after = sa.case((record.c.turn >= _SECOND, record.c.turn + 1), else_=_SECOND)
    return sa.case((record.c.turn_of == digest, record.c.turn), else_=after)


_SENT = (
    sa.update(record)
    .where(record.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(sent=record.c.want, have=None, sent_at=sa.bindparam("at"), turn=_turn(record.c.want), turn_of=record.c.want)
)
_DIGEST = sa.bindparam("b_sent", type_=sa.LargeBinary)
_SENT_OTHER = (
    sa.update(record)
    .where(record.c.id == sa.bindparam("b_id"))
    .values(sent=_DIGEST, want=_DIGEST, have=None, sent_at=sa.bindparam("at"), turn=_turn(_DIGEST), turn_of=_DIGEST)
)
_SETTLED = {"sent": None, "sent_at": None, "turn_of": None, "tries": 0, "not_before": 0}


def _held(digest: Any) -> Any:
    """What was decided and is accepted is what the storefront holds, unless it moved by itself meanwhile (`resend`)."""
    return sa.case((record.c.turn_of == digest, digest), else_=None)


_ACCEPT_AS_READ = (
    sa.update(record)
    .where(record.c.id.in_(sa.bindparam("ids", expanding=True)), record.c.want == record.c.sent)
    .values(have=_held(record.c.sent), have_doc=record.c.doc, cause_id=None, answer="", answered_at=sa.bindparam("at"), **_SETTLED)
    .returning(record.c.id)
)
_ACCEPT = (
    sa.update(record)
    .where(record.c.id == sa.bindparam("b_id"))
    .values(
        have=_held(sa.bindparam("b_have", type_=sa.LargeBinary)),
        have_doc=sa.bindparam("b_doc"), cause_id=sa.bindparam("b_cause"), answer=sa.bindparam("b_answer"),
        answered_at=sa.bindparam("at"), **_SETTLED,
    )
)  # fmt: skip


def mark_sent(c: sa.Connection, rows: Iterable[tuple[int, bytes, bytes]], now: float) -> None:
    """Clear before send: what the storefront holds is unknown until it answers. Rows: (id, digest to be sent, digest wanted)."""
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
        c.execute(_SENT_OTHER, other)


def accept(c: sa.Connection, tenant_id: int, integration_id: int, kind: str, rows: Sequence[Settled], now: float) -> bool:
    """The storefront answered yes. A new link releases whatever waited for it. Returns whether there is one."""
    if not rows:
        return False
    # what was sent just as read, and was not read anew meanwhile, needs no document from us: one statement for all
    plain = [row.id for row in rows if row.as_read and not row.answer and row.awaiting is None]
    done = set(c.execute(_ACCEPT_AS_READ, {"ids": plain, "at": now}).scalars()) if plain else set[int]()
    rest = [row for row in rows if row.id not in done]
    if rest:
        reasons = ensure(c, tenant_id, integration_id, {row.awaiting for row in rest if row.awaiting}, now)
        c.execute(
            _ACCEPT,
            [
                {
                    "b_id": row.id,
                    "b_have": row.digest,
                    "b_doc": pack(row.doc),
                    "b_answer": row.answer[:300],
                    "b_cause": reasons[row.awaiting.key] if row.awaiting else None,
                    "at": now,
                }
                for row in rest
            ],
        )
    turned = [row.id for row in rows if row.turned]
    if turned:
        c.execute(sa.update(record).where(record.c.id.in_(turned)).values(turned_at=now))
    there = _linked(c, integration_id, kind, [row.key for row in rows if row.had_remote])
    new = [(row.key, row.remote, row.more) for row in rows if row.remote and row.key not in there]
    linked(c, tenant_id, integration_id, kind, new, now)
    second_keys(c, integration_id, kind, [(row.key, row.more) for row in rows if row.key in there and row.more != row.had_more])
    return bool(new)


def _linked(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> set[str]:
    """Of these keys, those that still have their link: one may have been taken away while its record was on its way."""
    found = sa.select(link.c.key).where(link.c.integration_id == integration_id, link.c.kind == kind, link.c.key.in_(keys))
    return set(c.execute(found).scalars())


def linked(
    c: sa.Connection,
    tenant_id: int,
    integration_id: int,
    kind: str,
    found: Sequence[tuple[str, str] | tuple[str, str, str]],
    now: float,
    origin: Origin = "engate",
) -> None:
    """Stores links and releases the records that waited for them. Rows: (key, the storefront's key, its second key or nothing)."""
    if not found:
        return
    _upsert(
        c,
        link,
        ("remote", "more", "origin", "at"),
        [
            {
                "tenant_id": tenant_id,
                "integration_id": integration_id,
                "kind": kind,
                "key": key,
                "remote": remote,
                "more": more[0] if more else "",
                "origin": origin,
                "at": now,
            }
            for key, remote, *more in found
        ],
    )
    if kind in SHARED:
        release(c, integration_id, [f"{WAITING_LINK}{kind}/{key}" for key, *_ in found])


def parents_of(c: sa.Connection, integration_id: int, skus: Sequence[str]) -> dict[str, str]:
    """SKU -> its product, of those that the ERP has."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.key.in_(list(skus))
    return {row.key: row.parent for row in c.execute(sa.select(record.c.key, record.c.parent).where(mine))}


def free_pairs(c: sa.Connection, integration_id: int, kind: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of these (key, the storefront's key), those of which neither is linked; of several with one of them in common the first."""
    keys, remotes = zip(*pairs, strict=True) if pairs else ((), ())
    mine = (link.c.integration_id == integration_id) & (link.c.kind == kind)
    used = c.execute(sa.select(link.c.key, link.c.remote).where(mine, link.c.key.in_(keys) | link.c.remote.in_(remotes))).all()
    taken_keys, taken_remotes = {row.key for row in used}, {row.remote for row in used}
    free: list[tuple[str, str]] = []
    for key, remote in pairs:
        if key not in taken_keys and remote not in taken_remotes:
            free.append((key, remote))
            taken_keys.add(key)
            taken_remotes.add(remote)
    return free


def with_skus_there(c: sa.Connection, integration_id: int, products: Sequence[str]) -> set[str]:
    """Of these products, those of which the shop had a SKU: its own list says so, or a person."""
    if not products:
        return set()
    same = (link.c.integration_id == record.c.integration_id) & (link.c.kind == "sku") & (link.c.key == record.c.key)
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.parent.in_(list(products))
    found = sa.select(record.c.parent).select_from(record.join(link, same)).where(mine, link.c.origin.in_(("listed", "person"))).distinct()
    return set(c.execute(found).scalars())


def second_keys(c: sa.Connection, integration_id: int, kind: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Of things that are linked: whoever said what they are, has said so. Pairs: (key, second key)."""
    mine = (link.c.integration_id == integration_id) & (link.c.kind == kind) & (link.c.key == sa.bindparam("b_key"))
    if pairs:
        rows = [{"b_key": key, "b_more": more} for key, more in pairs]
        c.execute(sa.update(link).where(mine).values(more=sa.bindparam("b_more")), rows)


SHARED = frozenset({"category", "brand"})
"""Kinds that many records refer to: waiting for one of these is a cause, not a join."""


WAITING_LINK = "own:waiting.link:"


def release_linked(c: sa.Connection, integration_id: int) -> None:
    """Ends waits for links that exist by now: a wait may have been noted while the link was being made by somebody else."""
    waits = (
        c.execute(sa.select(cause.c.key).where(cause.c.integration_id == integration_id, cause.c.key.startswith(WAITING_LINK)))
        .scalars()
        .all()
    )
    if waits:
        links = links_of(c, integration_id, sorted(SHARED))
        release(c, integration_id, [key for key in waits if tuple(key.removeprefix(WAITING_LINK).split("/", 1)) in links])


def release(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> None:
    """Ends these causes: whatever pointed to them goes on (the foreign keys are set to null)."""
    c.execute(_RELEASE, {"of_integration": integration_id, "of_keys": list(keys)})


_RELEASE = sa.delete(cause).where(
    cause.c.integration_id == sa.bindparam("of_integration"), cause.c.key.in_(sa.bindparam("of_keys", expanding=True))
)


def wait_for(
    c: sa.Connection, tenant_id: int, integration_id: int, rows: Sequence[tuple[int, Reason]], now: float, *, answered: bool
) -> None:
    """These records wait for a cause; `answered`: the storefront itself said no (its effect is known: none)."""
    if not rows:
        return
    reasons = ensure(c, tenant_id, integration_id, {reason for _, reason in rows}, now)
    values: dict[str, Any] = {"cause_id": sa.bindparam("cause"), "sent": None, "sent_at": None}
    if answered:
        # data that changed while they were under way were not what was refused
        still = sa.case((record.c.want == record.c.sent, sa.bindparam("cause", type_=Id)), else_=record.c.cause_id)
        values |= {"cause_id": still, "answer": sa.bindparam("answer"), "answered_at": now, "turn_of": None}
    c.execute(
        sa.update(record).where(record.c.id == sa.bindparam("b_id")).values(**values),
        [{"b_id": id, "cause": reasons[reason.key], **({"answer": reason.text.en[:300]} if answered else {})} for id, reason in rows],
    )


def again(c: sa.Connection, rows: Sequence[tuple[int, float, bool, str]], now: float) -> None:
    """(id, not before, effect unknown, why): not sent for certain goes back to the queue; unknown stays `sent` until it is looked up."""
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
    """Nobody tried to send these."""
    if ids:
        c.execute(sa.update(record).where(record.c.id.in_(ids)).values(sent=None, sent_at=None, not_before=not_before))


def lift(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> None:
    """A person wants what backs off of these kinds tried now."""
    waits = (record.c.state == "to_send") & (record.c.not_before > 0)
    mine = (record.c.integration_id == integration_id) & record.c.kind.in_(list(kinds))
    c.execute(sa.update(record).where(mine, waits).values(not_before=0, tries=0))


def resend(c: sa.Connection, integration_id: int, kind: str, parents: Sequence[str]) -> int:
    """The storefront moved these by itself: what it holds is not known, so they go again whatever was accepted last."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.parent.in_(list(parents))
    return c.execute(sa.update(record).where(mine).values(have=None, turn_of=None)).rowcount


def doubt(c: sa.Connection, ids: Sequence[int]) -> None:
    """Somebody else may have pushed these meanwhile: whatever the storefront holds of them is not known."""
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(have=None))


def links_of(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> dict[tuple[str, str], str]:
    found = c.execute(
        sa.select(link.c.kind, link.c.key, link.c.remote).where(link.c.integration_id == integration_id, link.c.kind.in_(kinds))
    )
    return {(row.kind, row.key): row.remote for row in found}


Pending = dict[tuple[str, str], list[tuple[float | None, Decimal]]]
"""(SKU, branch) -> (when the ERP took them over, units)."""


def pending_units(c: sa.Connection, integration_id: int, skus: Sequence[str] | None = None) -> Pending:
    """Units of stored orders that the ERP does not reserve yet, or did not when an older reading was asked for."""
    found: Pending = {}
    query, given = (_UNITS, {}) if skus is None else (_UNITS_OF, {"of_skus": skus})
    for row in c.execute(query, {"of_integration": integration_id, **given}):
        found.setdefault((row.sku, row.branch), []).append((row.freed_at, row.quantity))
    return found


_UNITS = sa.select(unit.c.sku, unit.c.branch, unit.c.freed_at, unit.c.quantity).where(
    unit.c.integration_id == sa.bindparam("of_integration")
)
_UNITS_OF = _UNITS.where(unit.c.sku.in_(sa.bindparam("of_skus", expanding=True)))


def forget_units(c: sa.Connection, integration_id: int, before: float) -> None:
    """A complete reading of the stock was asked for after these were taken over: no reading needs them any more."""
    c.execute(sa.delete(unit).where(unit.c.integration_id == integration_id, unit.c.freed_at < before))


def revisit(
    c: sa.Connection,
    tenant_id: int,
    integration_id: int,
    kind: Kind,
    decide: Callable[[Any, float], tuple[bytes, Reason | None]],
    *,
    parents: Sequence[str] | None = None,
    after: int = 0,
    limit: int = ROWS,
    now: float,
) -> tuple[int, int | None]:
    """Decides anew what should be, from the documents as last read: after a change of options, mapping or pending orders.
    Returns (changed, the id to go on after or None)."""
    query = sa.select(
        record.c.id, record.c.doc, record.c.read_at, record.c.want, record.c.cause_id, cause.c.key.label("cause_key")
    ).select_from(record.outerjoin(cause, record.c.cause_id == cause.c.id))
    query = query.where(record.c.integration_id == integration_id, record.c.kind == kind.name, record.c.id > after)
    if parents is not None:
        query = query.where(record.c.parent.in_(parents))
    rows = c.execute(query.order_by(record.c.id).limit(limit).with_for_update(of=record)).all()  # as in `claim`
    changed = 0
    spoilt: list[int] = []
    for row in rows:
        doc = readable(row.doc, kind.struct)
        if doc is None:
            if row.cause_key != UNREADABLE.key:
                spoilt.append(row.id)
            continue
        digest, reason = decide(doc, row.read_at)
        own_cause = (row.cause_key or "").startswith(("erp:", "own:"))
        if digest == row.want and (row.cause_key if own_cause else None) == (reason.key if reason else None):
            continue
        values: dict[str, Any] = {"want": digest}
        if reason is not None:
            values["cause_id"] = ensure(c, tenant_id, integration_id, {reason}, now)[reason.key]
        elif own_cause or digest != row.want:
            values["cause_id"] = None
        c.execute(sa.update(record).where(record.c.id == row.id).values(**values))
        changed += 1
    unreadable(c, tenant_id, integration_id, kind.name, spoilt, now)
    return changed, rows[-1].id if len(rows) == limit else None


UNREADABLE = Reason(
    "erp:record.unreadable", "record.unreadable", "engate",
    Text("O dado guardado deste item não pôde ser lido.", "The stored data of this item could not be read."),
    Text("O engate o lê de novo do ERP na próxima leitura do fluxo.", "engate reads it from the ERP again with the flow's next reading."),
)  # fmt: skip
"""Its key begins as those of what a reading found: the next sound reading ends it."""

BROKEN = "plugin.item"
"""The code of what a plugin built wrongly."""


def docs_of(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
    """Stored documents by key."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.in_(keys)
    return {row.key: row.doc for row in c.execute(sa.select(record.c.key, record.c.doc).where(mine))}


def unreadable(c: sa.Connection, tenant_id: int, integration_id: int, kind: str, ids: Sequence[int], now: float) -> None:
    """These documents cannot be read: their records wait, and the kind is read whole with its next reading."""
    if not ids:
        return
    cause_id = ensure(c, tenant_id, integration_id, {UNREADABLE}, now)[UNREADABLE.key]
    # what is under way stays so: its effect is as unknown as before
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(cause_id=cause_id))
    c.execute(sa.update(reading).where(reading.c.integration_id == integration_id, reading.c.kind == kind).values(watermark=None))


def read_broken_again(c: sa.Connection) -> None:
    """At the start of a process: plugins may have been mended, so kinds with items that one built wrongly are read whole once more."""
    waits = sa.select(record.c.id).join(cause, cause.c.id == record.c.cause_id).where(cause.c.code == BROKEN)
    mine = (record.c.integration_id == reading.c.integration_id) & (record.c.kind == reading.c.kind)
    c.execute(sa.update(reading).where(sa.exists(waits.where(mine).correlate(reading))).values(watermark=None))


def next_due(c: sa.Connection, integration_id: int, kind: str, unknown_after: float, now: float) -> float | None:
    """The earliest time after `now` at which a resting record can go: a back-off ends, a dated price begins, a doubt may be cleared."""
    to_send = record.c.state == "to_send"
    found = c.execute(
        sa.select(
            sa.func.min(record.c.not_before).filter(to_send, record.c.not_before > now),
            sa.func.min(record.c.effective_at).filter(to_send, record.c.effective_at > now),
            sa.func.min(record.c.sent_at + unknown_after + 0.05).filter(
                record.c.state == "sent", record.c.cause_id.is_(None), record.c.operation_id.is_(None)
            ),
        ).where(record.c.integration_id == integration_id, record.c.kind == kind, record.c.state.in_(("to_send", "sent")))
    ).one()
    return min((t for t in found if t is not None), default=None)


def count(c: sa.Connection, integration_id: int, kind: str, *, but: Sequence[str]) -> int:
    """How many there are of a kind, without these keys."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.not_in(but)
    return int(c.execute(sa.select(sa.func.count()).select_from(record).where(mine)).scalar_one())


def forget(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> None:
    """These are nobody's business any more; what the storefront has of them stays as it is."""
    if keys:
        mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.in_(keys)
        c.execute(sa.delete(record).where(mine))


def in_doubt(c: sa.Connection, integration_id: int) -> bool:
    """Whether the storefront has left a push unanswered."""
    mine = (record.c.integration_id == integration_id) & record.c.kind.in_(list(KINDS))
    return (
        c.execute(
            sa.select(record.c.id).where(mine, record.c.state == "sent", record.c.cause_id.is_(None), record.c.tries > 0).limit(1)
        ).first()
        is not None
    )


def _moving() -> sa.Select[tuple[int]]:
    """Records that can still move by themselves: under way, or to be sent with nobody in the chain of parents who waits for a cause."""
    up, upper = record.alias("up"), record.alias("upper")
    parent_of = {kind.name: kind.parent_kind for kind in KINDS.values() if kind.parent_kind}

    def above(child: Any) -> Any:
        return sa.case(parent_of, value=child.c.kind, else_="")

    def open_below(child: Any, parent: Any, further: Any) -> Any:
        """Whether the child's parent is in the storefront, or will be: it does not wait, and `further` holds of it."""
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
