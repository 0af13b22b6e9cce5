"""The rates of several processes together, in a real Valkey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from engate.limits import Governor, Meter, Rate, priority
from engate.testing import services
from engate_api.budget import RedisBudget

P = ("points",)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with services.valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@asynccontextmanager
async def processes(url: str, rate: Rate | None, *, metered: bool = False) -> AsyncGenerator[tuple[Governor, Governor]]:
    """Two, each with its own connection, that share an account nobody used before."""
    account = uuid4().hex
    redis = [Redis.from_url(url) for _ in range(2)]
    rates = {"points": rate} if rate is not None else {}
    try:
        one, two = (Governor(dict(rates), 64, account=account, budget=RedisBudget(each, lambda: 2), metered=metered) for each in redis)
        yield one, two
    finally:
        for each in redis:
            await each.aclose()


async def call(governor: Governor, cost: float = 1.0, class_: int = 5, meter: Meter | None = None) -> float:
    began = time.monotonic()
    token = priority.set(class_)
    try:
        await governor.enter(P, cost)
    finally:
        priority.reset(token)
    governor.leave(P, cost, meter)
    return time.monotonic() - began


@asynccontextmanager
async def busy(governor: Governor, cost: float, class_: int = 5) -> AsyncGenerator[list[float]]:
    """Calls that take every credit as soon as it comes; when each went."""
    went: list[float] = []

    async def endlessly() -> None:
        while True:
            await call(governor, cost, class_)
            went.append(time.monotonic())

    tasks = [asyncio.create_task(endlessly()) for _ in range(10)]
    try:
        yield went
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_processes_keep_one_rate_together(redis_url: str) -> None:
    async with processes(redis_url, Rate(200, 20)) as (one, two), busy(one, 1) as first, busy(two, 1) as second:
        await asyncio.sleep(1.5)
        now = time.monotonic()
        calls = [at for at in first + second if at > now - 1]
        assert 140 <= len(calls) <= 200 + 2 * 20


@pytest.mark.trap("engine.large-calls-shared")
@pytest.mark.parametrize("class_", [2, 5])
async def test_a_large_call_of_one_process_is_not_starved_by_small_ones_of_another(redis_url: str, class_: int) -> None:
    async with processes(redis_url, Rate(1000, 200), metered=True) as (one, two), busy(two, 10):
        await asyncio.sleep(0.3)
        async with asyncio.timeout(4):
            assert await call(one, 180, class_) >= 0.1


async def test_who_waits_no_more_holds_nobody_up(redis_url: str) -> None:
    async with processes(redis_url, Rate(100, 100), metered=True) as (one, two):
        await call(one, 100)
        large = asyncio.create_task(one.enter(P, 100))
        await asyncio.sleep(0.1)
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)
        assert await call(two, 10) < 3


@pytest.mark.trap("engine.learnt-shared")
async def test_what_one_process_learns_the_other_keeps(redis_url: str) -> None:
    async with processes(redis_url, None, metered=True) as (one, two):
        await call(one, 10, meter=Meter(limit=50, remaining=0, restore=100, spent=10))
        await asyncio.sleep(0.02)  # it is told beside the call
        assert await call(two, 30) >= 0.2


async def test_what_was_not_spent_is_there_for_the_other(redis_url: str) -> None:
    async with processes(redis_url, Rate(10, 100), metered=True) as (one, two):
        await call(one, 100, meter=Meter(spent=10))
        await asyncio.sleep(0.05)
        assert await call(two, 80) < 1
