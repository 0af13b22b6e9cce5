"""What tests of every distribution share. Databases: one PostgreSQL a session, a fresh database in it for every test that asks. And the
last word of a run: how much of its traffic was held against the vendors' schemas."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("engate", deadline=None)  # how long an example takes is the machine's doing
settings.load_profile("engate")
_number = itertools.count(1)
MEMORY = Path("/dev/shm")
"""Where a commit waits for no disk. Only what is left after a power failure would be different, and no test pulls the plug."""
ROOM = 512 * 1024 * 1024
"""A container may have hardly any of it."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a third of the time is spent waiting for a real system."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_finish() -> None:
    """What has been imported by now stays: a seventh of the run's time went into looking at it again and again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A PostgreSQL without durability, started when the first test asks."""
    services = pytest.importorskip("engate.testing.services", exc_type=ImportError)
    with services.postgres(tmp_path_factory.mktemp("postgres"), fast=True) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database that has the tables and no rows: to make them costs five times what copying them does."""
    file = tmp_path_factory.mktemp("tables") / "tables.db"
    _furnish(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """The name of such a database."""
    from engate.testing.services import create_database

    _furnish(create_database(postgres_server, "engate_tables"))
    return "engate_tables"


def _furnish(url: str) -> None:
    from engate.store.db import Store
    from engate.store.tables import metadata

    store = Store(url)
    metadata.create_all(store.engine)
    store.close()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Callable[..., str]]:
    """Makes a database of a kind ("sqlite" | "postgresql"), empty or with `tables`; answers its URL."""
    with ExitStack() as dropped:

        def make(kind: str, *, tables: bool = False) -> str:
            if kind == "sqlite":
                folder = Path(dropped.enter_context(_in_memory())) if _has_room() else tmp_path
                file = folder / f"engate-{next(_number)}.db"
                if tables:
                    file.write_bytes(request.getfixturevalue("sqlite_tables"))
                return f"sqlite:///{file}"
            from engate.testing.services import create_database, drop_database

            server, name = request.getfixturevalue("postgres_server"), f"engate_{next(_number)}"
            url = create_database(server, name, request.getfixturevalue("postgres_tables") if tables else "template1")
            dropped.callback(
                drop_database, server, name
            )  # a hundred of them are a gigabyte, which takes half a minute to remove at the end
            return url

        yield make


def _has_room() -> bool:
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM


def _in_memory() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="engate-test-", dir=MEMORY, ignore_cleanup_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, new_database: Callable[..., str]) -> str:
    """The tables and no rows: the test runs on both kinds.

    For tests whose statements differ (claims, upserts, what is told by triggers, JSON and times) and, of the whole engine, for so many
    that every kind of statement runs on PostgreSQL in one of them: the walk, an import by two runners, a rename, a clock that is set
    right, an operation, a probe, a settlement, a reading that is short or owed, a listing, a document that is spoilt. What else the
    engine does is the same Python on either, and `sqlite_database` is enough."""
    return new_database(request.param, tables=True)


@pytest.fixture
def sqlite_database(new_database: Callable[..., str]) -> str:
    """The tables and no rows."""
    return new_database("sqlite", tables=True)


@pytest.fixture
def postgres_database(new_database: Callable[..., str]) -> str:
    """Empty."""
    return new_database("postgresql")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where contracts are required, a whole run that held nothing against them has failed, and so has one with an unexplained gap.
    A process of a parallel run hands what it held to the one that sums up."""
    from engate.testing import contracts

    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["held"] = [held.tell() for held in contracts.SHARED]
    elif session.exitstatus == pytest.ExitCode.OK and _gaps(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of a parallel run has ended."""
    del error
    from engate.testing import contracts

    for told in getattr(node, "workeroutput", {}).get("held", ()):
        contracts.hear(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """`vtex validated: N requests, M answers, covered/total operations`, and what was used without a schema."""
    from engate.testing import contracts

    for held in contracts.SHARED:
        for line in held.lines():
            terminalreporter.write_line(line)
    for gap in _gaps(config):
        terminalreporter.write_line(gap, red=True)


def _gaps(config: pytest.Config) -> list[str]:
    """Nothing can be said of a run that was narrowed to some tests."""
    from engate.testing import contracts

    chosen = config.option.keyword or config.option.markexpr or config.option.collectonly
    if chosen or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return []
    gaps = [f"{held.platform}: {name} is not validated, and in no table of exceptions" for held in contracts.SHARED for name in held.gaps()]
    if contracts.required() and not any(held.contracts.requests and held.contracts.answers for held in contracts.SHARED):
        gaps.append("nothing was held against the vendors' schemas (ENGATE_REQUIRE_CONTRACTS=1)")
    return gaps
