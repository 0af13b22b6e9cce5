"""What a connection is given: its settings, a clock, and HTTP clients with sessions, retries and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engate.bodies import MOST_BYTES
from engate.clock import Clock
from engate.http import DEADLINE, Auth, Http, Judge, MeterOf, Services, Terms
from engate.limits import Rate


class Context:
    """`settings`: the manifest's settings struct, including secrets (as `Secret`). `facts`: the last result of `learn`; at first empty."""

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
        """The connection's clock: `context.clock.now()`, aware, in UTC. Never use the machine's own."""
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
        platforms that refuse with a 200: returns `None`, "renew", or the error that the answer means. `meter`: reads the account's credits
        from an answer, for platforms that count cost or tell their limits; groups then need no rate, because it is learnt.
        """
        return Http(
            self._services,
            base_url,
            Terms(auth, rates or {}, at_once, timeout, deadline, most_bytes, headers or {}, judge, meter),
        )
