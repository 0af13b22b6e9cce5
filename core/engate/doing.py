"""What a piece of work is doing now: the hook it is in, and since when. Watching tasks can tell where it hangs, and a call made meanwhile
is known to be about its order or records."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar


class Doing:
    """The state of one slice, or of a single hook called outside a slice. `hook`: the last one called, "" until then; `asked`: its first
    argument (a batch, a query, …). `integration_id`, `order` (the shop's key): what the slice is for, if it is for one."""

    __slots__ = ("_since", "asked", "hook", "integration_id", "order")

    def __init__(self, integration_id: int | None = None, order: str | None = None) -> None:
        self.hook = ""
        self.asked: object = None
        self.integration_id, self.order = integration_id, order
        self._since: float | None = None

    def seconds(self) -> float:
        """Seconds since its hook was called; 0 outside hooks."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    def enter(self, hook: str, asked: object) -> None:
        self.hook, self.asked, self._since = hook, asked, time.monotonic()

    def leave(self) -> None:
        self._since = None


_current: ContextVar[Doing | None] = ContextVar("doing", default=None)


def watched(integration_id: int | None = None, order: str | None = None) -> Doing:
    """Starts a new `Doing` for the current task and the tasks it starts."""
    made = Doing(integration_id, order)
    _current.set(made)
    return made


def current() -> Doing | None:
    """The `Doing` of the current task; None outside slices and hooks."""
    return _current.get()


@contextmanager
def calling(hook: str, asked: object = None) -> Generator[None]:
    """Within the block the current task waits for this hook."""
    current = _current.get()
    if current is None:
        with naming(hook, asked):
            yield
        return
    current.enter(hook, asked)
    try:
        yield
    finally:
        current.leave()


@contextmanager
def naming(hook: str, asked: object = None) -> Generator[None]:
    """The same for a hook with its own time limit: its duration is not watched."""
    before = _current.get()
    made = Doing(before.integration_id, before.order) if before is not None else Doing()
    made.hook, made.asked = hook, asked
    token = _current.set(made)
    try:
        yield
    finally:
        _current.reset(token)
