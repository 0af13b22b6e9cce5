"""Kinds that a shop takes only after another one of the same SKU (`Storefront.after`), for example stock only after the price."""

from __future__ import annotations

import sqlalchemy as sa

from engate.domain.reasons import Reason, own
from engate.model.kinds import CALLED, KINDS, Kind
from engate.store import causes, families
from engate.sync.work import SliceContext
from engate.text import Text


def waits(work: SliceContext, kind: Kind) -> bool:
    return any(one == kind.name for one, _ in work.coupling.after)


def wait(c: sa.Connection, work: SliceContext, kind: Kind) -> None:
    """Records whose other kind the shop never had wait for it; the others go. A kind that is not sent is not waited for."""
    work.must_be_current(c)
    for one, other in work.coupling.after:
        if one != kind.name:
            continue
        reason = _reason(kind, KINDS[other])
        if other not in work.pair.kinds or KINDS[other].flow not in work.snapshot.enabled:
            causes.release(c, work.integration_id, [reason.key])
            continue
        cause_id = causes.ensure(c, work.tenant_id, work.integration_id, {reason}, work.now())[reason.key]
        families.wait_for_other(c, work.records_of(kind.name), cause_id, other)


def there(c: sa.Connection, work: SliceContext, kind: Kind) -> None:
    """The shop has accepted some of this kind: what waited for it can go."""
    kinds = [KINDS[one] for one, other in work.coupling.after if other == kind.name]
    work.wake(c, *((f"push/{each.name}", each.priority) for each in kinds))


def _reason(kind: Kind, other: Kind) -> Reason:
    what = CALLED[other.name]
    return own(
        "waiting.other", f"{kind.name}/{other.name}",
        Text(f"Aguardando {what.pt} do item chegar à loja, que só então aceita o resto.",
             f"Waits for the {what.en} of the item to reach the shop, which takes the rest only then."),
        Text("Nada a fazer aqui: veja o que falta ao item.", "Nothing to do here: see what the item lacks."),
        "engate",
    )  # fmt: skip
