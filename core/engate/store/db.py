"""Access to the database: `reading`, `writing`, and `durably` for changes that must be on disk before the answer. `viewing` and `glancing`
are for people: they have their own threads and connections, so a slow view does not hold up the engine.

SQLite (WAL, synchronous=FULL) by default, PostgreSQL for scale. Work is sync code on a connection, run in threads: measured at 2 to 3 times
the async engines. On SQLite there is one writer at a time, by a lock in this process, so that `database is locked` does not occur; every
write is BEGIN IMMEDIATE (pysqlite's default transactions lost read-modify-writes without an error).
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from engate import logs, private
from engate.errors import EngateError
from engate.logs import say
from engate.store import engines
from engate.store.broken import Broken, broken, lasts, stopping
from engate.structs import make_known
from engate.text import Text

T = TypeVar("T")
Change = Callable[[sa.Connection], T]
GROUP = 500
VIEWS, GLANCES = 4, 2
VIEW_SECONDS, GLANCE_SECONDS = 20.0, 4.0
CLOSE_SECONDS, CUT_SECONDS = 5.0, 6.0
"""On close, work under way may take the first time; then its connections are cut, and it ends within the second (a connection that is
being opened is tried for 5 s)."""
TRIES = 5
"""How often work is run that collided with other transactions (PostgreSQL ends one of two that wait for each other)."""
PERSONAL = ("shop_order", "part", "document", "step", "task", "cause", "key_index", "inbox", "delivery", "outbox", "call")
"""Tables that may hold data of a buyer."""
CLEAN_WAIT_MS = 500
"""Milliseconds to wait for readers. Nobody writes meanwhile."""
TROUBLE_SECONDS = 30.0
"""Seconds for which a failure of the database is shown. Failed work is tried again meanwhile."""


class DatabaseSilent(EngateError):
    """The database did not answer in time: it is down, hangs, or is overloaded."""

    code = "database"


class Store:
    """One database. `url` as SQLAlchemy wants it: `sqlite:///path` or `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        make_known()  # before there is a second thread
        self.url = url
        self.sqlite = url.startswith("sqlite")
        if file := engines.file_of(url):
            private.ensure(file)
        readers, writers = (4, 1) if self.sqlite else (6, 6)
        self.engine = engines.working(url, readers + writers + 2)  # plus the group writer and one for tools
        self.views = engines.looking(url, VIEWS + GLANCES)
        self._opened = engines.Opened(self.engine, self.views)
        self._closed = False
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._viewers = ThreadPoolExecutor(VIEWS, thread_name_prefix="store-view")
        self._glancers = ThreadPoolExecutor(GLANCES, thread_name_prefix="store-glance")
        self._lock = threading.Lock()
        self._trouble: tuple[Broken, float] | None = None
        self._pending: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer_thread = threading.Thread(target=self._writer, daemon=True, name="store-writer")
        self._writer_thread.start()

    def close(self) -> None:
        """Closes within 11 s, whatever the database does: waits for work under way, then cuts it off. New work is refused."""
        self._closed = True
        self._pending.put(None)
        ending = threading.Thread(target=self._end, daemon=True, name="store-end")
        ending.start()
        ending.join(CLOSE_SECONDS)
        if ending.is_alive():
            say("end_cut", what="database", seconds=CLOSE_SECONDS)
            for threads in self._threads():
                threads.shutdown(wait=False, cancel_futures=True)
            until = time.monotonic() + CUT_SECONDS
            while ending.is_alive() and time.monotonic() < until:
                self._opened.cut()  # also work that has just begun
                ending.join(0.2)
        self.engine.dispose()
        self.views.dispose()

    def _end(self) -> None:
        """Returns when all threads are done. (A thread pool's shutdown has no timeout.)"""
        self._writer_thread.join()
        for threads in self._threads():
            threads.shutdown(wait=True)

    def _threads(self) -> tuple[ThreadPoolExecutor, ...]:
        return self._readers, self._writers, self._viewers, self._glancers

    @property
    def trouble(self) -> Broken | None:
        """A current failure of the database, though it may answer: a full disk, a damaged file."""
        known = self._trouble
        return known[0] if known is not None and time.monotonic() < known[1] + TROUBLE_SECONDS else None

    def _note(self, error: BaseException) -> None:
        found = broken(error)
        if found is not None and lasts(found):
            self._trouble = (found, time.monotonic())

    # ---- sync doors, for threads and tools ----

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        with self.engine.begin() as c:
            yield c

    @contextmanager
    def look(self) -> Generator[sa.Connection]:
        """A read for a person; it cannot write."""
        with self.views.begin() as c:
            yield c

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        """A write transaction. At most 500 rows each, so that others do not wait long."""
        lines: logs.Lines = []
        with self._lock if self.sqlite else nullcontext(), self.engine.connect() as plain:
            c = plain.execution_options(writes=True)
            c.info[logs.PENDING] = lines
            with c.begin():
                yield c
        logs.say_all(lines)

    def clean(self, *, whole: bool = False) -> bool:
        """Removes deleted data from the database's files. `whole`: also from unused space in pages with other rows; that takes seconds for
        each hundred megabytes, and nobody writes meanwhile. False: a reader is active, so the journal still holds the data.

        PostgreSQL manages its own files: deleted rows cannot be read, and (`whole`) their space is used again."""
        if not self.sqlite and not whole:
            return True
        connection = self.engine.raw_connection()
        raw: Any = connection.driver_connection
        try:
            with self._lock:
                return _clean_sqlite(raw, whole=whole) if self.sqlite else _clean_postgresql(raw)
        finally:
            connection.invalidate()  # the next user gets one with the usual settings
            connection.close()

    # ---- async doors: the work may be run again after a collision, so it touches nothing but the database ----

    async def reading(self, work: Change[T]) -> T:
        return await self._in_thread(self._readers, self.read, work)

    async def viewing(self, work: Change[T], within: float = VIEW_SECONDS) -> T:
        """A view for a person. Raises `DatabaseSilent` when it takes longer than `within` seconds."""
        return await _within(within, self._in_thread(self._viewers, self.look, work))

    async def glancing(self, work: Change[T], within: float = GLANCE_SECONDS) -> T:
        """A look-up of one row, which never queues behind a view: an API key, a health check."""
        return await _within(within, self._in_thread(self._glancers, self.look, work))

    async def writing(self, work: Change[T]) -> T:
        return await self._in_thread(self._writers, self.write, work)

    async def cleaning(self, *, whole: bool = False) -> bool:
        return await self._run(self._writers, partial(self.clean, whole=whole))

    async def durably(self, change: Change[T]) -> T:
        """Runs `change` with others in one commit; returns (or raises) when it is on disk."""
        if self._closed:
            raise stopping()
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
                except Exception as error:
                    self._note(error)
                    if not left or not _collided(error):
                        raise
            raise AssertionError("unreachable")

        return await self._run(threads, run)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._closed:
            raise stopping()
        # shielded: a cancelled caller must not leave a half-used connection behind; the transaction ends either way
        return await asyncio.shield(_heard(asyncio.get_running_loop().run_in_executor(threads, work)))

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
            try:
                answers = self._all_of(group)
            except Exception as error:  # the commit itself failed: every waiting caller gets the error
                answers = [(None, error)] * len(group)
            for waiting, (value, error) in zip(group, answers, strict=True):
                if error is not None:
                    self._note(error)
                if _collided(error) and waiting.tries > 1 and not self._closed:  # again with the next group
                    self._pending.put(waiting._replace(tries=waiting.tries - 1))
                elif not waiting.loop.is_closed():
                    waiting.loop.call_soon_threadsafe(partial(_tell, waiting.done, value, error))

    def _all_of(self, group: list[_Waiting]) -> list[tuple[Any, Exception | None]]:
        """Runs a group in one commit. A failed change does not fail the others: all run again, each in a savepoint. (Savepoints from
        the start would cost a third of the transaction.)"""
        try:
            with self.write() as c:
                return _plainly(c, group)
        except _RefusedError as refused:
            if len(group) == 1:
                return [(None, refused.error)]
        with self.write() as c:
            return _saved(c, group)


def _clean_sqlite(raw: Any, *, whole: bool) -> bool:
    if whole:
        raw.execute("PRAGMA temp_store=FILE")  # not all in memory
        raw.execute("VACUUM")
    raw.execute(f"PRAGMA busy_timeout={CLEAN_WAIT_MS}")
    return raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def _clean_postgresql(raw: Any) -> bool:
    """Existing statistics are made anew, because they hold values too."""
    raw.autocommit = True
    raw.execute("SET statement_timeout = 0")
    known = raw.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples > 0", (list(PERSONAL),)).fetchall()
    raw.execute(f"VACUUM {', '.join(PERSONAL)}")
    if known:
        raw.execute(f"ANALYZE {', '.join(name for (name,) in known)}")
    return True


async def _within(seconds: float, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise DatabaseSilent(
            Text("O banco de dados não respondeu a tempo.", "The database did not answer in time."),
            Text(
                "Tente de novo em instantes; se continuar, avise quem administra o engate.",
                "Try again in a moment; if it lasts, tell whoever runs engate.",
            ),
        ) from None


def _heard(work: asyncio.Future[T]) -> asyncio.Future[T]:
    """Marks the future's exception as retrieved, although its caller may have been cancelled."""
    work.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return work


class _Waiting(NamedTuple):
    change: Change[Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    tries: int


class _RefusedError(Exception):
    """A change failed, not the commit: the transaction had no effect."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _plainly(c: sa.Connection, group: list[_Waiting]) -> list[tuple[Any, Exception | None]]:
    try:
        return [(waiting.change(c), None) for waiting in group]
    except Exception as error:
        raise _RefusedError(error) from error


def _saved(c: sa.Connection, group: list[_Waiting]) -> list[tuple[Any, Exception | None]]:
    answers: list[tuple[Any, Exception | None]] = []
    lines: logs.Lines = c.info[logs.PENDING]
    for waiting in group:
        said = len(lines)
        try:
            with c.begin_nested():
                answers.append((waiting.change(c), None))
        except Exception as error:
            del lines[said:]
            answers.append((None, error))
    return answers


def _collided(error: Exception | None) -> bool:
    """Whether it was a deadlock, a serialization failure or a lock timeout: the transaction had no effect."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") in ("40P01", "40001", "55P03")


def _tell(done: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(value)


def insert(c: sa.Connection, table: sa.Table) -> Any:
    """The dialect's own INSERT, for ON CONFLICT."""
    return insert_of(c.dialect.name, table)


def insert_of(dialect: str, table: sa.Table) -> Any:
    """The same by the dialect's name."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
