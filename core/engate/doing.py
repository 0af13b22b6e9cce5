"""What a piece of work is doing right now: the hook it is in, and since when. Whoever watches it from outside can say where it hangs."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar


class Doing:
    """Of one slice. `hook`: the last one called, "" until then."""

    __slots__ = ("_since", "hook")

    def __init__(self) -> None:
        self.hook = ""
        self._since: float | None = None

    def seconds(self) -> float:
        """How long it has been in its hook; 0 while it is in none."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    def enter(self, hook: str) -> None:
        self.hook, self._since = hook, time.monotonic()

    def leave(self) -> None:
        self._since = None


_current: ContextVar[Doing | None] = ContextVar("doing", default=None)


def watched() -> Doing:
    """What the present task (and what it starts) does from here on."""
    made = Doing()
    _current.set(made)
    return made


@contextmanager
def calling(hook: str) -> Generator[None]:
    """The present task waits for this hook."""
    current = _current.get()
    if current is None:
        yield
        return
    current.enter(hook)
    try:
        yield
    finally:
        current.leave()
