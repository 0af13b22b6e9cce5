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


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Callable[[str], str]]:
    """Makes an empty database of a kind ("sqlite" | "postgresql"); answers its URL."""
    with ExitStack() as dropped:

        def make(kind: str) -> str:
            if kind == "sqlite":
                folder = dropped.enter_context(_in_memory()) if _has_room() else tmp_path
                return f"sqlite:///{folder}/engate-{next(_number)}.db"
            from engate.testing.services import create_database, drop_database

            server, name = request.getfixturevalue("postgres_server"), f"engate_{next(_number)}"
            url = create_database(server, name)
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
def database(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """An empty database: the test runs on both kinds."""
    return new_database(request.param)


@pytest.fixture
def sqlite_database(new_database: Callable[[str], str]) -> str:
    return new_database("sqlite")


@pytest.fixture
def postgres_database(new_database: Callable[[str], str]) -> str:
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
