"""The request budget of an account, shared by all workers through Redis. Without Redis each worker keeps to its share of the rate."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engate.limits import PACE, UNKNOWN, Ask, Meter, Rate
from engate.logs import say

# One token bucket on the server's own clock. KEYS: bucket. ARGV: rate a second (0: as learnt), burst, least, wanted, class, microseconds
# waited, who. Answers {credits granted (-1: nobody knows the rate), microseconds to wait}. The first of those who wait is kept by its rank
# (class, then since when) as long as it asks again in time: nobody of a lower rank takes the credits that it waits for.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local kept = redis.call('HMGET', KEYS[1], 'level', 'at', 'stop', 'rate', 'burst', 'first', 'who', 'till', 'needs')
local stop = tonumber(kept[3]) or 0
if now < stop then return {'0', stop - now} end
local rate, burst = tonumber(kept[4]) or tonumber(ARGV[1]), tonumber(kept[5]) or tonumber(ARGV[2])
if rate <= 0 then return {'-1', 0} end
local level = math.min(burst, (tonumber(kept[1]) or burst) + (now - (tonumber(kept[2]) or now)) * rate / 1000000)
local least, want, who = math.min(tonumber(ARGV[3]), burst), tonumber(ARGV[4]), ARGV[7]
local rank = tonumber(ARGV[5]) * 4e15 + now - tonumber(ARGV[6])
local first = kept[7] and kept[7] ~= who and (tonumber(kept[8]) or 0) > now and tonumber(kept[6]) < rank
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now), 'pace', tostring(rate), 'most', tostring(burst))
redis.call('EXPIRE', KEYS[1], 3600)
if first then return {'0', math.max(1000, math.ceil((tonumber(kept[9]) + least - level) / rate * 1000000))} end
if level >= least then
  local granted = math.max(tonumber(ARGV[3]), math.min(want, level))
  redis.call('HSET', KEYS[1], 'level', tostring(level - granted))
  if kept[7] == who then redis.call('HDEL', KEYS[1], 'first', 'who', 'till', 'needs') end
  return {tostring(granted), 0}
end
local wait = math.ceil((least - level) / rate * 1000000)
redis.call('HSET', KEYS[1], 'first', tostring(rank), 'who', who, 'till', tostring(now + wait + 1000000), 'needs', tostring(least))
return {'0', wait}
"""

# What an answer said. ARGV: rate, burst, remaining ('' each: not said), credits to give back, share of the rate that is used.
LEARN = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local kept = redis.call('HMGET', KEYS[1], 'level', 'at', 'pace', 'most')
local said, limit, left = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if said then said = said * tonumber(ARGV[5]) end
local rate, burst = tonumber(kept[3]), tonumber(kept[4])
local level = tonumber(kept[1])
if level and rate and burst then level = math.min(burst, level + (now - (tonumber(kept[2]) or now)) * rate / 1000000) end
if level then level = level + tonumber(ARGV[4]) end
if left then level = math.min(level or left, left) end
if said and limit then redis.call('HSET', KEYS[1], 'rate', tostring(said), 'burst', tostring(limit)) end
if level then redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now)) end
redis.call('EXPIRE', KEYS[1], 3600)
"""

STOP = """
local t = redis.call('TIME')
local till = t[1] * 1000000 + t[2] + tonumber(ARGV[1])
if till > (tonumber(redis.call('HGET', KEYS[1], 'stop')) or 0) then redis.call('HSET', KEYS[1], 'stop', tostring(till), 'level', '0') end
redis.call('EXPIRE', KEYS[1], 3600)
"""


LOST_FOR = 5.0


class Lost:
    """True for some seconds after Redis did not answer. Meanwhile callers do without it at once, instead of waiting each time."""

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

    async def take(self, key: str, rate: Rate | None, ask: Ask) -> tuple[float, float]:
        if self._lost:
            return self._share(key, rate, ask)
        told = (rate.per_second * PACE, max(1.0, rate.burst)) if rate is not None else (0, 0)
        given = (*told, ask.least, ask.want, ask.rank, int(ask.waited * 1_000_000), ask.who)
        try:
            granted, micros = await cast("Awaitable[Any]", self._redis.eval(TAKE, 1, f"engate:rate:{key}", *map(str, given)))
            return float(granted), int(micros) / 1_000_000
        except (RedisError, OSError) as error:
            self._alas(error)
            return self._share(key, rate, ask)

    async def learn(self, key: str, meter: Meter, back: float) -> None:
        said = ["" if value is None else str(value) for value in (meter.restore, meter.limit, meter.remaining)]
        await self._tell(LEARN, key, *said, str(back), str(PACE))

    async def stop(self, key: str, seconds: float) -> None:
        await self._tell(STOP, key, str(int(seconds * 1_000_000)))

    async def _tell(self, script: str, key: str, *given: str) -> None:
        if self._lost:
            return
        try:
            await cast("Awaitable[Any]", self._redis.eval(script, 1, f"engate:rate:{key}", *given))
        except (RedisError, OSError) as error:
            self._alas(error)

    def _alas(self, error: Exception) -> None:
        self._lost.now()
        say("budget_alone", error=type(error).__name__)

    def _share(self, key: str, rate: Rate | None, ask: Ask) -> tuple[float, float]:
        """This worker's share of the rate, without a burst: it cannot know what the other workers have spent."""
        if rate is None:
            return UNKNOWN, 0.0
        mine = rate.per_second * PACE / max(1, self._workers())
        now = time.monotonic()
        least = min(ask.least, max(1.0, rate.burst))
        level, at = self._alone.get(key, (0.0, now))
        level = min(max(1.0, mine / 10, least), level + (now - at) * mine)
        granted = max(ask.least, min(ask.want, level)) if level >= least else 0.0
        self._alone[key] = (level - granted, now)
        return granted, 0.0 if granted else (least - level) / mine
