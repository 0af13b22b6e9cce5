"""Start and end of the API process. It runs the lanes itself unless Redis is set."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from litestar import Litestar

from engate.clock import Clock, SystemClock
from engate.logs import say
from engate.metrics import Metrics
from engate.store import config, lanes, tokens, upkeep
from engate.store.broken import broken, shortly
from engate.store.vault import open_vault
from engate.sync.calls import Calls
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.transcript import Line
from engate_api.dispatch import Dispatch, Embedded
from engate_api.ending import working
from engate_api.installation import FolderLock, Installation, open_store, process_name
from engate_api.settings import Settings


def lifespan(settings: Settings, clock: Clock | None) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Sets `app.state.installation`."""

    @asynccontextmanager
    async def live(app: Litestar) -> AsyncGenerator[None]:
        async with opened(settings, clock or SystemClock()) as installation:
            app.state.installation = installation
            yield

    return live


@asynccontextmanager
async def opened(settings: Settings, clock: Clock, told: Callable[[Line], None] | None = None) -> AsyncGenerator[Installation]:
    """An installation whose lanes run: here, or (with Redis) in workers. `told`: hears of every call that is kept."""
    async with AsyncExitStack() as closing:
        if settings.redis_url is None:
            closing.callback(FolderLock(settings.data).release)
        store = open_store(settings)
        closing.callback(store.close)
        if settings.redis_url is None and settings.sqlite:
            # the folder's lock proves that nobody else works: what a process that was killed had in hand is taken up at once
            with store.write() as c:
                lanes.free_all(c)
                tokens.free_all(c)
        vault = open_vault(store, settings.key_file)
        metrics = Metrics()
        calls = Calls(store, clock, metrics, everything=settings.calls == "all", told=told) if settings.calls_days else None
        registry = Registry(store, vault, clock, metrics, public_url=settings.public_url, calls=calls)
        closing.push_async_callback(registry.close)
        if calls is not None:
            await closing.enter_async_context(working(calls.run()))
        if settings.redis_url is None:
            runner = Runner(store, registry, clock, delays=settings.delays, worker=process_name(), slots=settings.slots, metrics=metrics)
            dispatch: Dispatch = Embedded(runner)
            await closing.enter_async_context(working(_keep_running(runner)))
        else:
            dispatch = await importlib.import_module("engate_api.worker").open_dispatch(settings.redis_url)
        closing.push_async_callback(dispatch.close)
        await closing.enter_async_context(working(upkeep.keep(store, settings.buyers_kept, settings.calls_kept)))
        with store.write() as c:  # last: a start that fails before would not print the key
            new_key = config.installation_key(c, settings.installation_key)
        yield Installation(settings, store, vault, registry, clock, dispatch, metrics, new_key=new_key, calls=calls)


async def _keep_running(runner: Runner) -> None:
    """The runner; it is started again if it fails, so that the API never runs without its lanes."""
    while True:
        try:
            await runner.run()
        except Exception as error:
            say("runner_broke", error=shortly(error), exc_info=None if broken(error) else error)
            await asyncio.sleep(1.0)
