"""What a person sees while the demo runs: bars on a terminal, plain lines otherwise. Everything goes to stderr: stdout is the result's."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

QUIET_SECONDS = 10.0


class Show(Protocol):
    """`step` names what goes on now; `at` says how far it is; `say` is a line that stays."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None: ...

    def step(self, text: str) -> None: ...

    def at(self, done: int, total: int) -> None: ...

    def say(self, text: str) -> None: ...


def show() -> Show:
    return Bars() if sys.stderr.isatty() else Lines()


class Lines:
    """A line when a step begins, one every ten seconds while it lasts, and one with its seconds when it is over."""

    def __init__(self) -> None:
        self._step = ""
        self._since = self._said = 0.0
        self._reached = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._end()

    def step(self, text: str) -> None:
        self._end()
        self._step, self._reached = text, ""
        self._since = self._said = time.monotonic()

    def at(self, done: int, total: int) -> None:
        self._reached = f" {done:,}/{total:,}"
        if time.monotonic() - self._said >= QUIET_SECONDS:
            self._said = time.monotonic()
            self.say(f"  {self._step}:{self._reached}")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _end(self) -> None:
        if self._step:
            self.say(f"{self._step}:{self._reached} in {time.monotonic() - self._since:.1f} s")
            self._step = ""


class Bars:
    """One bar per step."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._end(finished=error is None)
        self._progress.stop()

    def step(self, text: str) -> None:
        self._end(finished=True)
        self._task = self._progress.add_task(text, total=None)

    def at(self, done: int, total: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def _end(self, *, finished: bool) -> None:
        if self._task is None:
            return
        if finished:
            task = next(task for task in self._progress.tasks if task.id == self._task)
            total = task.total or 1
            self._progress.update(self._task, completed=total, total=total)
        self._progress.stop_task(self._task)
        self._task = None
