"""Filters of the lists of events: an integration, and a period. A day is one of the tenant's time zone."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from engate.store import config
from engate_api.auth import Caller
from engate_api.installation import Installation
from engate_api.requests import Moment, moment

OfIntegration = Annotated[int | None, QueryParameter(name="integration", ge=1, le=2**53)]


class Period(NamedTuple):
    since: float | None
    until: float | None


async def period(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], since: Moment = None, until: Moment = None
) -> Period:
    """A day is one of the tenant's zone."""
    zone = await installation.store.glancing(lambda c: config.zone_of(c, caller.tenant_id))
    return Period(moment(since, zone, "since"), moment(until, zone, "until", end=True))


IN_PERIOD = {"period": Provide(period)}
