"""For whoever runs the installation: alive, ready, metrics, workers."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from engate.store import lanes
from engate.store.views import running
from engate.text import Text
from engate_api.auth import reader
from engate_api.installation import Installation
from engate_api.problems import Refused, documented


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
    try:
        await installation.store.viewing(lambda c: c.execute(sa.text("SELECT 1")))
        reached = await installation.dispatch.ready()
    except SQLAlchemyError:
        reached = False
    if not reached:
        raise Refused(
            503,
            "not_ready",
            Text("O banco ou o Redis não responde.", "The database or Redis does not answer."),
            Text("Confira ENGATE_DATABASE_URL e ENGATE_REDIS_URL.", "Check ENGATE_DATABASE_URL and ENGATE_REDIS_URL."),
        )
    return Alive()


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
