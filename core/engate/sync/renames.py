"""A SKU that comes under a new key (an ERP's key often holds the EAN): it stays the same record, and is not sold under both keys."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.reasons import Reason, own
from engate.errors import Unavailable
from engate.logs import say_after
from engate.model import Query, Sku, StockLevel
from engate.model.kinds import KINDS, OF_A_SKU
from engate.plugins import closing
from engate.store import desired, levels, renames
from engate.store.blobs import unpack
from engate.store.desired import Decided, Part, Wanted
from engate.store.tables import record
from engate.sync.work import SliceContext
from engate.text import Text

STOCK = KINDS["stock"]


class Renames(NamedTuple):
    """`moves`: (old key, new key) of SKUs that are surely the same. `unclear`: new keys for which a person decides. `gone`: old keys that
    the ERP no longer has and that must not be sold."""

    moves: tuple[tuple[str, str], ...] = ()
    unclear: dict[str, Reason] = {}
    gone: tuple[str, ...] = ()


async def found(work: SliceContext, skus: Sequence[Sku]) -> Renames:
    """Which of the SKUs just read are known ones under a new key: same product, same packaging, and the ERP no longer has the old key."""
    known = await work.store.reading(lambda c: renames.siblings(c, work.integration_id, skus))
    if not known:
        return Renames()
    new = await work.store.reading(lambda c: renames.unknown(c, work.integration_id, [sku.key for sku in skus]))
    fresh = [sku for sku in skus if sku.key in new]
    pairs = [(sku, old) for sku in fresh for old in known if sku.product == old.product and alike(sku, old) is not None]
    if not pairs:
        return Renames()
    there = await _still_there(work, {old.key for _, old in pairs}, {sku.key for sku, _ in pairs})
    return decide([(sku, old) for sku, old in pairs if old.key not in there])


async def _still_there(work: SliceContext, old: set[str], new: set[str]) -> set[str]:
    """The old keys that the ERP still has. Raises Unavailable unless the same answer has the new keys: an empty one proves nothing."""
    answered: set[str] = set()
    async with closing(work.coupling.erp.list_skus(Query(keys=(*sorted(old), *sorted(new))))) as pages:
        async for page in pages:
            answered |= {sku.key for sku in page.items}
    if not new <= answered:
        raise Unavailable(
            Text("O ERP não confirmou quais códigos de SKU ainda existem.", "The ERP did not confirm which SKU codes still exist."),
            Text("O engate pergunta de novo sozinho.", "engate asks again by itself."),
        )
    return old & answered


def alike(new: Sku, old: Sku) -> bool | None:
    """Whether two SKUs of one product are the same packaging. True: surely; False: perhaps; None: no."""
    if new.packaging and old.packaging:
        return True if new.packaging == old.packaging else None
    if new.units != old.units:
        return None
    return new.name == old.name


def decide(pairs: Sequence[tuple[Sku, Sku]]) -> Renames:
    """`pairs`: (new, old) that may be the same, where the ERP no longer has the old key."""
    sure = [(old.key, new.key) for new, old in pairs if alike(new, old)]
    moves = [(old, new) for old, new in sure if [o for o, _ in sure].count(old) == 1 and [n for _, n in sure].count(new) == 1]
    moved = {key for move in moves for key in move}
    unclear: dict[str, list[str]] = {}
    for new, old in pairs:
        if new.key not in moved and old.key not in moved:
            unclear.setdefault(new.key, []).append(old.key)
    gone = {old for olds in unclear.values() for old in olds}
    return Renames(tuple(moves), {new: _unclear(new, olds) for new, olds in unclear.items()}, tuple(sorted(gone)))


def _unclear(new: str, olds: list[str]) -> Reason:
    names = ", ".join(sorted(olds))
    return own(
        "sku.key_changed", new,
        Text(f"O ERP não tem mais {names} e trouxe {new} no mesmo produto: pode ser o mesmo item com outro código.",
             f"The ERP has {names} no more and brought {new} in the same product: it may be the same item under another code."),
        Text("Se for o mesmo, desfaça a ligação do código antigo e ligue o novo ao mesmo SKU da loja. Se for outro, reenvie o registro.",
             "If it is the same, undo the old code's link and link the new one to the same SKU of the shop. If it is another, retry it."),
    )  # fmt: skip


def apply(c: sa.Connection, work: SliceContext, found: Renames) -> None:
    """Applies the renames, in the transaction that stores the SKUs under their new keys."""
    for old, new in found.moves:
        if renames.unknown(c, work.integration_id, [old]):
            continue  # another process did it first
        renames.rename(c, work.integration_id, old, new)
        say_after(c, "sku_key_changed", integration=work.integration_id, old=old, new=new)
        for kind in OF_A_SKU.values():
            _decide_anew(c, work, kind.name, [new])
            work.wake(c, (f"push/{kind.name}", kind.priority))
    if found.gone:
        _sell_no_more(c, work, found.gone)


def _decide_anew(c: sa.Connection, work: SliceContext, name: str, parents: list[str]) -> None:
    if KINDS[name].counted:
        levels.lock(c, work.integration_id, parents)  # as in `engate.sync.stock`
    rules = work.rules(c, name, parents)

    def decide(doc: Any, read_at: float) -> Decided:
        effective = rules.effective(name, doc, read_at)
        return Decided(effective.digest, effective.reason, effective.awaiting)

    after: int | None = 0
    while after is not None:
        _, after = desired.revisit(c, work.records_of(name), decide, Part(parents, after), work.now())


def _sell_no_more(c: sa.Connection, work: SliceContext, keys: Sequence[str]) -> None:
    """Sets the stock of these SKUs to 0: the ERP no longer has them and would refuse their orders."""
    rows = c.execute(
        sa.select(record.c.doc, record.c.run_id).where(
            record.c.integration_id == work.integration_id, record.c.kind == STOCK.name, record.c.parent.in_(keys)
        )
    ).all()
    rules = work.rules(c, STOCK.name, keys)
    for row in rows:
        doc = msgspec.structs.replace(unpack(row.doc, StockLevel), quantity=Decimal(0), physical=None)
        effective = rules.effective(STOCK.name, doc, work.now())
        wanted = Wanted(doc.key, doc.sku, doc, effective.digest, effective.reason, work.now())
        desired.want(c, work.records_of(STOCK.name), [wanted], run_id=row.run_id or 0, now=work.now())
    work.wake(c, (f"push/{STOCK.name}", STOCK.priority))
