"""A process that starts before PostgreSQL or Redis waits for them, and says so every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import redis
import sqlalchemy as sa
from sqlalchemy import exc

from engate import logs
from engate.errors import EngateError
from engate.store.broken import shortly
from engate.store.engines import REACH
from engate.text import Text
from engate_api.settings import Settings

PAUSE = 3.0
SECONDS = 5


class Patience(NamedTuple):
    until: float
    pause: float


def wait_for_servers(settings: Settings, say: Callable[..., None] = logs.say, pause: float = PAUSE) -> None:
    """Raises where one of them does not answer within `start_wait`, with what it said last."""
    patience = Patience(time.monotonic() + settings.start_wait, pause)
    if not settings.sqlite:
        _wait("PostgreSQL", "ENGATE_DATABASE_URL", lambda: _look_database(settings.database_url), patience, say)
    if settings.redis_url is not None:
        url = settings.redis_url
        _wait("Redis", "ENGATE_REDIS_URL", lambda: _look_redis(url), patience, say)


def _wait(name: str, setting: str, look: Callable[[], None], patience: Patience, say: Callable[..., None]) -> None:
    while True:
        try:
            return look()
        except (exc.SQLAlchemyError, redis.RedisError, OSError) as error:
            said = shortly(error)
        left = patience.until - time.monotonic()
        if left <= 0:
            raise EngateError(
                Text(f"{name} não respondeu: {said}", f"{name} did not answer: {said}"),
                Text(f"Confira {setting} e se o servidor está no ar; ENGATE_START_WAIT diz quanto se espera.",
                     f"Check {setting}, and whether the server is up; ENGATE_START_WAIT says how long to wait."),
                code="not_there",
            )  # fmt: skip
        say("start_waits", what=name, seconds=round(left), error=said)
        time.sleep(min(patience.pause, left))


def _look_database(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": REACH["connect_timeout"]})
    with engine.connect() as c:
        c.exec_driver_sql("SELECT 1")


def _look_redis(url: str) -> None:
    # redis gives its **kwargs no types
    client = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)  # pyright: ignore[reportUnknownMemberType]
    try:
        client.ping()  # pyright: ignore[reportUnknownMemberType]
    finally:
        client.close()
