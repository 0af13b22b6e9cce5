"""Scale mode: any number of `engate worker` processes share the lanes; arq on Redis only wakes them. The one module that knows arq.

A lost, doubled or flushed Redis loses no work and doubles no effect: due lanes stand in the database, and every worker looks there at
least twice a second anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker, func
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engate.clock import SystemClock
from engate.errors import Invalid
from engate.logs import configure, say
from engate.metrics import Metrics
from engate.store import lanes, upkeep
from engate.store.db import Store
from engate.store.vault import open_vault
from engate.sync.calls import Calls
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.text import Text
from engate_api.budget import Lost, RedisBudget
from engate_api.dispatch import Dispatch
from engate_api.ending import End, working
from engate_api.environment import parser, told
from engate_api.installation import Installation, open_store, process_name
from engate_api.loop import run
from engate_api.patience import wait_for_servers
from engate_api.server import Address, address, served
from engate_api.settings import Settings

QUEUE = "engate:wakes"
EXPIRES_MS = 60_000
ANSWER = 1.0
"""Seconds that Redis may take to answer."""
encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode


async def open_dispatch(redis_url: str) -> Dispatch:
    """What the API wakes workers with."""
    return Arq(await _pool(redis_url))


async def _pool(redis_url: str) -> ArqRedis:
    """A Redis that hangs is a Redis that is lost: no call waits long, and none is made again by itself."""
    told, said = RedisSettings.from_dsn(redis_url), urlsplit(redis_url)
    told.username, told.password = (
        unquote(each) if each is not None else None for each in (said.username, said.password)
    )  # arq does not unquote them
    redis = await create_pool(
        told,
        job_serializer=encode,
        job_deserializer=decode,
        default_queue_name=QUEUE,
        expires_extra_ms=EXPIRES_MS,
    )
    limits = {"socket_timeout": ANSWER, "socket_connect_timeout": ANSWER, "retry": Retry(NoBackoff(), 0)}
    redis.connection_pool.connection_kwargs |= limits  # pyright: ignore[reportUnknownMemberType]  # a dict of anything
    closing: Any = redis.connection_pool.disconnect()  # a coroutine; its annotation does not say so
    await closing
    redis.connection_pool.reset()  # connections that are open already do not have these limits
    return redis


class Arq:
    """One job per integration: further wakes are merged into it until a worker takes it."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis, self._lost = redis, Lost()

    async def wake(self, integration_id: int) -> None:
        if self._lost:
            return
        try:
            await self._redis.enqueue_job("wake", integration_id, _job_id=f"wake/{integration_id}")
        except (RedisError, OSError) as error:
            self._lost.now()
            say("wake_lost", integration=integration_id, error=type(error).__name__)  # workers look for themselves

    async def ready(self) -> bool:
        try:
            return bool(await self._redis.ping())  # pyright: ignore[reportUnknownMemberType]  # its **kwargs have no types
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        await self._redis.aclose()


async def _wake(ctx: dict[str, Any], integration_id: int) -> None:
    del integration_id  # lanes are claimed by what is due, whoever asked
    ctx["runner"].poke()


async def work(settings: Settings, name: str, at: Address | None = None) -> None:
    """One worker, until SIGTERM or SIGINT: what is under way is given back, and goes on elsewhere. `at`: where it tells how it is."""
    assert settings.redis_url is not None
    store = open_store(settings)
    vault = open_vault(store, settings.key_file)
    redis = await _pool(settings.redis_url)
    alive = [1]
    clock, metrics = SystemClock(), Metrics()
    budget = RedisBudget(redis, lambda: alive[0])
    calls = Calls(store, clock, metrics, everything=settings.calls == "all") if settings.calls_days else None
    registry = Registry(store, vault, clock, metrics, budget=budget, public_url=settings.public_url, calls=calls)
    runner = Runner(store, registry, clock, delays=settings.delays, worker=name, slots=settings.slots, shared=True, metrics=metrics)
    shown = Installation(settings, store, vault, registry, clock, Arq(redis), metrics, worker=name)
    arq = Worker(
        functions=[func(_wake, name="wake", keep_result=0)],
        redis_pool=redis,
        queue_name=QUEUE,
        handle_signals=False,
        max_jobs=100,
        poll_delay=0.05,
        queue_read_limit=200,
        job_timeout=10,
        keep_result=0,
        ctx={"runner": runner},
        job_serializer=encode,
        job_deserializer=decode,
        log_results=False,
    )
    end = End()
    print(f"engate worker: {name}", flush=True)  # noqa: T201
    try:
        async with (
            working(*([calls.run()] if calls is not None else [])),  # ends last, so that the calls made while the lanes end are kept too
            _shown(shown, at, end),
            working(  # ends first, also where the HTTP server hangs
                _forever("runner", runner.run),
                _forever("arq", arq.main),
                _count_alive(store, alive),
                upkeep.keep(store, settings.buyers_kept, settings.calls_kept),
            ),
        ):
            if at is not None:
                print(f"engate worker: {at.url}", flush=True)  # noqa: T201
            await end.begun()
    finally:
        await registry.close()
        await redis.aclose()
        store.close()


def _shown(installation: Installation, at: Address | None, end: End) -> AbstractAsyncContextManager[None]:
    """This worker's own /health, /ready and /metrics, where somebody gave it a port."""
    if at is None:
        return nullcontext()
    from engate_api.app import create_shown

    return served(create_shown(installation), at, end.begin)


async def _forever(what: str, run: Callable[[], Awaitable[object]]) -> None:
    """Starts `run` again after an error: a worker survives an outage of the database or of Redis."""
    while True:
        try:
            await run()
        except Exception as error:
            say("worker_interrupted", what=what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(0.5)


async def _count_alive(store: Store, alive: list[int]) -> None:
    """Keeps count of the live workers: they share the request rates while Redis is away."""
    while True:
        await asyncio.sleep(lanes.SEEN_EVERY)
        try:
            now = SystemClock().now().timestamp()
            alive[0] = max(1, await store.reading(partial(lanes.workers_alive, since=now - lanes.ALIVE)))
        except Exception as error:
            say("worker_interrupted", what="count", error=type(error).__name__)


def main(argv: list[str]) -> int:
    """`engate worker`."""
    asked = parser("engate worker", "One worker, for scale mode.")
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, help="answers /health, /ready and /metrics of this worker there (0: any free one); else none")
    given, settings = told(asked, argv)
    configure(settings.log_level, json=settings.log_format == "json")
    if settings.redis_url is None:
        raise Invalid(
            Text("Um worker precisa de ENGATE_REDIS_URL.", "A worker needs ENGATE_REDIS_URL."),
            Text("Defina-a (e ENGATE_DATABASE_URL); sem Redis, engate serve faz o trabalho sozinho.",
                 "Set it (and ENGATE_DATABASE_URL); without Redis engate serve does the work itself."),
            where="ENGATE_REDIS_URL",
        )  # fmt: skip
    at = address(given.host, given.port) if given.port is not None else None
    wait_for_servers(settings)
    run(work(settings, process_name(), at))
    return 0
