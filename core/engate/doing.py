"""What a piece of work is doing right now: the hook it is in, and since when. Whoever watches it from outside can say where it hangs; and
a call that is made meanwhile is known to be about its order or its records."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar


class Doing:
    """Of one slice, or of a single hook that somebody outside a slice calls. `hook`: the last one called, "" until then; `asked`: what it
    was given first (a batch, a query, …). `integration_id`, `order` (the shop's key): what the slice is for, where it is for one."""

    __slots__ = ("_since", "asked", "hook", "integration_id", "order")

    def __init__(self, integration_id: int | None = None, order: str | None = None) -> None:
        self.hook = ""
        self.asked: object = None
        self.integration_id, self.order = integration_id, order
        self._since: float | None = None

    def seconds(self) -> float:
        """How long it has been in its hook; 0 while it is in none."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    def enter(self, hook: str, asked: object) -> None:
        self.hook, self.asked, self._since = hook, asked, time.monotonic()

    def leave(self) -> None:
        self._since = None


_current: ContextVar[Doing | None] = ContextVar("doing", default=None)


def watched(integration_id: int | None = None, order: str | None = None) -> Doing:
    """What the present task (and what it starts) does from here on."""
    made = Doing(integration_id, order)
    _current.set(made)
    return made


def current() -> Doing | None:
    """What the present task does; None where it is in no slice and in no hook."""
    return _current.get()


@contextmanager
def calling(hook: str, asked: object = None) -> Generator[None]:
    """The present task waits for this hook."""
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
    """The same of what has a time limit of its own: nobody watches how long it takes."""
    before = _current.get()
    made = Doing(before.integration_id, before.order) if before is not None else Doing()
    made.hook, made.asked = hook, asked
    token = _current.set(made)
    try:
        yield
    finally:
        _current.reset(token)
