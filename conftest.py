"""What tests of every distribution share: databases. One PostgreSQL a session, a fresh database in it for every test that asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

_number = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A PostgreSQL without durability, started when the first test asks."""
    services = pytest.importorskip("engate.testing.services", exc_type=ImportError)
    with services.postgres(tmp_path_factory.mktemp("postgres"), fast=True) as url:
        yield url


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes an empty database of a kind ("sqlite" | "postgresql"); answers its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/engate-{next(_number)}.db"
        from engate.testing.services import create_database

        return create_database(request.getfixturevalue("postgres_server"), f"engate_{next(_number)}")

    return make


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
