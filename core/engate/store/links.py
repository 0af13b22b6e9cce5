"""Links: which key of the ERP stands for which key of the storefront. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from engate.model import OrderItem
from engate.model.kinds import SHARED
from engate.store import causes, moved
from engate.store.conditions import is_, one_of
from engate.store.rows import RecordSet, upsert
from engate.store.tables import cause, flow, integration, link, reading, record

Origin = Literal["engate", "unfinished", "listed", "person"]
"""Where a link comes from: found or made by a push, made by a push that did not finish, found in the shop's list, or set by a person."""
WAITING_LINK = "own:waiting.link:"


def lock(c: sa.Connection, integration_id: int) -> None:
    """Locks the integration's links: checking that a storefront's key is free and linking it must not interleave with another link."""
    c.execute(sa.select(integration.c.id).where(integration.c.id == integration_id).with_for_update(key_share=True))


def linked(
    c: sa.Connection, of: RecordSet, found: Sequence[tuple[str, str] | tuple[str, str, str]], now: float, origin: Origin = "engate"
) -> None:
    """Stores links and releases the records that waited for them. Rows: (key, the storefront's key, optionally its second key). Where a
    link replaces another, the records below it are sent again."""
    if not found:
        return
    replaced = _replaced(c, of, {key: remote for key, remote, *_ in found}) if of.kind in moved.BELOW else ()
    upsert(
        c,
        link,
        ("remote", "more", "origin", "at"),
        [
            {
                "tenant_id": of.tenant_id,
                "integration_id": of.integration_id,
                "kind": of.kind,
                "key": key,
                "remote": remote,
                "more": more[0] if more else "",
                "origin": origin,
                "at": now,
            }
            for key, remote, *more in found
        ],
    )
    if of.kind in SHARED:
        causes.release(c, of.integration_id, [f"{WAITING_LINK}{of.kind}/{key}" for key, *_ in found])
    moved.again(c, of, replaced, now)


def _replaced(c: sa.Connection, of: RecordSet, remotes: Mapping[str, str]) -> list[str]:
    """Those of these keys that were linked to another key."""
    mine = {"of_integration": of.integration_id, "of_kind": of.kind, "of_keys": list(remotes)}
    return [row.key for row in c.execute(_REMOTES, mine) if row.remote != remotes[row.key]]


_REMOTES = sa.select(link.c.key, link.c.remote).where(
    is_(link.c.integration_id, "of_integration"), is_(link.c.kind, "of_kind"), one_of(link.c.key, "of_keys")
)


