"""What a connection is given: its settings, a clock, and HTTP clients that already know how to behave."""

from __future__ import annotations

from typing import Any

import msgspec

from engate.clock import Clock
from engate.http import Auth, Http, Services
from engate.limits import Rate


class Context:
    """`settings` is the manifest's settings struct, secrets included (as `Secret`)."""

    def __init__(self, settings: msgspec.Struct, services: Services) -> None:
        self.settings: Any = settings
        self._services = services

    @property
    def clock(self) -> Clock:
        return self._services.clock

    def http(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        rates: dict[str, Rate] | None = None,
        at_once: int = 32,
        timeout: float = 30.0,
        headers: dict[str, str] | None = None,
    ) -> Http:
        """A client for one host of the platform. `rates`: the budget of each endpoint group; `at_once`: most calls in flight."""
        return Http(self._services, base_url, auth=auth, rates=rates or {}, at_once=at_once, timeout=timeout, headers=headers or {})
