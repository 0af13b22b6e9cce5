"""The ERP as this store calls it: paced, tried again, and every answer taken for what its envelope says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from engate.testing.outgoing import Outgoing
from engate.testing.sandbox import Faults, LedgerCounts
from engate_webstore_sandbox import wire
from engate_webstore_sandbox.alarm import Alarm
from engate_webstore_sandbox.envelope import STOPPING, Said, read
from engate_webstore_sandbox.exchanges import Exchange, Exchanges, fields_shown, shown
from engate_webstore_sandbox.pace import MINUTE, Pace
from engate_webstore_sandbox.settings import Settings

TOO_MANY, TOO_MANY_REQUESTS = 6, 429
GONE = ("reset", "reset_applied", "timeout_applied")
"""Faults of ours: the call never leaves, or nobody stays for its answer."""


class NotConnected(ValueError):
    """Nobody has typed the ERP's address into the panel."""


class Ground(NamedTuple):
    """What a store stands on. `settings` and `counts`: as they are now."""

    settings: Callable[[], Settings]
    counts: Callable[[], LedgerCounts]
    faults: Faults
    alarm: Alarm
    exchanges: Exchanges


class Client:
    def __init__(self, ground: Ground, outgoing: Outgoing, *, limits: bool) -> None:
        self.ground, self.limits = ground, limits
        self.pace = Pace(ground.alarm)
        self.stopped = 0  # the codigo_erro after which routines rest until the panel is touched
        self.outgoing = outgoing
        self._under_way = 0
        self._free = asyncio.Condition()

    async def call(self, service: str, fields: dict[str, Any] | None = None, *, key: str = "") -> Said:
        """Asks, and again where an answer is only of the moment."""
        settings = self.settings
        given = fields or {}
        said = Said("silent")
        for nth in range(settings.tries):
            if nth:
                await self._rest(said, nth)
            said = await self.once(service, wire.built(settings, service, given), key, fields_shown(given, settings.token))
            if not said.passing:
                break
        if said.verdict == "erro" and said.code in STOPPING:
            self.stopped = said.code
        return said

    async def once(self, service: str, sent: wire.Sent, key: str, told: str) -> Said:
        """One call, whatever comes of it. `told`: what the ledger shows of it."""
        async with self._slot(service):
            said, body = await self._exchange(service, sent, key)
        name = f"CALL {service}"
        counts, token = self.ground.counts(), self.settings.token
        counts.note(name, str(said.code) if said.code else said.verdict)
        self.ground.exchanges.note(Exchange(
            self.ground.alarm.now(), service, key, said.verdict, "out", said.status, said.code,
            tuple(shown(error, token) for error in said.errors), shown(told, token), shown(body, token),
        ))  # fmt: skip
        return said

    async def _exchange(self, service: str, sent: wire.Sent, key: str) -> tuple[Said, bytes]:
        fault = self.ground.faults.pick(f"CALL {service}", key, GONE)
        if fault is not None and fault.kind == "reset":
            return Said("lost", errors=("the call did not leave",)), b""
        told = await self.outgoing.exchange(sent.url, sent.body, {"Content-Type": sent.content, "Accept": wire.JSON})
        if fault is not None:
            return Said("lost", errors=("nobody stayed for the answer",)), b""
        if told is None:
            return Said("silent"), b""
        self.pace.learn(told.headers.get("x-limit-api"))
        said = read(told.status, told.body)
        self.ground.counts().effects["calls_refused_by_rate"] += said.code == TOO_MANY or said.status == TOO_MANY_REQUESTS
        return said, told.body

    async def _rest(self, said: Said, nth: int) -> None:
        """Too many calls in the minute: until it is over. Else longer each time."""
        alarm = self.ground.alarm
        if said.code == TOO_MANY or said.status == TOO_MANY_REQUESTS:
            return await alarm.until(alarm.now() + MINUTE)
        return await alarm.until(alarm.now() + timedelta(seconds=self.settings.pause * 2 ** (nth - 1)))

    @asynccontextmanager
    async def _slot(self, service: str) -> AsyncGenerator[None]:
        paced = self.limits and self.settings.pace
        async with self._free:
            await self._free.wait_for(lambda: self._under_way < self._most(paced))
            self._under_way += 1
        try:
            if paced:
                await self.pace.turn(batch=service in wire.BATCHES)
            yield
        finally:
            async with self._free:
                self._under_way -= 1
                self._free.notify_all()

    def _most(self, paced: bool) -> int:
        wanted = self.settings.at_once
        return self.pace.most_at_once(wanted) if paced else wanted

    @property
    def settings(self) -> Settings:
        held = self.ground.settings()
        if not held.url:
            raise NotConnected("configure first: this store knows no address of an ERP")
        return held
