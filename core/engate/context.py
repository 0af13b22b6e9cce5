"""What a connection is given: its settings, a clock, and HTTP clients that already know how to behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engate.bodies import MOST_BYTES
from engate.clock import Clock
from engate.http import DEADLINE, Auth, Http, Judge, MeterOf, Services, Terms
from engate.limits import Rate


class Context:
    """`settings` is the manifest's settings struct, secrets included (as `Secret`). `facts`: what `learn` said last; empty before that."""

    def __init__(self, settings: msgspec.Struct, services: Services, facts: Mapping[str, str] | None = None) -> None:
        self.settings: Any = settings
        self.facts: Mapping[str, str] = facts or {}
        self._services = services

    @property
    def connection_id(self) -> int | None:
        """None outside an installation (a plugin's own tests)."""
        return self._services.connection_id

    @property
    def clock(self) -> Clock:
        """What the connection goes by: `context.clock.now()`, aware, in UTC. Never the machine's own."""
        return self._services.clock

    def http(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        rates: dict[str, Rate] | None = None,
        at_once: int = 32,
        timeout: float = 30.0,
        deadline: float = DEADLINE,
        most_bytes: int = MOST_BYTES,
        headers: dict[str, str] | None = None,
        judge: Judge | None = None,
        meter: MeterOf | None = None,
    ) -> Http:
        """A client for one host of the platform. `rates`: the budget of each endpoint group; `at_once`: most calls in flight.

        `timeout`: seconds without a byte; `deadline`: seconds that a call may take in all, its retries included (our own waiting for a
        rate is not counted; never less than `timeout`). `most_bytes`: of one answer, unpacked. `judge`: sees each answer first, for
        platforms that say no with a 200: `None`, "renew", or the error that the answer amounts to. `meter`: what an answer says of the
        account's credits, for platforms that count cost or tell their limits; groups then need no rate, it is learnt.
        """
        return Http(
            self._services,
            base_url,
            Terms(auth, rates or {}, at_once, timeout, deadline, most_bytes, headers or {}, judge, meter),
        )
