"""For whoever runs the installation: alive, ready, metrics, workers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from engate.metrics import Counts, Dependency
from engate.store import lanes
from engate.store.broken import FREE, FULL, Broken
from engate.store.db import DatabaseSilent
from engate.store.engines import file_of
from engate.text import Text
from engate.views import running
from engate_api.auth import reader
from engate_api.installation import Installation
from engate_api.problems import FieldError, Refused, documented


class Health(msgspec.Struct, omit_defaults=True):
    """`status`: "ok", or "degraded" where the process lives and something it needs does not; `detail` then says what."""

    status: str
    detail: str = ""
    detail_en: str = ""


class Worker(msgspec.Struct):
    """`alive`: it was heard of within the last seconds. One that nobody has heard of for a day is forgotten."""

    name: str
    slices: int
    seen_at: datetime
    alive: bool


class Workers(msgspec.Struct):
    """`slices` of work done, by worker."""

    slices: dict[str, int]
    workers: list[Worker]


@get("/health", summary="Alive", opt={"exclude_from_auth": True}, security=[{}])
async def get_health(installation: NamedDependency[Installation]) -> Health:
    """Asks neither database nor Redis: it tells the errors that this process has met."""
    return _degraded([trouble.text] if (trouble := _trouble(installation)) else [])


@get(
    "/ready",
    summary="The database works and wakes get through",
    opt={"exclude_from_auth": True},
    security=[{}],
    responses=documented(503),
)
async def get_ready(installation: NamedDependency[Installation]) -> Health:
    """Answers within two seconds, also where one of them hangs. "degraded": engate answers and takes in, but nobody works."""
    *answers, works = await asyncio.gather(_database_answers(installation), _redis_answers(installation), _somebody_works(installation))
    missing = [MISSING[name] for name, answered in zip(MISSING, answers, strict=True) if not answered]
    if trouble := _trouble(installation):
        missing.append(Missing("database", trouble.text, trouble.hint))
    if missing:
        raise Refused(
            503,
            "not_ready",
            Text(" ".join(each.text.pt for each in missing), " ".join(each.text.en for each in missing)),
            Text(" ".join(each.hint.pt for each in missing), " ".join(each.hint.en for each in missing)),
            errors=[FieldError.of(each.name, each.text) for each in missing],
        )
    return _degraded([] if works else [NO_WORKER if installation.worker is None else NOT_WORKING])


def _degraded(why: Sequence[Text]) -> Health:
    return Health("degraded", " ".join(each.pt for each in why), " ".join(each.en for each in why)) if why else Health("ok")


class Missing(NamedTuple):
    name: str
    text: Text
    hint: Text


MISSING = {
    "database": Missing(
        "database",
        Text("O banco de dados não responde.", "The database does not answer."),
        Text("Confira ENGATE_DATABASE_URL.", "Check ENGATE_DATABASE_URL."),
    ),
    "redis": Missing(
        "redis",
        Text("O Redis não responde; o trabalho segue sem ele.", "Redis does not answer; work goes on without it."),
        Text("Confira ENGATE_REDIS_URL.", "Check ENGATE_REDIS_URL."),
    ),
}
NO_WORKER = Text(
    "Nenhum worker está no ar: eventos e pedidos são recebidos e esperam. Inicie um: engate worker.",
    "No worker is alive: events and orders are taken in and wait. Start one: engate worker.",
)
NOT_WORKING = Text(
    "Este worker não dá sinal de vida: acaba de iniciar, ou parou há mais de 15 segundos. Se durar, veja o log dele e reinicie-o.",
    "This worker shows no sign of life: it has just started, or stood still for 15 seconds. If that lasts, see its log and start it again.",
)
READY_SECONDS = 1.5
COUNT_SECONDS = 5.0
"""Seconds for counting; Prometheus gives up after ten."""
LEAST_FREE = 32 * 2**20
"""Bytes on the disk of a SQLite database with which it can still work a while."""


def _trouble(installation: Installation) -> Broken | None:
    """What keeps the database from working though it answers: reads go on where nothing can be written any more."""
    known = installation.store.trouble
    file = file_of(installation.store.url)
    if known is None and file is not None and _free_beside(file) < LEAST_FREE:
        return Broken(FULL, FREE, code="disk_full")
    return known


def _free_beside(file: Path) -> int:
    """Free bytes. A folder that is gone counts as enough: the database reports it."""
    try:
        return shutil.disk_usage(file.parent).free
    except OSError:
        return LEAST_FREE


async def _database_answers(installation: Installation) -> bool:
    try:
        await installation.store.glancing(lambda c: c.execute(sa.text("SELECT 1")), READY_SECONDS)
    except (SQLAlchemyError, DatabaseSilent):
        return False
    return True


async def _somebody_works(installation: Installation) -> bool:
    """True too where the database does not answer. Without Redis this process works itself. A worker asks about itself only."""
    if installation.settings.redis_url is None:
        return True
    since = installation.now() - lanes.ALIVE
    try:
        return await installation.store.glancing(lambda c: lanes.workers_alive(c, since, installation.worker), READY_SECONDS) > 0
    except (SQLAlchemyError, DatabaseSilent):
        return True


async def _redis_answers(installation: Installation) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await installation.dispatch.ready()
    except TimeoutError:
        return False


@get(
    "/metrics", summary="Prometheus", opt={"exclude_from_auth": True}, security=[{}], media_type="text/plain; version=0.0.4; charset=utf-8"
)
async def get_metrics(installation: NamedDependency[Installation]) -> Response[bytes]:
    """What this process did; of the API also how all stands, unless the database is away: what is away stands there too."""
    up: dict[Dependency, Coroutine[Any, Any, bool]] = {"database": _database_answers(installation)}
    if installation.settings.redis_url is not None:
        up["redis"] = _redis_answers(installation)
    counted, answered = await asyncio.gather(_counted(installation), asyncio.gather(*up.values()))
    answers: dict[Dependency, bool] = dict(zip(up, answered, strict=True))
    if counted is None:  # slow counting is no outage: the answer to SELECT 1 says whether the database is there
        counted = {}
    answers["storage"] = _trouble(installation) is None
    dependencies = {(name,): float(works) for name, works in answers.items()}
    return Response(installation.metrics.scraped({"engate_dependency_up": dependencies, **counted}))


async def _counted(installation: Installation) -> dict[str, Counts] | None:
    """Counts of the whole installation, told by the API only. None: the database did not answer."""
    if installation.worker is not None:
        return {}
    now = installation.now()
    try:
        async with asyncio.timeout(COUNT_SECONDS):
            found = await installation.tempered.get("gauges", lambda c: running.gauges(c, now))
    except (TimeoutError, SQLAlchemyError, DatabaseSilent):
        return None
    return {
        "engate_workers_alive": {(): found.workers_alive},
        "engate_lanes_due": {(): found.lanes_due},
        "engate_lanes_due_seconds": {(): found.lanes_due_seconds},
        "engate_records": found.records,
        "engate_orders": _by_one(found.orders),
        "engate_connections": _by_one(found.connections),
        "engate_causes": _by_one(found.causes),
        "engate_backup_timestamp_seconds": {(): found.backup_at},
    }


def _by_one(counts: Mapping[str, int]) -> Counts:
    return {(name,): n for name, n in counts.items()}


@get("/workers", summary="Who works on the lanes, and when each was last seen", guards=[reader], responses=documented(401, 403))
async def list_workers(installation: NamedDependency[Installation]) -> Workers:
    known, since = await installation.store.viewing(lanes.workers), installation.now() - lanes.ALIVE
    found = [Worker(each.name, each.slices, datetime.fromtimestamp(each.seen_at, UTC), each.seen_at >= since) for each in known]
    return Workers({each.name: each.slices for each in known}, found)


WITHOUT_KEY = [get_health, get_ready, get_metrics]
"""Routes that a worker with a port serves too."""
ROUTES = [*WITHOUT_KEY, list_workers]
