"""SQLAlchemy engines for `db.py`: how a database is reached, and the timeouts."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from engate.store.broken import stopping

POOL_WAIT = 5.0
REACH = {
    "connect_timeout": "5",
    # a host that is gone, or accepts no more data, is noticed within about 10 s
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""libpq's parameters; those in the URL take precedence."""
WORK = {"statement_timeout": "60s", "lock_timeout": "15s", "idle_in_transaction_session_timeout": "60s"}
"""No statement of the engine takes a minute. A process stopped within a transaction does not lock its rows for ever."""
LOOK = {"statement_timeout": "15s", "lock_timeout": "5s", "default_transaction_read_only": "on"}
"""Timeouts of people's reads."""


class Opened:
    """The open connections of engines, including those in use."""

    def __init__(self, *engines: sa.Engine) -> None:
        self._known: set[Any] = set()
        self._cut = False
        for engine in engines:
            event.listen(engine, "do_connect", self._may)
            event.listen(engine, "connect", self._add)
            event.listen(engine, "close", self._forget)

    def cut(self) -> None:
        """Threads that wait for an answer get an error at once, and no new connection is opened."""
        self._cut = True
        for each in list(self._known):
            with suppress(Exception):  # it may have been closed meanwhile
                _cut(each)

    def _may(self, *_how: Any) -> None:
        if self._cut:
            raise stopping()

    def _add(self, connection: Any, _record: Any) -> None:
        self._known.add(connection)

    def _forget(self, connection: Any, _record: Any) -> None:
        self._known.discard(connection)


def _cut(connection: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.interrupt()
        return
    # not closed: its thread could then read from another file opened under the same number
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None where there is none."""
    name = sa.make_url(url).database if url.startswith("sqlite") else None
    return Path(name) if name and name != ":memory:" and not name.startswith("file:") else None


def working(url: str, connections: int) -> sa.Engine:
    """The engine of the lanes and of all writes."""
    return _engine(url, connections, WORK, ())


def looking(url: str, connections: int) -> sa.Engine:
    """The engine of people's reads: it cannot write."""
    return _engine(url, connections, LOOK, ("query_only=ON", "cache_size=-16000"))  # views read the same pages again


def _engine(url: str, connections: int, parameters: dict[str, str], pragmas: tuple[str, ...]) -> sa.Engine:
    # a pool as large as the threads plus a few for tools: nothing waits inside SQLAlchemy
    # parameters are a shop's data: errors must not show them
    both = {"pool_size": connections, "max_overflow": 2, "pool_timeout": POOL_WAIT, "hide_parameters": True}
    if not url.startswith("sqlite"):
        said = sa.make_url(url).query
        reach = {name: value for name, value in REACH.items() if name not in said}
        if "options" not in said:
            reach["options"] = " ".join(f"-c {name}={value}" for name, value in parameters.items())
        return sa.create_engine(url, pool_pre_ping=True, connect_args=reach, **both)
    engine = sa.create_engine(url, connect_args={"cached_statements": STATEMENTS}, **both)

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (*PRAGMAS, *pragmas):
            connection.execute("PRAGMA " + pragma)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


STATEMENTS = 32
"""Prepared statements that a connection keeps. One that bound 500 rows keeps their memory: with Python's default of 128, a load of 33,000
products took 24 MiB more and was no faster."""
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON")
"""`secure_delete`: deleted or overwritten data is no longer in the file."""


def _on_begin(c: sa.Connection) -> None:
    # not through SQLAlchemy, which costs ten times as much: every slice opens several transactions
    driver: Any = c.connection.dbapi_connection
    driver.execute("BEGIN IMMEDIATE" if c.get_execution_options().get("writes") else "BEGIN")
