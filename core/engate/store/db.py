"""The doors to the database, the truth: `reading`, `writing`, and `durably` for what must be on disk before we answer.

SQLite (WAL, synchronous=FULL) by default, PostgreSQL for scale. Work is sync code on a connection, run in threads: measured at 2 to 3 times
the async engines. On SQLite there is one writer at a time, decided by a lock of ours and not by `database is locked`, and every write is
BEGIN IMMEDIATE (pysqlite's default transactions lost read-modify-writes without an error).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

T = TypeVar("T")
Change = Callable[[sa.Connection], T]
GROUP = 500
TRIES = 5
"""How often work that collided with other transactions (PostgreSQL ends one of two that wait for each other) is run again."""


class Store:
    """One database. `url` as SQLAlchemy wants it: `sqlite:///path` or `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        readers, writers = (4, 1) if self.sqlite else (6, 6)
        # a pool as large as the threads plus the group writer and a spare for tools: nobody ever waits inside SQLAlchemy
        self.engine = sa.create_engine(url, pool_size=readers + writers + 2, max_overflow=2, pool_pre_ping=not self.sqlite)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._lock = threading.Lock()
        self._pending: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        if self.sqlite:
            event.listen(self.engine, "connect", _on_connect)
            event.listen(self.engine, "begin", _on_begin)
        self._writer_thread = threading.Thread(target=self._writer, daemon=True, name="store-writer")
        self._writer_thread.start()

    def close(self) -> None:
        self._pending.put(None)
        self._writer_thread.join(timeout=10)
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)
        self.engine.dispose()

    # ---- sync doors, for threads and tools ----

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        with self.engine.begin() as c:
            yield c

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        """At most 500 rows a transaction, so that nobody waits long."""
        with self._lock if self.sqlite else nullcontext(), self.engine.connect() as plain:
            c = plain.execution_options(writes=True)
            with c.begin():
                yield c

    # ---- async doors: the work may be run again after a collision, so it touches nothing but the database ----

    async def reading(self, work: Change[T]) -> T:
        return await self._in_thread(self._readers, self.read, work)

    async def writing(self, work: Change[T]) -> T:
        return await self._in_thread(self._writers, self.write, work)

    async def durably(self, change: Change[T]) -> T:
        """Runs `change` with others in one commit, each in a savepoint; returns (or raises) when it is on disk."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._pending.put(_Waiting(change, done, loop, TRIES))
        return await asyncio.shield(_heard(done))

    async def _in_thread(self, threads: ThreadPoolExecutor, door: Callable[[], Any], work: Change[T]) -> T:
        def run() -> T:
            for left in reversed(range(TRIES)):
                try:
                    with door() as c:
                        return work(c)
                except OperationalError as error:
                    if not left or not _collided(error):
                        raise
            raise AssertionError("unreachable")

        # shielded: a cancelled caller must not leave a half-used connection behind; the transaction ends either way
        return await asyncio.shield(_heard(asyncio.get_running_loop().run_in_executor(threads, run)))

    def _writer(self) -> None:
        while True:
            first = self._pending.get()
            if first is None:
                return
            group = [first]
            while len(group) < GROUP:
                try:
                    more = self._pending.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._pending.put(None)
                    break
                group.append(more)
            answers: list[tuple[Any, Exception | None]] = []
            try:
                with self.write() as c:
                    for waiting in group:
                        try:
                            with c.begin_nested():
                                answers.append((waiting.change(c), None))
                        except Exception as error:  # one refused change never refuses its neighbours
                            answers.append((None, error))
            except Exception as error:  # the commit itself failed: everyone must hear of it
                answers = [(None, error)] * len(group)
            for waiting, (value, error) in zip(group, answers, strict=True):
                if _collided(error) and waiting.tries > 1:  # again with the next group
                    self._pending.put(waiting._replace(tries=waiting.tries - 1))
                elif not waiting.loop.is_closed():
                    waiting.loop.call_soon_threadsafe(partial(_tell, waiting.done, value, error))


def _heard(work: asyncio.Future[T]) -> asyncio.Future[T]:
    """Its failure counts as heard although the caller may have been cancelled meanwhile."""
    work.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return work


class _Waiting(NamedTuple):
    change: Change[Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    tries: int


def _collided(error: Exception | None) -> bool:
    """A deadlock or a serialization failure: the transaction had no effect."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") in ("40P01", "40001")


def _tell(done: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(value)


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        connection.execute("PRAGMA " + pragma)


def _on_begin(c: sa.Connection) -> None:
    c.exec_driver_sql("BEGIN IMMEDIATE" if c.get_execution_options().get("writes") else "BEGIN")


def insert(c: sa.Connection, table: sa.Table) -> Any:
    """The dialect's own INSERT, for ON CONFLICT."""
    return sqlite.insert(table) if c.dialect.name == "sqlite" else postgresql.insert(table)
