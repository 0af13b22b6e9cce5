"""Observers: discovery, and the only caller of `on_*`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from engate.doing import calling
from engate.hooks import Observer
from engate.logs import say
from engate.specs import implemented_by

GROUP = "engate.observers"
TIMEOUT = 10.0
LONGEST_NAME = 100
TOGETHER = 4
"""Calls of one observer at a time in this process: one that hangs takes no more slots than this, however many integrations there are."""


class NotToldError(Exception):
    """An observer did not take a message. The text is short and holds nothing of the extension's own, because it is shown."""


def discover(entries: list[EntryPoint] | None = None) -> dict[str, Observer]:
    """Every installed extension by the name of its entry point, which names a subclass of `Observer` without arguments."""
    found: dict[str, Observer] = {}
    for entry in entries if entries is not None else list(entry_points(group=GROUP)):
        try:
            made = entry.load()()
            if not isinstance(made, Observer):
                raise TypeError(f"{entry.value} is not an engate.Observer")
            implemented_by(type(made), (Observer,))
            if entry.name in found:
                raise TypeError(f"two distributions bring an observer {entry.name!r}")
            if len(entry.name) > LONGEST_NAME:
                raise TypeError(f"a name of more than {LONGEST_NAME} characters")
            found[entry.name] = made
        except Exception as error:
            say("observer_not_loaded", observer=entry.name, error=f"{type(error).__name__}: {error}")
    return found


class Observers:
    """The observers of this process, by name."""

    def __init__(self, members: Mapping[str, Observer]) -> None:
        self._members = dict(members)
        self._hooks = {name: implemented_by(type(each), (Observer,)) for name, each in members.items()}
        self._under_way: Counter[str] = Counter()

    def of(self, hook: str) -> list[str]:
        """Names of the observers that implement this hook."""
        return [name for name, hooks in self._hooks.items() if hook in hooks]

    def is_busy(self, name: str) -> bool:
        return self._under_way[name] >= TOGETHER

    async def tell(self, name: str, hook: str, event: Mapping[str, Any]) -> None:
        """Calls the observer. Raises NotToldError where it fails, hangs, or is not installed (any more)."""
        if name not in self._members:
            raise NotToldError("not installed")
        if hook not in self._hooks[name]:
            return  # only an earlier version of it implemented the hook

        async def told() -> None:
            await getattr(self._members[name], hook)(**event)

        self._under_way[name] += 1
        # a separate task: one that ignores cancellation is left behind, and one that cancels itself does not cancel this task
        task = asyncio.create_task(told())
        try:
            with calling(hook):
                await asyncio.wait({task}, timeout=TIMEOUT)
        finally:
            self._under_way[name] -= 1
            ended = task.done()
            task.cancel()
        if not ended:
            say("observer_hangs", observer=name, hook=hook)
            raise NotToldError(f"no answer within {TIMEOUT:.0f} s")
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            say("observer_failed", observer=name, hook=hook, exc_info=error)
            raise NotToldError(type(error).__name__) from error
