"""The governor: who goes first, what a call takes, and what answers teach."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from engate.limits import PACE, Governor, Meter, Rate, priority

P = ("points",)


async def call(governor: Governor, cost: float, class_: int = 5, meter: Meter | None = None) -> float:
    """One call that takes no time; answers how long it waited."""
    began = time.monotonic()
    token = priority.set(class_)
    try:
        await governor.enter(P, cost)
    finally:
        priority.reset(token)
    governor.leave(P, cost, meter)
    return time.monotonic() - began


@asynccontextmanager
async def busy(governor: Governor, cost: float, class_: int) -> AsyncGenerator[None]:
    """Many small calls that take every credit as soon as it comes."""

    async def endlessly() -> None:
        while True:
            await call(governor, cost, class_)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(endlessly()) for _ in range(20)]
    await asyncio.sleep(0.05)  # the burst is spent
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.trap("engine.large-calls")
@pytest.mark.parametrize("class_", [2, 5])
async def test_a_large_call_is_not_starved_by_small_ones(class_: int) -> None:
    governor = Governor({"points": Rate(1000, 200)}, 64)
    async with busy(governor, 10, 5):
        async with asyncio.timeout(3):
            assert await call(governor, 180, class_) >= 0.1


@pytest.mark.trap("engine.class-first")
async def test_an_order_goes_before_everything_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    governor = Governor({"points": Rate(100, 10)}, 64)
    await call(governor, 10)
    done: list[str] = []

    async def noted(name: str, cost: float, class_: int) -> None:
        await call(governor, cost, class_)
        done.append(name)

    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(noted(f"catalogue {n}", 5, 6))
        await asyncio.sleep(0)
        group.create_task(noted("order", 5, 0))
    assert done == ["order", "catalogue 0", "catalogue 1", "catalogue 2"]


@pytest.mark.trap("engine.gives-back")
@pytest.mark.parametrize("meter", [Meter(spent=10), Meter(spent=10, remaining=90), Meter(refused=True, remaining=100)])
async def test_what_was_not_spent_comes_back(meter: Meter) -> None:
    governor = Governor({"points": Rate(1, 100)}, 64, metered=True)
    await call(governor, 100, meter=meter)
    assert await call(governor, 90) < 0.5


async def test_what_was_spent_beyond_the_cost_is_missing_afterwards() -> None:
    governor = Governor({"points": Rate(100, 100)}, 64, metered=True)
    await call(governor, 10, meter=Meter(spent=110))
    assert await call(governor, 10) >= 0.15


@pytest.mark.trap("engine.others-spend")
async def test_what_others_spend_of_the_account_is_not_there_for_us() -> None:
    governor = Governor({"points": Rate(100, 100)}, 64, metered=True)
    await call(governor, 10, meter=Meter(limit=100, remaining=0, restore=100, spent=10))
    assert await call(governor, 20) >= 0.15


async def test_an_answer_does_not_count_what_is_still_under_way() -> None:
    """It was written before the other calls arrived there."""
    governor = Governor({"points": Rate(100, 100)}, 64, metered=True)
    await governor.enter(P, 60)
    await governor.enter(P, 10)
    governor.leave(P, 10, Meter(limit=100, remaining=90, restore=100, spent=10))
    assert await call(governor, 50) >= 0.15, "60 of the 90 are on their way to be spent"


@pytest.mark.trap("engine.rate-learnt")
async def test_a_rate_that_nobody_knows_is_learnt_by_one_call() -> None:
    governor = Governor({}, 64, metered=True)
    await governor.enter(P, 10)
    second = asyncio.create_task(call(governor, 10))
    await asyncio.sleep(0.05)
    assert not second.done(), "one call at a time goes out to learn"
    governor.leave(P, 10, Meter(limit=50, remaining=0, restore=100, spent=10))
    assert await second >= 0.05 + 10 / (100 * PACE) * 0.9
    governor.leave(P, 0, Meter(limit=50, remaining=40, restore=20))
    assert governor.states() == {"points": "slowed"} or governor.states() == {"points": "flowing"}


async def test_a_call_that_was_not_answered_lets_the_next_one_learn() -> None:
    governor = Governor({}, 64, metered=True)
    await governor.enter(P, 10)
    second = asyncio.create_task(call(governor, 10))
    await asyncio.sleep(0)
    governor.leave(P, 10, answered=False)
    assert await second < 0.5


async def test_where_answers_say_nothing_calls_go_as_they_come() -> None:
    governor = Governor({}, 64, metered=True)
    await call(governor, 10)
    began = time.monotonic()
    await asyncio.gather(*(governor.enter(P, 10) for _ in range(50)))
    assert time.monotonic() - began < 0.5


async def test_a_call_that_costs_more_than_there_can_be_goes_when_all_are_there() -> None:
    governor = Governor({"points": Rate(100, 20)}, 64)
    assert await call(governor, 30) < 0.1
    assert await call(governor, 20) >= 0.25, "it left a debt"


@pytest.mark.trap("engine.cancelled-credits")
async def test_whoever_gives_up_waiting_takes_nothing_and_holds_nobody_up() -> None:
    governor = Governor({"points": Rate(100, 100)}, 1)
    await governor.enter(P, 50)  # the only place in flight
    placeless = asyncio.create_task(governor.enter(P, 50))
    await asyncio.sleep(0)
    large = asyncio.create_task(governor.enter(P, 100))
    await asyncio.sleep(0.01)
    placeless.cancel()
    large.cancel()
    await asyncio.gather(placeless, large, return_exceptions=True)
    governor.leave(P, 50)
    assert await call(governor, 50) < 0.1, "what the first one took came back"