def still_linked(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> set[str]:
    """Those of these keys that still have their link: one may have been removed while its record was under way."""
    if not keys:
        return set()
    return {row.key for row in c.execute(_REMOTES, {"of_integration": integration_id, "of_kind": kind, "of_keys": keys})}


def second_keys(c: sa.Connection, integration_id: int, kind: str, told: Sequence[tuple[str, str | None, str]]) -> None:
    """Stores second keys of existing links; their origin stays. Rows: (key, the storefront's key, its second key). A link to another thing
    by now stays as it is."""
    if told:
        mine = (link.c.integration_id == integration_id) & (link.c.kind == kind)
        same = is_(link.c.key, "b_key") & is_(link.c.remote, "b_remote")
        rows = [{"b_key": key, "b_remote": remote, "b_more": more} for key, remote, more in told]
        c.execute(sa.update(link).where(mine, same).values(more=sa.bindparam("b_more")), rows)


def links_of(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> dict[tuple[str, str], str]:
    found = c.execute(
        sa.select(link.c.kind, link.c.key, link.c.remote).where(link.c.integration_id == integration_id, link.c.kind.in_(kinds))
    )
    return {(row.kind, row.key): row.remote for row in found}


def free_pairs(c: sa.Connection, integration_id: int, kind: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of these (key, the storefront's key) of which neither is linked; of several that share one, the first. No person
    links one of them until this transaction ends; a push that makes the thing at this moment may."""
    lock(c, integration_id)
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


def parents_of(c: sa.Connection, integration_id: int, skus: Sequence[str]) -> dict[str, str]:
    """SKU -> its product, for SKUs that have a record."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.key.in_(list(skus))
    return {row.key: row.parent for row in c.execute(sa.select(record.c.key, record.c.parent).where(mine))}


def with_skus_there(c: sa.Connection, integration_id: int, products: Sequence[str]) -> set[str]:
    """Those of these products of which the shop had a SKU, by its own list or a person's link."""
    if not products:
        return set()
    same = (link.c.integration_id == record.c.integration_id) & (link.c.kind == "sku") & (link.c.key == record.c.key)
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku") & record.c.parent.in_(list(products))
    found = sa.select(record.c.parent).select_from(record.join(link, same)).where(mine, link.c.origin.in_(("listed", "person"))).distinct()
    return set(c.execute(found).scalars())


def release_linked(c: sa.Connection, integration_id: int) -> None:
    """Ends waits for links that exist by now: a wait may have been stored while another process made the link."""
    waits = (
        c.execute(sa.select(cause.c.key).where(cause.c.integration_id == integration_id, cause.c.key.startswith(WAITING_LINK)))
        .scalars()
        .all()
    )
    if waits:
        there = links_of(c, integration_id, sorted(SHARED))
        causes.release(c, integration_id, [key for key in waits if tuple(key.removeprefix(WAITING_LINK).split("/", 1)) in there])


class Unlisted(NamedTuple):
    """A wait for a record that does not exist, and the first record that waits for it."""

    cause_id: int
    kind: str
    key: str
    waiting_kind: str
    waiting_key: str
    doc: bytes


def unlisted(c: sa.Connection, integration_id: int) -> list[Unlisted]:
    """Waits for the link of a record that does not exist, although its kind was read to the end after the first wait."""
    waits = c.execute(_WAITS, {"of_integration": integration_id, "of_owner": "engate"}).all()
    found: list[Unlisted] = []
    for kind, told in SHARED.items():
        mine = _of_kind(waits, kind)
        of = {"of_integration": integration_id, "of_kind": kind}
        read_at = c.execute(_READ_TO_THE_END, of | {"of_flow": told.flow}).scalar() if mine else None
        if read_at is None:
            continue
        there = set(c.execute(_THERE, of | {"of_keys": list(mine)}).scalars())
        for key in mine.keys() - there:
            first = c.execute(_FIRST_WAITING, {"of_cause": mine[key]}).first()
            if first is not None and first.read_at <= read_at:
                found.append(Unlisted(mine[key], kind, key, first.kind, first.key, first.doc))
    return found


def listed_again(c: sa.Connection, integration_id: int) -> list[tuple[int, str, str]]:
    """(cause id, kind, key) of waits whose owner is a person and whose record exists by now."""
    waits = c.execute(_WAITS, {"of_integration": integration_id, "of_owner": "person"}).all()
    found: list[tuple[int, str, str]] = []
    for kind in SHARED:
        mine = _of_kind(waits, kind)
        asked = {"of_integration": integration_id, "of_kind": kind, "of_keys": list(mine)}
        there = c.execute(_THERE, asked).scalars().all() if mine else ()
        found += [(mine[key], kind, key) for key in there]
    return found


def _of_kind(waits: Sequence[Any], kind: str) -> dict[str, int]:
    """Key of the awaited record -> the cause's id."""
    start = f"{WAITING_LINK}{kind}/"
    return {row.key.removeprefix(start): row.id for row in waits if row.key.startswith(start)}


_WAITS = sa.select(cause.c.id, cause.c.key).where(
    is_(cause.c.integration_id, "of_integration"),
    cause.c.key.startswith(WAITING_LINK),
    is_(cause.c.owner, "of_owner"),
)
_THERE = sa.select(record.c.key).where(
    is_(record.c.integration_id, "of_integration"),
    is_(record.c.kind, "of_kind"),
    one_of(record.c.key, "of_keys"),
)
_FIRST_WAITING = (
    sa.select(record.c.kind, record.c.key, record.c.doc, record.c.read_at)
    .where(is_(record.c.cause_id, "of_cause"))
    .order_by(record.c.id)
    .limit(1)
)
_READ_TO_THE_END = (
    sa.select(flow.c.read_at)
    .join(reading, reading.c.integration_id == flow.c.integration_id)
    .where(
        is_(flow.c.integration_id, "of_integration"),
        is_(flow.c.name, "of_flow"),
        is_(reading.c.kind, "of_kind"),
        ~reading.c.under_way,
    )
)


# ---- items of orders ----

_SKU_LINKS = sa.select(link.c.remote, link.c.key).where(
    is_(link.c.integration_id, "of_integration"), link.c.kind == "sku", one_of(link.c.remote, "of_remotes")
)
_KNOWN_SKUS = sa.select(record.c.key).where(
    is_(record.c.integration_id, "of_integration"), record.c.kind == "sku", one_of(record.c.key, "of_keys")
)


def sku_of(c: sa.Connection, integration_id: int, items: Sequence[OrderItem]) -> dict[str, str]:
    """What an item is named by (`OrderItem.named`) -> the ERP's SKU key: by links, else by the reference that the item carries, if a SKU
    has it. Links hold only the shop's ids: an item without one is not looked up there."""
    ids = [item.sku for item in items if item.sku]
    linked = c.execute(_SKU_LINKS, {"of_integration": integration_id, "of_remotes": ids}) if ids else ()
    found = {row.remote: row.key for row in linked}
    carried = {item.named: item.reference for item in items if item.named not in found and item.reference}
    known = known_skus(c, integration_id, list(carried.values())) if carried else set[str]()
    return found | {remote: key for remote, key in carried.items() if key in known}


def known_skus(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> set[str]:
    return set(c.execute(_KNOWN_SKUS, {"of_integration": integration_id, "of_keys": keys}).scalars())
