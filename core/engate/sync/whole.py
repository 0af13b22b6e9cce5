"""Whether a reading saw everything there is: a list that ends too early must not look like one that is complete."""

from __future__ import annotations

import sqlalchemy as sa

from engate.domain.effective import BRAND_FOR_ALL, PLACEHOLDER
from engate.domain.reasons import Reason, own
from engate.model.kinds import Kind
from engate.store import causes, desired, runs
from engate.store.causes import ensure
from engate.store.runs import SHORT, Reading
from engate.sync.work import SliceContext
from engate.text import Text

HALF = 2
"""A full reading with fewer than 1/HALF of the known entities is not believed the first time."""


def missing(c: sa.Connection, work: SliceContext, kind: Kind, row: Reading) -> Reason | None:
    """Why this reading, which has ended, was not whole; None: it was.

    The platform's own count is never overruled. A number below half of what is known may be right: if the next full reading ends with the
    same number, it is believed.
    """
    if row.only is not None:
        return None
    seen = runs.counted(c, row)
    if seen.total is not None and seen.entities < seen.total:
        return of_count(list_of(row), seen.entities, seen.total)
    known = seen.known if seen.known is not None else _stored(c, work, kind)
    if row.full and seen.entities * HALF < known and seen.entities != seen.short:
        return _of_known(list_of(row), seen.entities, known)
    return None


def _stored(c: sa.Connection, work: SliceContext, kind: Kind) -> int:
    """How many records an integration has whose readings were not counted yet; 0 for a scoped kind, where it is unknown."""
    if kind.list_hook in work.coupling.scoped:
        return 0
    return desired.count(c, work.integration_id, kind.name, but=(PLACEHOLDER, BRAND_FOR_ALL))


def list_of(row: Reading) -> str:
    """The name of a reading's list: its kind, and its scope if it has one."""
    return f"{row.kind}/{row.scope}" if row.scope else row.kind


def of_count(of: str, read: int, total: int) -> Reason:
    """The platform gave fewer records than its own count."""
    return own(
        SHORT, of,
        Text(f"A lista terminou cedo demais: vieram {read} de {total} registros.",
             f"The list ended too early: {read} of {total} records came."),
        Text("O engate lê de novo sozinho, desde a última leitura completa. Se continuar, peça ao suporte da plataforma que confira.",
             "engate reads again by itself, from the last complete reading on. If it goes on, ask the platform's support to check it."),
    )  # fmt: skip


def _of_known(of: str, read: int, known: int) -> Reason:
    return own(
        SHORT, of,
        Text(f"O ERP listou só {read} registros; na última leitura completa eram {known}.",
             f"The ERP listed only {read} records; the last complete reading had {known}."),
        Text("O engate lê tudo de novo sozinho e, se vier o mesmo número, aceita. Confira no ERP se os itens existem.",
             "engate reads all of it again by itself, and believes the same number. Check in the ERP whether the items exist."),
    )  # fmt: skip


def say(c: sa.Connection, work: SliceContext, flow: str, reason: Reason) -> None:
    """Shows the reason on the flow until a reading is whole."""
    runs.flow_short(c, work.integration_id, flow, ensure(c, work.tenant_id, work.integration_id, {reason}, work.now())[reason.key])


def unsay(c: sa.Connection, work: SliceContext, of: str) -> None:
    causes.release(c, work.integration_id, [f"own:{SHORT}:{of}"])
