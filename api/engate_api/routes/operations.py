"""For whoever runs the installation: alive, ready, metrics, workers."""

from __future__ import annotations

import asyncio

import msgspec
import sqlalchemy as sa
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from engate.store import lanes
from engate.store.db import DatabaseSilent
from engate.store.views import running
from engate.text import Text
from engate_api.auth import reader
from engate_api.installation import Installation
from engate_api.problems import FieldError, Refused, documented


class Alive(msgspec.Struct):
    status: str = "ok"


class Workers(msgspec.Struct):
    """Slices of work done, by worker."""

    slices: dict[str, int]


@get("/health", summary="Alive", opt={"exclude_from_auth": True}, security=[{}])
async def health() -> Alive:
    return Alive()


@get(
    "/ready",
    summary="The database answers and wakes get through",
    opt={"exclude_from_auth": True},
    security=[{}],
    responses=documented(503),
)
async def ready(installation: NamedDependency[Installation]) -> Alive:
    """Answers within two seconds, also where one of them hangs."""
    answers = await asyncio.gather(_database_answers(installation), _redis_answers(installation))
    silent = [name for name, answered in zip(("database", "redis"), answers, strict=True) if not answered]
    if silent:
        pt, en = (" e ".join(SILENT[name].pt for name in silent), " and ".join(SILENT[name].en for name in silent))
        raise Refused(
            503,
            "not_ready",
            Text(f"{pt[0].upper()}{pt[1:]}.", f"{en[0].upper()}{en[1:]}."),
            Text(
                "Confira " + " e ".join(WHERE[name] for name in silent) + ".", "Check " + " and ".join(WHERE[name] for name in silent) + "."
            ),
            errors=[FieldError(name, SILENT[name].pt) for name in silent],
        )
    return Alive()


SILENT = {
    "database": Text("o banco de dados não responde", "the database does not answer"),
    "redis": Text("o Redis não responde; o trabalho segue sem ele", "Redis does not answer; work goes on without it"),
}
WHERE = {"database": "ENGATE_DATABASE_URL", "redis": "ENGATE_REDIS_URL"}
READY_SECONDS = 1.5


async def _database_answers(installation: Installation) -> bool:
    try:
        await installation.store.glancing(lambda c: c.execute(sa.text("SELECT 1")), READY_SECONDS)
    except (SQLAlchemyError, DatabaseSilent):
        return False
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
async def metrics(installation: NamedDependency[Installation]) -> Response[bytes]:
    now = installation.now()
    counted = await installation.tempered.get("gauges", lambda c: running.gauges(c, now))
    return Response(installation.metrics.scraped(counted.lanes_due, counted.records, counted.orders))


@get("/workers", summary="Slices of work by worker", guards=[reader], responses=documented(401, 403))
async def workers(installation: NamedDependency[Installation]) -> Workers:
    return Workers(await installation.store.viewing(lanes.slices_by_worker))


ROUTES = [health, ready, metrics, workers]
