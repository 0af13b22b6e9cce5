"""Flows whose kinds another flow's pages bring (`Erp.together`): an ERP that tells a SKU and its images in one answer is read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from engate.model.kinds import KINDS, Kind
from engate.store import runs
from engate.sync import images
from engate.sync.flows import FLOWS, Flow, offered
from engate.sync.work import Work

AGAIN = 60.0
"""Seconds after which a flow looks again whether the one that brings its kinds has come to its end; that one wakes it, too."""


def kept(work: Work, kind: Kind) -> frozenset[str]:
    """The kinds that the pages of this one bring and that somebody wants."""
    brought = work.coupling.together.get(kind.list_hook, frozenset())
    return frozenset(name for name in brought if _wanted(work, FLOWS[KINDS[name].flow]))


def brings(work: Work, flow: Flow) -> list[Flow]:
    """The other flows that a complete reading of this one reads too."""
    kinds = frozenset[str]().union(*(kept(work, kind) for kind in flow.kinds))
    others = [FLOWS[name] for name in dict.fromkeys(KINDS[kind].flow for kind in kinds)]
    return [each for each in others if each is not flow and kinds.issuperset(kind.name for kind in each.kinds)]


def waits_for(c: sa.Connection, work: Work, flow: Flow, todo: Sequence[Any]) -> float | None:
    """When to look again, because another flow brings what this one would read; None: it reads by itself."""
    carrier = next((each for each in FLOWS.values() if each.kinds and _wanted(work, each) and flow in brings(work, each)), None)
    if carrier is None:
        return None
    under_way = [row for row in runs.under_way(c, work.integration_id, [kind.name for kind in carrier.kinds]) if row.only is None]
    if todo:
        covered = under_way and all(_covers(row, mine) for row in under_way for mine in todo)
        return work.now() + AGAIN if covered else None
    if under_way:
        return work.now() + AGAIN
    read_at = runs.read_at(c, work.integration_id, flow.name)
    fresh_until = (read_at or 0.0) + work.snapshot.every[flow.name]
    return fresh_until if read_at is not None and fresh_until > work.now() and not _full_is_due(c, work, flow) else None


def read(c: sa.Connection, work: Work, flow: Flow, last: Any) -> None:
    """The flow has been read to its end, and with it those that it brings. `last`: its last reading."""
    for each in brings(work, flow):
        rows = runs.under_way(c, work.integration_id, [kind.name for kind in each.kinds])
        if any(not _covers(last, row) for row in rows):
            continue  # somebody asked for more, or later
        for kind in each.kinds:
            runs.kind_brought(c, work.integration_id, kind.name, by=_bringer(work, flow, kind))
        for run_id in {row.run_id for row in rows}:
            runs.pushes(c, run_id)
        runs.flow_read(c, work.integration_id, each.name, full=last.full, now=work.now())
        if each.name == "images" and last.full:
            images.were_read(c, work)
        work.wake(c, (each.lane, each.priority))


def _bringer(work: Work, flow: Flow, kind: Kind) -> str:
    return next(each.name for each in flow.kinds if kind.name in kept(work, each))


def _covers(row: Any, other: Any) -> bool:
    """Whether what this reading brings is all that the other one asks for."""
    return other.only is None and row.only is None and (row.full or not other.full) and row.started_at >= other.started_at


def _full_is_due(c: sa.Connection, work: Work, flow: Flow) -> bool:
    return runs.full_is_due(c, work.integration_id, flow.name, work.snapshot.full_every[flow.name], work.now())


def _wanted(work: Work, flow: Flow) -> bool:
    return flow.name in work.snapshot.enabled and offered(work.coupling)[flow.name] is None
