"""Flows whose kinds come with another flow's pages (`Erp.together`): an ERP that gives a SKU and its images in one answer is read once.

Only a full reading stands for another one, and only for one that began with it. What a delta brings is kept, but the delta does not tell
what changed before it; and a reading asked for later may need newer data than the pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from engate.domain.flows import FLOWS, Flow, offered
from engate.model.kinds import KINDS, Kind
from engate.store import changed, runs
from engate.store.runs import Reading
from engate.sync import images
from engate.sync.work import SliceContext

AGAIN = 60.0
"""Seconds after which a flow looks again whether the flow that brings its kinds has ended; that flow wakes it too."""


def kept(work: SliceContext, kind: Kind) -> frozenset[str]:
    """The kinds that the pages of this kind bring and whose flow is on."""
    brought = work.coupling.together.get(kind.list_hook, frozenset())
    return frozenset(name for name in brought if _wanted(work, FLOWS[KINDS[name].flow]))


def brings(work: SliceContext, flow: Flow) -> list[Flow]:
    """The other flows all of whose kinds come with this flow's pages."""
    kinds = frozenset[str]().union(*(kept(work, kind) for kind in flow.kinds))
    others = [FLOWS[name] for name in dict.fromkeys(KINDS[kind].flow for kind in kinds)]
    return [each for each in others if each is not flow and kinds.issuperset(kind.name for kind in each.kinds)]


def may_come(work: SliceContext, kind: Kind) -> bool:
    """Whether pages of another kind may bring this one."""
    return any(kind.name in brought for brought in work.coupling.together.values())


def stands_for(row: Reading, other: Reading) -> bool:
    """Whether the pages of this reading count for the other one too."""
    return row.full and other.full and row.only is None and other.only is None and row.started_at == other.started_at


def waits_for(c: sa.Connection, work: SliceContext, flow: Flow, todo: Sequence[Reading]) -> float | None:
    """When to look again, because another flow's reading brings what this flow needs; None: the flow reads by itself."""
    if not any(may_come(work, kind) for kind in flow.kinds):
        return None
    carrier = next((each for each in FLOWS.values() if each.kinds and _wanted(work, each) and flow in brings(work, each)), None)
    if carrier is None:
        return None
    if not todo:
        return _next_time(c, work, flow)
    under_way = runs.under_way(c, work.integration_id, [kind.name for kind in carrier.kinds])
    covered = under_way and all(stands_for(row, mine) for row in under_way for mine in todo)
    return work.now() + AGAIN if covered else None


def _next_time(c: sa.Connection, work: SliceContext, flow: Flow) -> float | None:
    """When the schedule next reads a flow that was read with another one; None: now, or the ERP has told of changes."""
    read_at = runs.read_at(c, work.integration_id, flow.name)
    due = (read_at or 0.0) + work.snapshot.every[flow.name]
    if due <= work.now() or runs.full_is_due(c, work.integration_id, flow.name, work.snapshot.full_every[flow.name], work.now()):
        return None
    return None if changed.waiting(c, work.integration_id, [kind.name for kind in flow.kinds]) else due


def read(c: sa.Connection, work: SliceContext, flow: Flow, last: Reading) -> None:
    """The flow has been read to its end: completes the runs that its pages stood for. `last`: its last reading."""
    for each in brings(work, flow):
        rows = runs.under_way(c, work.integration_id, [kind.name for kind in each.kinds])
        # locks the runs: no other reading can be asked for meanwhile
        if not rows or not all(stands_for(last, row) and runs.still_asked(c, row) for row in rows):
            continue
        for row in rows:
            runs.kind_brought(c, row, by=_bringer(work, flow, KINDS[row.kind]))
            changed.been_read(c, work.integration_id, row.kind, row.run_id, all_since=row.started_at)
        for run_id in {row.run_id for row in rows}:
            runs.pushes(c, run_id)
        runs.flow_read(c, work.integration_id, each.name, full=True, now=work.now())
        if each.name == "images":
            images.were_read(c, work)
        work.wake(c, (each.lane, each.priority))


def _bringer(work: SliceContext, flow: Flow, kind: Kind) -> str:
    return next(each.name for each in flow.kinds if kind.name in kept(work, each))


def _wanted(work: SliceContext, flow: Flow) -> bool:
    return flow.name in work.snapshot.enabled and offered(work.coupling)[flow.name] is None
