"""An integration as it is configured, at one moment."""

from __future__ import annotations

import msgspec

from engate.domain.mapping import PairMapping
from engate.domain.options import Options

Stamp = tuple[int, int, int]
"""Revisions of the integration, of its ERP connection and of its storefront connection."""


class Snapshot(msgspec.Struct, frozen=True):
    """One integration as it was when the slice began."""

    id: int
    tenant_id: int
    name: str
    active: bool
    options: Options
    mapping: PairMapping
    pilot: tuple[str, ...] | None
    go_live_at: float | None
    every: dict[str, float]  # flow -> seconds between readings
    full_every: dict[str, float | None]
    enabled: frozenset[str]
    sides: tuple[tuple[int, int], tuple[int, int]]  # (connection, revision) of the ERP and of the storefront
    stamp: Stamp
    connected: bool  # both sides have passed a test as they are configured now
    refused: bool  # credentials of one side were refused: no further try, which might lock the account
    learned: tuple[int, int]  # how often the facts of each side have changed
    archived: bool  # it was deleted: its open orders go on, and nothing else
    listens: bool  # it went live and no other integration has taken over the shop
    asleep: bool = False  # restored from a backup and not activated since
