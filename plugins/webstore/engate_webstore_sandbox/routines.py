"""What the store does by itself: it tells what happens to orders, and every so often fetches, hands in again and asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from engate_webstore_sandbox.client import Client
from engate_webstore_sandbox.events import Events
from engate_webstore_sandbox.exchanges import Exchange
from engate_webstore_sandbox.poll import Poll
from engate_webstore_sandbox.pull import Pull
from engate_webstore_sandbox.push import Push
from engate_webstore_sandbox.sales import Sales


class Routines:
    def __init__(self, client: Client, events: Events, pull: Pull, push: Push, poll: Poll) -> None:
        self.client, self.events, self.push = client, events, push
        self.alarm = client.ground.alarm
        self.timed: dict[str, Callable[[], Awaitable[Any]]] = {
            "products": lambda: pull.run("all"), "changes": lambda: pull.run("changed"), "levels": lambda: pull.run("levels"),
            "orders": lambda: self._orders(push.sales), "states": poll.run,
        }  # fmt: skip

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """While the server listens."""
        async with self.client.outgoing:
            tasks = [asyncio.create_task(self._every(name, act)) for name, act in self.timed.items()]
            tasks.append(asyncio.create_task(self._tell()))
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _may(self) -> bool:
        """Whether anything is done without being told: not before the panel knows an address, nor after the account was stopped."""
        return bool(self.client.ground.settings().url) and not self.client.stopped

    async def _every(self, name: str, act: Callable[[], Awaitable[Any]]) -> None:
        due: datetime | None = None
        while True:
            every = getattr(self.client.ground.settings(), f"{name}_every")
            if not every or not self._may():
                due = None
                await self.alarm.look()
                continue
            now = self.alarm.now()
            due = due or now + timedelta(seconds=every)
            if now < due:
                await self.alarm.look((due - now).total_seconds())
                continue
            due = now + timedelta(seconds=every)
            await self._guarded(name, act())

    async def _orders(self, sales: Sales) -> None:
        """What the ERP has not confirmed, and has not refused for good."""
        for order in list(sales.orders.values()):
            if not order.confirmed and not order.refused and not self.events.holds(order):
                await self.push.due(order)

    async def _tell(self) -> None:
        while True:
            event = self.events.next() if self._may() else None
            if event is None:
                await self.alarm.look()
                continue
            await self._guarded("event", self.push.due(event.order, times=event.times))

    async def _guarded(self, name: str, work: Awaitable[Any]) -> None:
        """A routine that breaks says so and runs again the next time."""
        try:
            await work
        except Exception as error:
            self.client.ground.counts().effects["routines_failed"] += 1
            self.client.ground.exchanges.note(Exchange(self.alarm.now(), name, "", "failed", errors=(f"{type(error).__name__}: {error}",)))
