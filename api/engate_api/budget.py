"""The request budget of an account, shared by all workers through Redis. Without Redis each worker keeps to its share of the rate."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engate.limits import PACE, Rate

log = structlog.get_logger("engate.budget")

# One token bucket on the server's own clock. KEYS: bucket. ARGV: rate a second, burst, wanted. Answers {granted, microseconds to wait}.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local rate, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at', 'stop')
local stop = tonumber(kept[3]) or 0
if now < stop then return {0, stop - now} end
local level = math.min(burst, (tonumber(kept[1]) or burst) + (now - (tonumber(kept[2]) or now)) * rate / 1000000)
local granted = math.min(want, math.floor(level))
redis.call('HSET', KEYS[1], 'level', tostring(level - granted), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], 3600)
if granted > 0 then return {granted, 0} end
return {0, math.ceil((1 - level) / rate * 1000000)}
"""

STOP = """
local t = redis.call('TIME')
local till = t[1] * 1000000 + t[2] + tonumber(ARGV[1])
if till > (tonumber(redis.call('HGET', KEYS[1], 'stop')) or 0) then redis.call('HSET', KEYS[1], 'stop', tostring(till), 'level', '0') end
redis.call('EXPIRE', KEYS[1], 3600)
"""


LOST_FOR = 5.0


class Lost:
    """True for some seconds after Redis did not answer: whoever needs it then does without at once, instead of waiting each time."""

    def __init__(self) -> None:
        self._until = 0.0

    def now(self) -> None:
        self._until = time.monotonic() + LOST_FOR

    def __bool__(self) -> bool:
        return time.monotonic() < self._until


class RedisBudget:
    """`workers`: how many live workers share the rates when Redis does not answer."""

    def __init__(self, redis: Redis, workers: Callable[[], int]) -> None:
        self._redis, self._workers, self._lost = redis, workers, Lost()
        self._alone: dict[str, tuple[float, float]] = {}  # bucket -> (level, at)

    async def take(self, key: str, rate: Rate, want: int) -> tuple[int, float]:
        if self._lost:
            return self._share(key, rate, want)
        try:
            answer = cast(
                "Awaitable[Any]",
                self._redis.eval(TAKE, 1, f"engate:rate:{key}", str(rate.per_second * PACE), str(max(1.0, rate.burst)), str(want)),
            )
            granted, micros = await answer
            return int(granted), int(micros) / 1_000_000
        except (RedisError, OSError) as error:
            self._lost.now()
            log.warning("budget_alone", error=type(error).__name__)
            return self._share(key, rate, want)

    async def stop(self, key: str, seconds: float) -> None:
        if self._lost:
            return
        try:
            await cast("Awaitable[Any]", self._redis.eval(STOP, 1, f"engate:rate:{key}", str(int(seconds * 1_000_000))))
        except (RedisError, OSError) as error:
            self._lost.now()
            log.warning("budget_alone", error=type(error).__name__)

    def _share(self, key: str, rate: Rate, want: int) -> tuple[int, float]:
        """This worker's part of the rate, with no burst: nobody knows what the others have spent."""
        mine = rate.per_second * PACE / max(1, self._workers())
        now = time.monotonic()
        level, at = self._alone.get(key, (0.0, now))
        level = min(max(1.0, mine / 10), level + (now - at) * mine)
        granted = min(want, int(level))
        self._alone[key] = (level - granted, now)
        return granted, 0.0 if granted else (1 - level) / mine
